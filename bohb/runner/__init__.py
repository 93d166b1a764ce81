"""The runner: one loop that asks, evaluates and tells; where it evaluates is an argument.

Start with `run`; `loop.Loop` is the loop. Every executor follows PEP 3148 and has a file of its own. A name loads its
file on first use, so a worker process loads only what it needs.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bohb.runner.evaluation import FolderTrial, Objective
    from bohb.runner.executors.horovod import HorovodExecutor
    from bohb.runner.executors.processes import ProcessExecutor
    from bohb.runner.executors.ray import RayExecutor
    from bohb.runner.executors.serial import SerialExecutor
    from bohb.runner.executors.spark import SparkExecutor
    from bohb.runner.executors.submitit import SubmititExecutor
    from bohb.runner.executors.torchrun import TorchrunExecutor
    from bohb.runner.interface import AskTell
    from bohb.runner.launch import run
    from bohb.runner.limits import cost
    from bohb.runner.records import (
        Callback,
        Record,
        RunEnded,
        RunStarted,
        TrialEnded,
        TrialLost,
        TrialStarted,
    )
    from bohb.runner.report import Report
    from bohb.runner.stopping import StopRun

_HOMES = {
    "evaluation": ("FolderTrial", "Objective"),
    "executors.horovod": ("HorovodExecutor",),
    "executors.processes": ("ProcessExecutor",),
    "executors.ray": ("RayExecutor",),
    "executors.serial": ("SerialExecutor",),
    "executors.spark": ("SparkExecutor",),
    "executors.submitit": ("SubmititExecutor",),
    "executors.torchrun": ("TorchrunExecutor",),
    "interface": ("AskTell",),
    "launch": ("run",),
    "limits": ("cost",),
    "records": ("Callback", "Record", "RunEnded", "RunStarted", "TrialEnded", "TrialLost", "TrialStarted"),
    "report": ("Report",),
    "stopping": ("StopRun",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AskTell",
    "Callback",
    "FolderTrial",
    "HorovodExecutor",
    "Objective",
    "ProcessExecutor",
    "RayExecutor",
    "Record",
    "Report",
    "RunEnded",
    "RunStarted",
    "SerialExecutor",
    "SparkExecutor",
    "StopRun",
    "SubmititExecutor",
    "TorchrunExecutor",
    "TrialEnded",
    "TrialLost",
    "TrialStarted",
    "cost",
    "run",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bohb.runner' has no attribute {name!r}")
    return getattr(importlib.import_module(f"bohb.runner.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
