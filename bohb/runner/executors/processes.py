"""The default executor: worker processes on this machine; losing one costs one trial.

One thread of this process serves each worker, and owns its process, its devices and its share of the cores. The thread
takes a call from the queue, sends it, and waits for the reply or for the death of the process. It takes the next call
only when nothing of a dead trial is left. So two live trials never share a device, whichever process dies.
"""

import itertools
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bohb._checks import MOST_WORKERS, integer, positive_integer
from bohb._text import brief
from bohb.errors import SettingError, WorkerLost
from bohb.runner.workers import devices
from bohb.runner.workers.pickling import pack
from bohb.runner.workers.temporary import TemporaryFolder, folder_path
from bohb.runner.workers.worker import GRACE_SECONDS, WorkerProcess


@dataclass(frozen=True, slots=True, eq=False)
class QueuedCall:
    """A call that waits for a worker.

    Attributes:
        future: The future of the call.
        token: Identifies the function.
        packed: The function, pickled.
        arguments: The arguments, pickled.
        seconds: How long it may take before its process is ended; None for no limit.
    """

    future: Future[Any]
    token: int
    packed: bytes
    arguments: bytes
    seconds: float | None = None


@dataclass(slots=True)
class PoolState:
    """What the threads of an executor share.

    Attributes:
        is_warm: Whether a process is used for several calls.
        output: The folder for what trials print.
        grace: Seconds between SIGTERM and SIGKILL.
        calls: The calls that wait; None tells one thread to end.
        lock: Held while a call starts or ends.
        running: The process of each running future.
        held: Where the worker of a call waits for the next one, by the future of a call whose result is open.
        num_open: The number of calls that wait or run, and of workers that are held.
    """

    is_warm: bool
    output: Path
    grace: float
    calls: "queue.SimpleQueue[QueuedCall | None]" = field(default_factory=queue.SimpleQueue)
    lock: threading.Lock = field(default_factory=threading.Lock)
    running: dict[Future[Any], WorkerProcess] = field(default_factory=dict)
    held: "dict[Future[Any], queue.SimpleQueue[QueuedCall | None]]" = field(default_factory=dict)
    num_open: int = 0


