"""What a run tells its callbacks: frozen records, one for each thing that happens.

A callback is anything that can be called with one record; what it returns is ignored, and what it raises is logged and
costs nothing. `print` is a callback. The usual one is a `match` over the records it cares for.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bohb.runner.report import Report
from bohb.trials import Result, Trial

log = logging.getLogger("bohb.runner")


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins.

    Attributes:
        workers: How many trials run at the same time.
        limits: The limits that were given, by name: `max_trials`, `max_seconds`, `max_budget`.
        results: What the search knew already, in the order of telling.
        incumbent: The incumbent, if there is one already.
    """

    workers: int
    limits: Mapping[str, float]
    results: tuple[Result, ...]
    incumbent: Result | None


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial was handed to the executor; `seconds` since the run began."""

    trial: Trial
    seconds: float


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial was told; the search keeps the result before any callback sees it.

    Attributes:
        result: The result.
        incumbent: The incumbent after it.
        cost: What the trial cost, in units of the ladder's costs.
        spent: What all trials of this run have cost so far.
        num_trials: How many trials this run has told so far.
        trial_seconds: How long the trial took.
        seconds: How long the run has taken so far.
    """

    result: Result
    incumbent: Result | None
    cost: float
    spent: float
    num_trials: int
    trial_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class TrialLost:
    """A trial has no result through no fault of its own, and was given back to be asked again; `reason` says why."""

    trial: Trial
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is over."""

    report: Report


Record = RunStarted | TrialStarted | TrialEnded | TrialLost | RunEnded
Callback = Callable[[Record], Any]


def notify(callbacks: Iterable[Callback], record: Record) -> None:
    """Shows a record to every callback; an exception is logged, and keeps nothing from going on."""
    for callback in callbacks:
        try:
            callback(record)
        except Exception:
            log.exception("callback %r failed on %s; the run goes on", callback, type(record).__name__)
