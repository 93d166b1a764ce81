"""Run each trial under PyTorch's `elastic_launch` on this machine, in a driver process of its own.

PyTorch is imported only in the processes of a trial.
"""

import importlib.util
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bohb.errors import SettingError
from bohb.runner.executors.hosts import share_slots
from bohb.runner.executors.multirank import MultiRankExecutor
from bohb.runner.ranks.reports import Rank
from bohb.runner.workers.temporary import TemporaryFolder
from bohb.runner.workers.worker import GRACE_SECONDS


class TorchrunExecutor(MultiRankExecutor):
    """Run each trial under `torchrun` on `slots_per_trial` ranks of this machine; several can run at the same time.

    Every rank calls the objective with the same trial, as in a script under `torchrun`: it calls
    `torch.distributed.init_process_group("gloo")` (or `"nccl"`), and returns the loss; what rank 0 returns counts.
    Failures, lost ranks and time limits are as with `HorovodExecutor`.

    Args:
        slots: How many ranks may run at the same time in all; by default the cores of this machine.
        slots_per_trial: The number of ranks of a trial.
        gpus_per_trial: How many GPUs a trial sees, through `CUDA_VISIBLE_DEVICES`; no two running trials share one.
            Usually as many as `slots_per_trial`, with `torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))` in the
            objective.
        gpus: The devices to share out, as for `ProcessExecutor`.
        output: The folder for what the ranks print; `run` uses `output` in its directory instead, if it has one.
        grace: Seconds between SIGTERM and SIGKILL when a trial is ended.

    Raises:
        SettingError: If PyTorch is not installed, a setting is not valid, or there are too few slots or devices.
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
            raise SettingError("expected PyTorch, which is not installed; install it with pip install 'bohb[torch]'")
        shared = share_slots(slots, slots_per_trial, None)
        temporary = TemporaryFolder("bohb-torchrun-")
        super().__init__(
            TorchrunLaunch(temporary.path),
            shared,
            gpus_per_trial=gpus_per_trial,
            gpus=gpus,
            output=output,
            grace=grace,
            temporary=temporary,
        )


@dataclass(frozen=True, slots=True)
class TorchrunLaunch:
    """Start the ranks with `elastic_launch`, which needs a folder for each trial; it is made inside `folder`."""

    folder: Path
    rank_variable: str = "RANK"
    host_variable: str = "MASTER_ADDR"

    def __call__(self, rank: Rank, hosts: str, size: int) -> None:  # noqa: ARG002
        """Start the ranks and wait for them to end; `hosts` is always this machine."""
        from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
        from torch.distributed.launcher.api import LaunchConfig, elastic_launch

        with tempfile.TemporaryDirectory(dir=self.folder) as folder:  # a trial that is ended leaves it behind
            config = LaunchConfig(
                min_nodes=1,
                max_nodes=1,
                nproc_per_node=size,
                run_id=uuid.uuid4().hex,  # two trials with one name would join
                rdzv_backend="c10d",
                rdzv_endpoint="localhost:0",
                max_restarts=0,
                start_method="spawn",
                logs_specs=DefaultLogsSpecs(log_dir=folder),
            )
            elastic_launch(config, _call)(rank)


def _call(rank: Rank) -> None:
    """Call the rank; the launcher needs a function, because it reads its name."""
    rank()
