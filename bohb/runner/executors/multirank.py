"""Executors whose calls are jobs of several ranks: one driver process for each job, on slots of its own.

A launcher (Horovod's, torchrun's) may need a main thread, handles signals, has no usable time-out, and runs one job a
process. So every job gets a driver process, a fresh worker of `ProcessExecutor`, whose launcher it is; the parent owns
the clock, and ends a job by ending its driver with all it started. What the ranks say is in `ranks/reports.py`.

    JobExecutor.submit -> ProcessExecutor -> driver: Job.__call__ -> launch(rank, place) -> ranks: Rank.__call__

Which failures are whose: what the call raises on any rank is the configuration's; a rank or a driver that dies without
a word (SIGKILL, out of memory, a lost node, `os._exit`) is a lost worker, retried as often as `run(retries=)` says, and
a failed trial after that.
"""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bohb.runner.evaluation import Evaluation
from bohb.runner.executors.hosts import Slots
from bohb.runner.executors.processes import ProcessExecutor
from bohb.runner.ranks.reports import Rank, Reports
from bohb.runner.workers import devices, worker_main
from bohb.runner.workers.pickling import pack
from bohb.runner.workers.temporary import Scratch
from bohb.trials import Trial

PLACE_VARIABLE = "BOHB_JOB_HOSTS"
"""Where a driver finds the hosts of its jobs."""


class Launch(Protocol):
    """How a kind of job is started. It is pickled, so it holds settings only."""

    @property
    def rank_variable(self) -> str:
        """The environment variable that tells a rank which it is."""

    @property
    def host_variable(self) -> str:
        """The environment variable that tells a rank on another host where its driver is."""

    def __call__(self, rank: Rank, place: str, size: int) -> None:
        """Calls `rank` in so many processes, and returns when all have ended.

        Args:
            rank: What to call.
            place: The hosts, as in `"h1:2,h2:4"`.
            size: How many ranks.

        Raises:
            Exception: If a rank failed, whatever the launcher raises then.
        """


@dataclass(frozen=True, slots=True)
class Job:
    """What a driver process is asked to do.

    Attributes:
        launch: How.
        size: How many ranks.
        is_local: Whether all are on this machine.
        packed: The call that each rank makes.
        folder: Where to keep what the ranks print, if not in the driver's own folder.
        name: Under which name.
    """

    launch: Launch
    size: int
    is_local: bool
    packed: bytes
    folder: Path | None
    name: str

    def __call__(self) -> Any:
        """Runs the job; returns what its rank 0 returned.

        Raises:
            WorkerLost: If a rank died.
        """
        place = os.environ[PLACE_VARIABLE]
        # What a rank starts from is the environment alone, and the objective may be in a module beside the script.
        os.environ["BOHB_DRIVER"] = str(os.getpid())
        os.environ["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
        with worker_main.output_kept(self.folder, self.name), Reports(self.size, is_local=self.is_local) as reports:
            variables = {"rank_variable": self.launch.rank_variable, "host_variable": self.launch.host_variable}
            error = None
            try:
                self.launch(reports.rank(self.packed, **variables), place, self.size)
            except Exception as raised:
                error = raised
            return reports.verdict(error)


class JobExecutor(Executor):
    """A PEP 3148 executor that makes each call on all ranks of a job, and returns what rank 0 returned.

    Args:
        launch: How a job is started.
        slots: The slots, shared out.
        gpus_per_trial: How many GPUs of this machine a job sees; see `ProcessExecutor`.
        gpus: Which there are.
        output: The folder for what the ranks print.
        grace: Seconds between SIGTERM and SIGKILL.
        scratch: The folder of the launcher, if it has one; it is dropped when the jobs have ended.
    """

    def __init__(
        self,
        launch: Launch,
        slots: Slots,
        *,
        gpus_per_trial: int,
        gpus: Sequence[int | str] | None,
        output: str | Path | None,
        grace: float,
        scratch: Scratch | None = None,
    ) -> None:
        threads = devices.share_threads(len(slots.places) * slots.per_trial)
        self._launch = launch
        self._slots = slots
        self._scratch = scratch
        self._drivers = ProcessExecutor(
            len(slots.places),
            gpus_per_trial=gpus_per_trial,
            gpus=gpus,
            warm=False,
            output=output,
            grace=grace,
            environments=[threads | {PLACE_VARIABLE: place} for place in slots.places],
        )

    @property
    def workers(self) -> int:
        """How many jobs run at the same time."""
        return self._drivers.workers

    @property
    def output(self) -> Path:
        """The folder for what the ranks print if the run has no directory."""
        return self._drivers.output

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Schedules a job.

        Raises:
            SettingError: If the call cannot be pickled.
            RuntimeError: If the executor was shut down.
        """
        folder = fn.output if isinstance(fn, Evaluation) else None
        name = f"trial-{args[0].id}" if args and isinstance(args[0], Trial) else "job"
        packed = pack((fn, args, kwargs), "a call")
        return self._drivers.submit(
            Job(self._launch, self._slots.per_trial, self._slots.is_local, packed, folder, name)
        )

    def end(self, future: Future[Any]) -> None:
        """Ends a job with all its ranks; its future is done soon after."""
        self._drivers.end(future)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls, and returns when the jobs there are have ended."""
        self._drivers.shutdown(wait, cancel_futures=cancel_futures)
        if wait and self._scratch is not None:
            self._scratch.drop()
