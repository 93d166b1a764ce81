"""Executors that make each call on several ranks: one driver process for each call, on slots of its own.

A launcher (Horovod's, torchrun's) may need a main thread, handles signals, has no usable time limit, and runs once per
process. So every call gets a driver process, a fresh worker of `ProcessExecutor`, in which the launcher runs. This
process keeps the time, and ends a call by ending its driver with everything the driver started. `ranks/reports.py`
describes what the ranks report.

    MultiRankExecutor.submit -> ProcessExecutor -> driver: MultiRankCall -> launch(rank, hosts, size) -> ranks: Rank

What the call raises on any rank is a failure of the configuration. A rank or a driver that dies without a report
(SIGKILL, out of memory, a lost node, `os._exit`) is a lost worker: `run(retries=)` asks the trial again, and after that
it is a failure.
"""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bohb.runner.evaluation import Evaluation
from bohb.runner.executors.hosts import SharedSlots
from bohb.runner.executors.processes import ProcessExecutor
from bohb.runner.ranks.reports import Rank, ReportCollector
from bohb.runner.workers import devices, worker_main
from bohb.runner.workers.pickling import pack
from bohb.runner.workers.temporary import TemporaryFolder
from bohb.trials import Trial

HOSTS_VARIABLE = "BOHB_TRIAL_HOSTS"
"""The environment variable in which a driver finds the hosts of its ranks."""


class Launch(Protocol):
    """How a launcher starts the ranks. It is pickled, so it holds settings only."""

    @property
    def rank_variable(self) -> str:
        """The environment variable in which a rank finds its number."""

    @property
    def host_variable(self) -> str:
        """The environment variable in which a rank on another host finds the host of its driver."""

    def __call__(self, rank: Rank, hosts: str, size: int) -> None:
        """Call `rank` in `size` processes, and return when all of them have ended.

        Args:
            rank: What to call.
            hosts: Where to start the processes, as in `"h1:2,h2:4"`.
            size: The number of ranks.

        Raises:
            Exception: If a rank failed; any exception of the launcher.
        """


@dataclass(frozen=True, slots=True)
class MultiRankCall:
    """What a driver process is asked to do.

    Attributes:
        launch: How to start the ranks.
        size: The number of ranks.
        is_local: Whether all ranks are on this machine.
        packed: The call that each rank makes.
        folder: Where to keep what the ranks print; None for the folder of the driver.
        name: The name of the files in that folder.
    """

    launch: Launch
    size: int
    is_local: bool
    packed: bytes
    folder: Path | None
    name: str

    def __call__(self) -> Any:
        """Run the ranks; return what rank 0 returned.

        Raises:
            WorkerLost: If a rank died.
        """
        hosts = os.environ[HOSTS_VARIABLE]
        # A rank starts from the environment alone, and the objective may be in a module beside the user's script.
        os.environ["BOHB_DRIVER"] = str(os.getpid())
        os.environ["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
        with (
            worker_main.output_kept(self.folder, self.name),
            ReportCollector(self.size, is_local=self.is_local) as reports,
        ):
            variables = {"rank_variable": self.launch.rank_variable, "host_variable": self.launch.host_variable}
            error = None
            try:
                self.launch(reports.rank(self.packed, **variables), hosts, self.size)
            except Exception as raised:
                error = raised
            return reports.verdict(error)


class MultiRankExecutor(Executor):
    """A PEP 3148 executor that makes each call on several ranks, and returns what rank 0 returned.

    Args:
        launch: How to start the ranks.
        slots: The slots of each call.
        gpus_per_trial: How many GPUs of this machine a call sees; see `ProcessExecutor`.
        gpus: The devices to share out.
        output: The folder for what the ranks print.
        grace: Seconds between SIGTERM and SIGKILL.
        temporary: The folder of the launcher, if it has one; it is deleted when all calls have ended.
    """

    def __init__(
        self,
        launch: Launch,
        slots: SharedSlots,
        *,
        gpus_per_trial: int,
        gpus: Sequence[int | str] | None,
        output: str | Path | None,
        grace: float,
        temporary: TemporaryFolder | None = None,
    ) -> None:
        threads = devices.share_threads(len(slots.hosts) * slots.per_trial)
        self._launch = launch
        self._slots = slots
        self._temporary = temporary
        self._drivers = ProcessExecutor(
            len(slots.hosts),
            gpus_per_trial=gpus_per_trial,
            gpus=gpus,
            warm=False,
            output=output,
            grace=grace,
            environments=[threads | {HOSTS_VARIABLE: hosts} for hosts in slots.hosts],
        )

    @property
    def workers(self) -> int:
        """How many calls run at the same time."""
        return self._drivers.workers

    @property
    def output(self) -> Path:
        """The folder for what the ranks print if the run has no directory."""
        return self._drivers.output

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Schedule a call on all ranks.

        Raises:
            SettingError: If the call cannot be pickled.
            RuntimeError: If the executor was shut down.
        """
        folder = fn.output if isinstance(fn, Evaluation) else None
        name = f"trial-{args[0].id}" if args and isinstance(args[0], Trial) else "call"
        packed = pack((fn, args, kwargs), "a call")
        return self._drivers.submit(
            MultiRankCall(self._launch, self._slots.per_trial, self._slots.is_local, packed, folder, name)
        )

    def end(self, future: Future[Any]) -> None:
        """End a call with all its ranks; its future is done soon after."""
        self._drivers.end(future)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls; with `wait`, return when all calls have ended."""
        self._drivers.shutdown(wait, cancel_futures=cancel_futures)
        if wait and self._temporary is not None:
            self._temporary.delete()
