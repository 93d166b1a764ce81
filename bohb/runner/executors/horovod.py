"""Run each trial with `horovod.run` and Gloo, on slots of its own, in a driver process of its own.

Horovod is imported only in the processes of a trial.
"""

import importlib
import importlib.util
import os
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bohb.errors import SettingError
from bohb.runner.executors.hosts import share_slots
from bohb.runner.executors.multirank import MultiRankExecutor
from bohb.runner.ranks.reports import Rank
from bohb.runner.workers.temporary import TemporaryFolder
from bohb.runner.workers.worker import GRACE_SECONDS


class HorovodExecutor(MultiRankExecutor):
    """Run each trial as a Horovod job of `slots_per_trial` ranks; several jobs can run at the same time.

    Every rank calls the objective with the same trial, as in a script under `horovodrun`: it calls `hvd.init()`, wraps
    its optimizer, and returns the loss; what rank 0 returns counts. Where one rank is enough, as for writing the
    checkpoint, test `hvd.rank() == 0`. Objectives need no `if __name__ == "__main__"`. A job takes some seconds to
    start.

    An exception on any rank makes the trial a failure, with the traceback of the rank that raised first. A rank that
    dies is a lost worker (`WorkerLost`): the trial is asked again with `run(retries=...)`, and a failure without. Set
    `run(trial_seconds=...)` to end a rank that hangs. In each case the whole job ends and its slots are free again.

    Args:
        slots: How many ranks may run at the same time in all; by default the slots of the hosts, or the cores of this
            machine.
        slots_per_trial: The number of ranks of a trial.
        hosts: The hosts as Horovod writes them, `"h1:2,h2:4"`; by default this machine. Others are reached by ssh
            without a password, have the same Python at the same path, and can connect to a port of this machine.
        gpus_per_trial: How many GPUs of this machine a job sees, through `CUDA_VISIBLE_DEVICES`; no two running jobs
            see the same. Usually as many as `slots_per_trial`, with `torch.cuda.set_device(hvd.local_rank())` in the
            objective. For this machine only.
        gpus: The devices to share out, as for `ProcessExecutor`.
        network_interfaces: The network interfaces for Gloo; by default Horovod finds those that all hosts share.
        ssh_port: The port of ssh on the hosts.
        ssh_identity_file: The key for ssh.
        output: The folder for what the ranks print; `run` uses `output` in its directory instead, if it has one.
        grace: Seconds between SIGTERM and SIGKILL when a job is ended.

    Raises:
        SettingError: If Horovod is not installed, a setting is not valid, or there are too few slots or devices.
    """

    def __init__(
        self,
        *,
        slots: int | None = None,
        slots_per_trial: int = 1,
        hosts: str | None = None,
        gpus_per_trial: int = 0,
        gpus: Sequence[int | str] | None = None,
        network_interfaces: Sequence[str] | None = None,
        ssh_port: int | None = None,
        ssh_identity_file: str | Path | None = None,
        output: str | Path | None = None,
        grace: float = GRACE_SECONDS,
    ) -> None:
        if importlib.util.find_spec("horovod") is None:
            raise SettingError(
                "expected Horovod, which is not installed; install it with HOROVOD_WITH_GLOO=1 HOROVOD_WITH_PYTORCH=1 "
                "pip install --no-cache-dir --no-build-isolation 'bohb[horovod]', after PyTorch"
            )
        shared = share_slots(slots, slots_per_trial, hosts)
        if gpus_per_trial and not shared.is_local:
            raise SettingError(
                f"expected gpus_per_trial=0 with hosts other than this machine, got {gpus_per_trial}; give each host "
                "as many slots as it has GPUs, and call torch.cuda.set_device(hvd.local_rank()) in the objective"
            )
        identity = None if ssh_identity_file is None else str(ssh_identity_file)
        interfaces = None if network_interfaces is None else tuple(network_interfaces)
        temporary = TemporaryFolder("bohb-horovod-")
        super().__init__(
            HorovodLaunch(temporary.path, interfaces, ssh_port, identity),
            shared,
            gpus_per_trial=gpus_per_trial,
            gpus=gpus,
            output=output,
            grace=grace,
            temporary=temporary,
        )


@dataclass(frozen=True, slots=True)
class HorovodLaunch:
    """Start the ranks with `horovod.run`, in the main thread of a driver process.

    Before every job Horovod checks that it has Gloo, and loads all of PyTorch for that, which takes seconds of CPU. A
    file in `folder` notes that a job has run, so that later jobs skip the check.
    """

    folder: Path
    network_interfaces: tuple[str, ...] | None = None
    ssh_port: int | None = None
    ssh_identity_file: str | None = None
    rank_variable: str = "HOROVOD_RANK"
    host_variable: str = "HOROVOD_GLOO_RENDEZVOUS_ADDR"

    def __call__(self, rank: Rank, hosts: str, size: int) -> None:
        """Start the ranks and wait for them to end."""
        import horovod
        from horovod.runner import launch

        has_gloo = self.folder / "has-gloo"
        if has_gloo.exists():
            launch.gloo_built = _is_known
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            horovod.run(
                HorovodRank(rank),
                num_proc=size,
                hosts=hosts,
                use_gloo=True,
                network_interfaces=None if self.network_interfaces is None else list(self.network_interfaces),
                ssh_port=self.ssh_port,
                ssh_identity_file=self.ssh_identity_file,
                disable_cache=True,  # the cache is a file in the home folder, which concurrent jobs would share
            )
        except RuntimeError as error:
            raise RuntimeError(_explain(str(error))) from error
        else:
            has_gloo.touch()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)  # Horovod does not put them back


def _is_known(verbose: bool = False) -> bool:  # noqa: ARG001
    """Stand in for Horovod's own check for Gloo."""
    return True


def _explain(text: str) -> str:
    """Return Horovod's message about the first process that failed, in one line and with the name of the signal."""
    found = re.search(r"Process name: (\d+)\s+Exit code: (\d+)", text)
    if found is None:
        return text
    rank, status = found[1], int(found[2])
    if status - 128 not in set(signal.Signals):
        return f"Horovod says that rank {rank} exited with status {status}"
    name = signal.Signals(status - 128).name
    return f"Horovod says that rank {rank} was killed by {name}{' (out of memory?)' if name == 'SIGKILL' else ''}"


@dataclass(frozen=True, slots=True)
class HorovodRank:
    """A rank that repairs its environment before `hvd.init()` reads it."""

    rank: Rank

    def __call__(self) -> None:
        """Call the rank."""
        # `horovod.run` writes unset options as the text "(None,)"; Horovod reads that as 0, and loops without a pause.
        for name in ("HOROVOD_CYCLE_TIME", "HOROVOD_CACHE_CAPACITY"):
            if "None" in os.environ.get(name, ""):
                del os.environ[name]
        self.rank()
