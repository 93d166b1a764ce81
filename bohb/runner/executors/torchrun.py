"""Each trial as a `torchrun` job on this machine: PyTorch's `elastic_launch`, in a driver process of its own.

The only file that knows PyTorch, which is imported in the processes of a job alone.
"""

import importlib.util
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bohb.errors import SettingError
from bohb.runner.executors.hosts import share_slots
from bohb.runner.executors.multirank import JobExecutor
from bohb.runner.ranks.reports import Rank
from bohb.runner.workers.temporary import Scratch
from bohb.runner.workers.worker import GRACE_SECONDS


class TorchrunExecutor(JobExecutor):
    """Runs each trial as a `torchrun` job of `slots_per_trial` ranks on this machine, several jobs side by side.

    Every rank calls the objective with the same trial, as in a script under `torchrun`: it calls
    `torch.distributed.init_process_group("gloo")` (or `"nccl"`), and returns the loss; what rank 0 returns counts.
    Failures, lost ranks and time limits are as with `HorovodExecutor`.

    Args:
        slots: How many ranks may run at a time in all; by default the cores of this machine.
        slots_per_trial: How many ranks a trial gets.
        gpus_per_trial: How many GPUs a job sees, through `CUDA_VISIBLE_DEVICES`; no two running jobs see the same.
            Usually as many as `slots_per_trial`, with `torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))` in the
            objective.
        gpus: The devices to share out, as for `ProcessExecutor`.
        output: The folder for what the ranks print; `run` uses `output` in its directory instead, if it has one.
        grace: Seconds between SIGTERM and SIGKILL when a job is ended.

    Raises:
        SettingError: If PyTorch is not installed, a setting makes no sense, or there are too few slots or devices.
    """

    def __init__(
        self,
        *,
        slots: int | None = None,
        slots_per_trial: int = 1,
        gpus_per_trial: int = 0,
        gpus: Sequence[int | str] | None = None,
        output: str | Path | None = None,
        grace: float = GRACE_SECONDS,
    ) -> None:
        if importlib.util.find_spec("torch") is None:
            raise SettingError("expected PyTorch to be installed, found none: pip install 'bohb[torch]'")
        shared = share_slots(slots, slots_per_trial, None)
        scratch = Scratch("bohb-torchrun-")
        super().__init__(
            TorchrunLaunch(scratch.path),
            shared,
            gpus_per_trial=gpus_per_trial,
            gpus=gpus,
            output=output,
            grace=grace,
            scratch=scratch,
        )


@dataclass(frozen=True, slots=True)
class TorchrunLaunch:
    """Starts a job with `elastic_launch`, which wants a folder for each job, inside `folder`."""

    folder: Path
    rank_variable: str = "RANK"
    host_variable: str = "MASTER_ADDR"

    def __call__(self, rank: Rank, place: str, size: int) -> None:  # noqa: ARG002
        """Runs the job and waits for its end; `place` is this machine."""
        from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
        from torch.distributed.launcher.api import LaunchConfig, elastic_launch

        with tempfile.TemporaryDirectory(dir=self.folder) as folder:  # a job that is ended leaves it behind
            config = LaunchConfig(
                min_nodes=1,
                max_nodes=1,
                nproc_per_node=size,
                run_id=uuid.uuid4().hex,  # two jobs under one name would become one
                rdzv_backend="c10d",
                rdzv_endpoint="localhost:0",
                max_restarts=0,
                start_method="spawn",
                logs_specs=DefaultLogsSpecs(log_dir=folder),
            )
            elastic_launch(config, _call)(rank)


def _call(rank: Rank) -> None:
    """Calls the rank; the launcher wants a function, for its name."""
    rank()