class ProcessExecutor(Executor):
    """A PEP 3148 executor with worker processes, each with a process group of its own.

    It works from scripts (without `if __name__ == "__main__"`), notebooks and `python -c`: functions of the main module
    travel by value. If a worker dies, only the call that it ran ends, with `WorkerLost`. `end(future)` ends a call with
    every process it started: SIGTERM, `grace` seconds, SIGKILL. If this process dies, its workers end at once.

    Starting a worker takes as long as starting Python (about 50 ms of CPU), plus the imports of the objective (numpy
    0.1 s, PyTorch 2 s and more). A warm worker pays that once and is used again. The next trial then finds what the
    last one left in the process: caches, global variables, memory of a device. A worker whose trial left processes
    running is ended with them. A fresh worker pays for every trial, and frees everything that the trial held.

    Args:
        workers: The number of workers; by default one for each core, or as many as the devices allow.
        gpus_per_trial: How many GPUs a trial sees, through `CUDA_VISIBLE_DEVICES`; no two running trials share one.
            0 leaves the variable as it is.
        gpus: The devices to share out, as indices or UUIDs for `CUDA_VISIBLE_DEVICES`; by default the devices that the
            variable names now, or else all that `nvidia-smi` lists.
        warm: Whether to use a process for several trials; by default only without GPUs, whose memory a process rarely
            frees before it ends.
        output: The folder for what trials print, `trial-<id>.out` and `trial-<id>.err`; empty files are removed.
            `run` uses `output` in its directory instead, if it has one. By default a temporary folder, which is deleted
            when this program ends.
        grace: Seconds between SIGTERM and SIGKILL.
        environments: Additional environment variables for each worker; by default none.

    Raises:
        SettingError: If a setting is not valid, or there are too few devices.
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
            for own, more in zip(self._environments, _checked(environments, self.workers), strict=True):
                own.update(more)
        self._temporary: TemporaryFolder | None = None
        if output is None:
            self._temporary = TemporaryFolder("bohb-output-")
            output = self._temporary.path
        is_warm = not gpus_per_trial if warm is None else warm
        self._pool = PoolState(is_warm, folder_path("output", output), grace)
        self._threads: list[threading.Thread] = []
        self._tokens = itertools.count()
        self._called: tuple[Any, int, bytes] = (None, -1, b"")
        self._is_shut = False

    @property
    def output(self) -> Path:
        """The folder for what trials print if the run has no directory."""
        return self._pool.output

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Schedule a call. A function that is submitted repeatedly is pickled once.

        Raises:
            SettingError: If the call cannot be pickled.
            RuntimeError: If the executor was shut down.
        """
        arguments = pack((args, kwargs), "arguments")
        with self._pool.lock:
            call = self._call(fn, arguments)
            self._pool.num_open += 1
            if len(self._threads) < min(self.workers, self._pool.num_open):
                self._start_thread()
            self._pool.calls.put(call)
        return call.future

    def go_on(
        self, future: Future[Any], fn: Callable[..., Any], /, *args: Any, seconds: float | None = None
    ) -> Future[Any]:
        """Schedule a call in the process of an earlier one, whose result has a true `is_open`; it waits there.

        If that process has ended, any worker makes the call.

        Args:
            future: The future of the earlier call, which is done.
            fn: The same function.
            args: The arguments.
            seconds: After how many seconds to end the process; None for no limit.
        """
        arguments = pack((args, {}), "arguments")
        with self._pool.lock:
            held = self._pool.held.pop(future, None)
            if held is not None:
                call = self._call(fn, arguments, seconds)
                held.put(call)
                return call.future
        return self.submit(fn, *args)

    def _call(self, fn: Callable[..., Any], arguments: bytes, seconds: float | None = None) -> QueuedCall:
        if self._is_shut:
            raise RuntimeError("expected an executor that is open, got one that was shut down; make a new one")
        if fn is not self._called[0]:
            self._called = (fn, next(self._tokens), pack(fn, "a function"))
        return QueuedCall(Future(), self._called[1], self._called[2], arguments, seconds)

    def end(self, future: Future[Any]) -> None:
        """End a call and every process it started; its future is done soon after. Cancel a call that waits."""
        with self._pool.lock:
            process = self._pool.running.get(future)
            if process is None:
                future.cancel()
            else:
                process.interrupt()  # under the lock: the process cannot have begun another call

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls, and end the workers when all calls have ended."""
        with self._pool.lock:
            is_first, self._is_shut = not self._is_shut, True
        if cancel_futures:
            self._cancel_waiting()
        if is_first:
            for _ in self._threads:
                self._pool.calls.put(None)
            with self._pool.lock:
                while self._pool.held:
                    self._pool.held.popitem()[1].put(None)
        if wait:
            for thread in self._threads:
                thread.join()
            if self._temporary is not None:
                self._temporary.delete_if_empty()

    def _start_thread(self) -> None:
        environment = self._environments[len(self._threads)]
        # A daemon thread: if the program ends without `shutdown`, the workers end because their pipes close.
        thread = threading.Thread(target=WorkerThread(self._pool, environment).serve, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _cancel_waiting(self) -> None:
        kept: list[QueuedCall | None] = []
        try:
            while True:
                call = self._pool.calls.get_nowait()
                if call is None:
                    kept.append(call)
                else:
                    call.future.cancel()
                    call.future.set_running_or_notify_cancel()
        except queue.Empty:
            for call in kept:
                self._pool.calls.put(call)


class WorkerThread:
    """The thread that serves one worker: at most one process at any time, with an environment of its own."""

    def __init__(self, pool: PoolState, environment: Mapping[str, str]) -> None:
        self._pool = pool
        self._environment = environment
        self._process: WorkerProcess | None = None
        self._held: queue.SimpleQueue[QueuedCall | None] | None = None

    def serve(self) -> None:
        """Serve calls until the executor is shut down: the body of the thread."""
        while (call := (self._held or self._pool.calls).get()) is not None:
            self._held = None
            process = self._take(call)
            if process is not None:
                self._work(call, process)
            del call, process  # a future with its result may be large: do not keep it while waiting
        if self._process is not None:
            self._process.stop()

    def _take(self, call: QueuedCall) -> WorkerProcess | None:
        """Return the process for a call, a new one if need be; None if the call was cancelled or no process starts."""
        with self._pool.lock:
            if not call.future.set_running_or_notify_cancel():
                self._pool.num_open -= 1
                return None
            try:
                process = self._process or self._start()
            except Exception as error:  # no memory, no more processes: this call is lost, the thread is not
                self._pool.num_open -= 1
                call.future.set_exception(WorkerLost(f"no worker process could be started: {error}"))
                return None
            self._pool.running[call.future] = self._process = process
            return process

    def _work(self, call: QueuedCall, process: WorkerProcess) -> None:
        """Run a call. Its future is settled last, once the process is idle again or has ended."""
        try:
            process = self._send(call, process)
            reply = process.receive(timeout=call.seconds)
            if reply is None:
                process.interrupt()
                raise WorkerLost(f"worker process {process.pid} took longer than {call.seconds} s to end a training")
        except Exception as error:  # the worker was lost: the caller sees it
            reply = ("error", error, True)
        kind, value, is_littered = reply
        if not (kind == "result" and getattr(value, "is_open", False) and self._hold(call, process)):
            self._release(call, keep=self._pool.is_warm and not is_littered)
        if kind == "error":
            call.future.set_exception(value)
        else:
            call.future.set_result(value)

    def _send(self, call: QueuedCall, process: WorkerProcess) -> WorkerProcess:
        """Send a call; if the process died while it was idle, start a new one, so that no trial is lost."""
        try:
            process.send(call.token, call.packed, call.arguments)
        except WorkerLost:
            process.kill()
            with self._pool.lock:
                if process.is_interrupted:
                    raise
                process = self._start()
                self._pool.running[call.future] = self._process = process
            process.send(call.token, call.packed, call.arguments)
        return process

    def _start(self) -> WorkerProcess:
        return WorkerProcess(environment=self._environment, output=self._pool.output, grace=self._pool.grace)

    def _hold(self, call: QueuedCall, process: WorkerProcess) -> bool:
        """Keep the process for the call that continues this one; return False if it was told to end."""
        with self._pool.lock:
            if process.is_interrupted:
                return False
            self._pool.running.pop(call.future)
            self._held = self._pool.held[call.future] = queue.SimpleQueue()
        return True

    def _release(self, call: QueuedCall, *, keep: bool) -> None:
        """Release the process of a call, and end it with all it started unless it is kept."""
        with self._pool.lock:
            process = self._pool.running.pop(call.future)  # from here on `end` cannot interrupt it for this call
            self._pool.num_open -= 1
        if process.is_interrupted:
            process.wait_for_end()
        elif not keep:
            process.stop()
        if process.is_interrupted or not keep:
            self._process = None


def _checked(environments: Any, num_workers: int) -> list[dict[str, str]]:
    """Return the environments of the workers as they were given."""
    try:
        given = [dict(one) for one in itertools.islice(environments, num_workers + 1)]
    except Exception as error:  # whatever the user's own sequence raises
        raise SettingError(f"expected mappings as environments, got {brief(environments)}") from error
    if len(given) != num_workers:
        num_given = "more" if len(given) > num_workers else str(len(given))
        raise SettingError(f"expected an environment for each of {num_workers} workers, got {num_given}")
    for one in given:
        if not all(isinstance(text, str) for text in (*one, *one.values())):
            raise SettingError(f"expected texts as names and values of an environment, got {brief(one)}")
    return given


def _check(workers: Any, gpus_per_trial: Any, gpus: Any) -> None:
    if workers is not None:
        positive_integer("workers", workers, most=MOST_WORKERS)
    num = integer(gpus_per_trial)
    if num is None or not 0 <= num <= MOST_WORKERS:
        raise SettingError(f"expected a number of whole GPUs, from 0, as gpus_per_trial, got {brief(gpus_per_trial)}")
    if gpus is not None and (isinstance(gpus, str | bytes) or not isinstance(gpus, Sequence)):
        raise SettingError(f"expected a sequence of indices or UUIDs as gpus, got {brief(gpus)}")
    if gpus is not None and not gpus_per_trial:
        raise SettingError("expected gpus_per_trial with gpus, got 0; say how many of them a trial gets")
