"""BOHB hyperparameter search as an object with two methods, `ask` and `tell`.

A schedule decides how long to train, and a model of the losses decides what to train next (Falkner, Klein and Hutter
2018, and later work). Start with `Optimizer`. `import bohb` loads no other module; each public name loads on first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bohb import plots, runner
    from bohb.budgets import Ladder, geometric, ladder
    from bohb.errors import (
        BohbError,
        BudgetError,
        ConfigError,
        ExecutorBroken,
        OutcomeError,
        SettingError,
        SpaceError,
        SpaceExhausted,
        StateError,
        StudyBusy,
        StudyCorrupt,
        StudyError,
        StudyMismatch,
        StudyUnavailable,
        StudyVersion,
        TellConflict,
        UnknownTrial,
        WorkerLost,
    )
    from bohb.optimizer import Optimizer
    from bohb.reporting import report
    from bohb.runner import StopRun, run
    from bohb.study import Study
    from bohb.trials import Failure, Origin, Result, Status, Trial

__version__ = "0.1.0"

_HOMES = {
    "bohb.budgets": ("Ladder", "geometric", "ladder"),
    "bohb.errors": (
        "BohbError",
        "BudgetError",
        "ConfigError",
        "ExecutorBroken",
        "OutcomeError",
        "SettingError",
        "SpaceError",
        "SpaceExhausted",
        "StateError",
        "StudyBusy",
        "StudyCorrupt",
        "StudyError",
        "StudyMismatch",
        "StudyUnavailable",
        "StudyVersion",
        "TellConflict",
        "UnknownTrial",
        "WorkerLost",
    ),
    "bohb.optimizer": ("Optimizer",),
    "bohb.reporting": ("report",),
    "bohb.runner": ("StopRun", "run"),
    "bohb.study": ("Study",),
    "bohb.trials": ("Failure", "Origin", "Result", "Status", "Trial"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BohbError",
    "BudgetError",
    "ConfigError",
    "ExecutorBroken",
    "Failure",
    "Ladder",
    "Optimizer",
    "Origin",
    "OutcomeError",
    "Result",
    "SettingError",
    "SpaceError",
    "SpaceExhausted",
    "StateError",
    "Status",
    "StopRun",
    "Study",
    "StudyBusy",
    "StudyCorrupt",
    "StudyError",
    "StudyMismatch",
    "StudyUnavailable",
    "StudyVersion",
    "TellConflict",
    "Trial",
    "UnknownTrial",
    "WorkerLost",
    "geometric",
    "ladder",
    "plots",
    "report",
    "run",
    "runner",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name in ("plots", "runner"):
        return importlib.import_module(f"bohb.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bohb' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
