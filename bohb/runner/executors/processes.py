"""The default executor: worker processes on this machine, each of which can be lost without loss to any other.

Every worker is served by one thread of the parent, which owns the process, its devices and its threads' share for good:
it takes a call from the queue, hands it over, waits for the reply or for the death of the process, and only then,
when nothing of a dead trial is left, takes the next. So a device is never in two hands, whoever dies when.
"""

import itertools
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bohb.errors import SettingError, WorkerLost
from bohb.runner.workers import devices
from bohb.runner.workers.pickling import pack
from bohb.runner.workers.temporary import Scratch
from bohb.runner.workers.worker import GRACE_SECONDS, Child


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A call that waits for a worker: what is called, under a number that tells it from others, and with what."""

    future: Future[Any]
    token: int
    packed: bytes
    arguments: bytes


@dataclass(slots=True)
class Workshop:
    """What the threads of an executor share.

    Attributes:
        jobs: What waits; None tells one thread to go home.
        lock: Held while a job changes hands.
        running: The process that each running future runs in.
        num_open: How many jobs wait or run.
    """

    is_warm: bool
    output: Path
    grace: float
    jobs: "queue.SimpleQueue[Job | None]" = field(default_factory=queue.SimpleQueue)
    lock: threading.Lock = field(default_factory=threading.Lock)
    running: dict[Future[Any], Child] = field(default_factory=dict)
    num_open: int = 0


class ProcessExecutor(Executor):
    """A PEP 3148 executor whose workers are processes, each with a process group of its own.

    It works from scripts (no `if __name__ == "__main__"` is needed), notebooks and `python -c`: functions of the main
    module travel by value. A worker that dies costs the call it ran, which ends with `WorkerLost`, and nothing else.
    `end(future)` ends a call with every process it started: SIGTERM, `grace` seconds, SIGKILL. If this process dies,
    its workers end at once.

    The start of a worker takes as long as the start of Python (some 50 ms of CPU), plus what loading the objective
    imports (numpy 0.1 s, PyTorch 2 s and more). Warm workers pay that once and are used again; what a trial leaves in
    the process (caches, global variables, memory of a device) the next one finds. A worker whose trial left processes
    running is ended with them. Fresh workers pay for every trial, and give back all that a trial held.

    Args:
        workers: How many; by default one for each core, or as many as there are devices for.
        gpus_per_trial: How many GPUs a trial sees, through `CUDA_VISIBLE_DEVICES`; no two running trials see the same.
            0 leaves the variable alone.
        gpus: The devices to share out, as indices or UUIDs, written as they are to `CUDA_VISIBLE_DEVICES`; by default
            those that are named there now, or else all that `nvidia-smi` lists.
        warm: Whether to use a process for several trials; by default if trials have no GPU, whose memory a process
            seldom gives back before it ends.
        output: The folder for what trials print, `trial-<id>.out` and `trial-<id>.err`; empty ones are removed. `run`
            uses `output` in its directory instead, if it has one. By default, a temporary folder, which is deleted when
            this program ends.
        grace: Seconds between SIGTERM and SIGKILL.
        environments: For each worker, environment variables to set beside all others; by default none.

    Raises:
        SettingError: If a setting makes no sense, or there are too few devices.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        gpus_per_trial: int = 0,
        gpus: Sequence[int | str] | None = None,
        warm: bool | None = None,
        output: str | Path | None = None,
        grace: float = GRACE_SECONDS,
        environments: Sequence[Mapping[str, str]] | None = None,
    ) -> None:
        _check(workers, gpus_per_trial, gpus)
        visible = devices.share_gpus(workers, gpus_per_trial, gpus) if gpus_per_trial else []
        self.workers = len(visible) or workers or devices.num_cores()
        threads = devices.share_threads(self.workers)
        self._environments: list[dict[str, str]] = [
            threads | ({"CUDA_VISIBLE_DEVICES": visible[i]} if visible else {}) for i in range(self.workers)
        ]
        if environments is not None:
            for own, more in zip(self._environments, environments, strict=True):
                own.update(more)
        self._scratch: Scratch | None = None
        if output is None:
            self._scratch = Scratch("bohb-output-")
            output = self._scratch.path
        is_warm = not gpus_per_trial if warm is None else warm
        self._shop = Workshop(is_warm, Path(output).absolute(), grace)
        self._threads: list[threading.Thread] = []
        self._tokens = itertools.count()
        self._called: tuple[Any, int, bytes] = (None, -1, b"")
        self._is_shut = False

    @property
    def output(self) -> Path:
        """The folder for what trials print if the run has no directory."""
        return self._shop.output

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Schedules a call. The same `fn` again is not pickled again.

        Raises:
            SettingError: If the call cannot be pickled.
            RuntimeError: If the executor was shut down.
        """
        arguments = pack((args, kwargs), "arguments")
        future: Future[Any] = Future()
        with self._shop.lock:
            if self._is_shut:
                raise RuntimeError("expected an executor that is open, got one that was shut down; make a new one")
            if fn is not self._called[0]:
                self._called = (fn, next(self._tokens), pack(fn, "a function"))
            self._shop.num_open += 1
            if len(self._threads) < min(self.workers, self._shop.num_open):
                self._hire()
            self._shop.jobs.put(Job(future, self._called[1], self._called[2], arguments))
        return future

    def end(self, future: Future[Any]) -> None:
        """Ends a call and every process it started; its future is done soon after. A call that waits is cancelled."""
        with self._shop.lock:
            child = self._shop.running.get(future)
            if child is None:
                future.cancel()
            else:
                child.interrupt()  # under the lock, so that the process is not at another job by then

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls and lets the workers go when the calls there are have ended."""
        with self._shop.lock:
            is_first, self._is_shut = not self._is_shut, True
        if cancel_futures:
            self._cancel_waiting()
        if is_first:
            for _ in self._threads:
                self._shop.jobs.put(None)
        if wait:
            for thread in self._threads:
                thread.join()
            if self._scratch is not None:
                self._scratch.drop_if_empty()

    def _hire(self) -> None:
        environment = self._environments[len(self._threads)]
        # A daemon thread: if the program ends without `shutdown`, the workers end because their pipes close.
        thread = threading.Thread(target=Worker(self._shop, environment).serve, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _cancel_waiting(self) -> None:
        kept: list[Job | None] = []
        try:
            while True:
                job = self._shop.jobs.get_nowait()
                if job is None:
                    kept.append(job)
                else:
                    job.future.cancel()
                    job.future.set_running_or_notify_cancel()
        except queue.Empty:
            for job in kept:
                self._shop.jobs.put(job)


class Worker:
    """One worker: at most one process at any time, with an environment of its own."""

    def __init__(self, shop: Workshop, environment: Mapping[str, str]) -> None:
        self._shop = shop
        self._environment = environment
        self._child: Child | None = None

    def serve(self) -> None:
        """Takes jobs until there is nothing more to do: the body of a thread."""
        while (job := self._shop.jobs.get()) is not None:
            child = self._take(job)
            if child is not None:
                self._work(job, child)
            del job, child  # a future, and a result, may be large: not kept while waiting for the next
        if self._child is not None:
            self._child.stop()

    def _take(self, job: Job) -> Child | None:
        """Marks a job as running in a process, a new one if need be; returns None if it was cancelled or cannot run."""
        with self._shop.lock:
            if not job.future.set_running_or_notify_cancel():
                self._shop.num_open -= 1
                return None
            try:
                child = self._child or self._start()
            except Exception as error:  # no memory, no more processes: this call is lost, the thread is not
                self._shop.num_open -= 1
                job.future.set_exception(WorkerLost(f"no worker process could be started: {error}"))
                return None
            self._shop.running[job.future] = self._child = child
            return child

    def _work(self, job: Job, child: Child) -> None:
        """Has a job done. Its future is settled last, when nothing of the job is left but what is meant to be."""
        try:
            child = self._send(job, child)
            reply = child.receive()
            assert reply is not None, "without a time limit there is a reply, or WorkerLost"
        except Exception as error:  # WorkerLost, or a reply that cannot be unpickled here: for the caller to see
            reply = ("error", error, True)
        kind, value, is_littered = reply
        self._let_go(job, keep=self._shop.is_warm and not is_littered)
        if kind == "error":
            job.future.set_exception(value)
        else:
            job.future.set_result(value)

    def _send(self, job: Job, child: Child) -> Child:
        """Sends a job; if the process died while it had nothing to do, to a new one, so that it costs no trial."""
        try:
            child.send(job.token, job.packed, job.arguments)
        except WorkerLost:
            child.kill()
            with self._shop.lock:
                if child.is_interrupted:
                    raise
                child = self._start()
                self._shop.running[job.future] = self._child = child
            child.send(job.token, job.packed, job.arguments)
        return child

    def _start(self) -> Child:
        return Child(environment=self._environment, output=self._shop.output, grace=self._shop.grace)

    def _let_go(self, job: Job, *, keep: bool) -> None:
        """Takes the job off its process, and ends the process with all it started unless it is kept."""
        with self._shop.lock:
            child = self._shop.running.pop(job.future)  # from here on nobody interrupts it for this job's sake
            self._shop.num_open -= 1
        if child.is_interrupted:
            child.wait_for_end()
        elif not keep:
            child.stop()
        if child.is_interrupted or not keep:
            self._child = None


def _check(workers: Any, gpus_per_trial: Any, gpus: Any) -> None:
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise SettingError(f"expected a positive integer as workers, got {workers!r}")
    if isinstance(gpus_per_trial, bool) or not isinstance(gpus_per_trial, int) or gpus_per_trial < 0:
        raise SettingError(f"expected a number of whole GPUs as gpus_per_trial, got {gpus_per_trial!r}")
    if gpus is not None and (isinstance(gpus, str | bytes) or not isinstance(gpus, Sequence)):
        raise SettingError(f"expected a sequence of indices or UUIDs as gpus, got {gpus!r}")
    if gpus is not None and not gpus_per_trial:
        raise SettingError("expected gpus_per_trial with gpus, got 0; say how many of them a trial gets")
