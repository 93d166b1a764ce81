"""Run each trial as a job of Slurm through submitit, or of this machine with submitit's local executor.

submitit's jobs are not futures, so a thread waits for each of them. The job starts a process for the trial and waits
for it. So a preempted job can end its trial in order before submitit puts it back into the queue.
"""

import importlib.util
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bohb._checks import positive_integer
from bohb._text import brief, describe_error
from bohb.errors import SettingError, WorkerLost
from bohb.runner.workers.pickling import pack, pack_reply, unpack_reply
from bohb.runner.workers.worker import WorkerProcess


class SubmititExecutor(Executor):
    """A PEP 3148 executor over one of submitit; each trial is a job.

    A job that dies with its node, is cancelled, or runs out of time is a lost worker (`WorkerLost`): the trial is asked
    again with `run(retries=...)`, and a failure without. A job that is preempted ends its trial with SIGTERM, and
    submitit queues the same trial again.

    Args:
        executor: A `submitit.AutoExecutor`, `SlurmExecutor` or `LocalExecutor`. Its parameters say what a trial
            reserves, and for how long; it has one task. Its folder must be on a file system that all nodes share.
        workers: How many jobs are queued or running at the same time.

    Raises:
        SettingError: If submitit is not installed, or a setting is not valid.
    """

    def __init__(self, executor: Any, *, workers: int) -> None:
        if importlib.util.find_spec("submitit") is None:
            raise SettingError(
                "expected submitit, which is not installed; install it with pip install 'bohb[submitit]'"
            )
        self.workers = positive_integer("workers", workers)
        _check(executor)
        self._executor = executor
        self._jobs: dict[Future[Any], Any] = {}
        self._ended: set[Future[Any]] = set()
        self._is_shut = False

    @property
    def output(self) -> Path | None:
        """The folder with submitit's logs, in which is what trials print if the run has no directory."""
        folder = Path(self._executor.folder).absolute()
        return None if "%" in str(folder) else folder

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue a job for a call.

        Raises:
            SettingError: If the call cannot be pickled, or the jobs have several tasks.
            RuntimeError: If the executor was shut down; `BrokenExecutor` if submitit takes no job.
        """
        if self._is_shut:
            raise RuntimeError("expected an executor that is open, got one that was shut down; make a new one")
        packed = pack((fn, args, kwargs), "a call")
        try:
            job = self._executor.submit(TrialJob(packed))
        except Exception as error:  # what sbatch says, or the file system
            raise BrokenExecutor(f"submitit cannot queue a job: {describe_error(error)}") from error
        if job.num_tasks > 1:
            job.cancel(check=False)
            raise SettingError(f"expected jobs of one task, got {job.num_tasks}; set tasks_per_node and nodes to 1")
        future: Future[Any] = Future()
        # Only Slurm knows what runs and what waits. A running future can be ended and waited for, but not cancelled.
        future.set_running_or_notify_cancel()
        self._jobs[future] = job
        threading.Thread(target=self._settle, args=(future, job), daemon=True).start()
        return future

    def end(self, future: Future[Any]) -> None:
        """Cancel the job of a call; its future is done soon after."""
        job = self._jobs.get(future)
        if job is not None:
            self._ended.add(future)
            job.cancel(check=False)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls; with `cancel_futures` cancel all jobs, and with `wait` return when all have ended."""
        self._is_shut = True
        waiting = list(self._jobs)
        for future in waiting if cancel_futures else []:
            self.end(future)
        for future in waiting if wait else []:
            future.exception()

    def _settle(self, future: Future[Any], job: Any) -> None:
        """Wait for a job and settle its future: the body of a thread."""
        kind, value = self._outcome(future, job)
        if isinstance(value, WorkerLost):
            job.cancel(check=False)  # Slurm may have put it back into the queue, but the trial is asked again elsewhere
        del self._jobs[future]
        self._ended.discard(future)
        if kind == "error":
            future.set_exception(value)
        else:
            future.set_result(value)

    def _outcome(self, future: Future[Any], job: Any) -> tuple[str, Any]:
        try:
            job.wait()
            if future in self._ended and not job.paths.result_pickle.exists():
                return "error", WorkerLost(f"job {job.job_id} was cancelled before the trial had a result")
            packed = job.result()
        except Exception as error:  # submitit says what it knows of the job, with the end of its log
            text = " ".join(str(error).split())
            return "error", WorkerLost(f"job {job.job_id} ended before the trial had a result: {text[:500]}")
        kind, value = unpack_reply(packed)
        return kind, value


@dataclass(frozen=True, slots=True)
class TrialJob:
    """What a job runs: a call, in a process of its own."""

    packed: bytes

    def __call__(self) -> bytes:
        """Make the call; return the reply as bytes."""
        process = WorkerProcess()
        try:
            process.send(0, pickle.dumps(_call), pickle.dumps(((self.packed,), {})))
            reply = process.receive()
        except WorkerLost as error:
            return pack_reply("error", error)[1]
        except BaseException:  # submitit ends a job by an exception from a signal handler
            process.interrupt()
            process.wait_for_end()
            raise
        finally:
            process.kill()
        assert reply is not None, "there is no time limit"
        return pack_reply(reply[0], reply[1])[1]

    def checkpoint(self) -> Any:
        """Return what submitit queues again when the job is preempted: the same call."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _check(executor: Any) -> None:
    from submitit import Executor as TheirExecutor

    if not isinstance(executor, TheirExecutor):
        raise SettingError(
            f"expected an executor of submitit, such as submitit.AutoExecutor(folder=...), got {brief(executor)}"
        )


def _call(packed: bytes) -> Any:
    fn, args, kwargs = pickle.loads(packed)  # noqa: S301  (from the program that submitted it)
    return fn(*args, **kwargs)
