"""What a run tells its callbacks: one frozen record for each thing that happens.

A callback is any function of one record, such as `print`. What it returns is ignored. An exception in it is logged, and
the run goes on; only `StopRun` ends it. Most callbacks are a `match` over the records that they need.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bohb.budgets import Ladder
from bohb.runner.report import Report
from bohb.runner.stopping import StopRun
from bohb.trials import Result, Trial

log = logging.getLogger("bohb.runner")


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins.

    Attributes:
        workers: How many trials run at the same time.
        limits: The limits of the run by name: those of `max_trials`, `max_seconds`, `max_budget`, `target`, `patience`
            and `max_failures` that were given.
        results: The results that the search already has, in the order in which they were told.
        incumbent: The incumbent, or None.
        objectives: The metric that is told, and its direction; None for a loss to minimise.
        ladder: The ladder of budgets.
    """

    workers: int
    limits: Mapping[str, float]
    results: tuple[Result, ...]
    incumbent: Result | None
    objectives: Mapping[str, str] | None = None
    ladder: Ladder | None = None


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial is about to be submitted, `seconds` after the run began."""

    trial: Trial
    seconds: float


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial was told. A study has written the result to disk by then.

    Attributes:
        result: The result.
        incumbent: The incumbent after it.
        cost: The cost of the trial, in units of the ladder's costs.
        spent: The cost of all trials of this run so far.
        num_trials: The number of trials that this run has told so far.
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
    """A trial ended without a result and will be asked again; `reason` says why."""

    trial: Trial
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is over."""

    report: Report


Record = RunStarted | TrialStarted | TrialEnded | TrialLost | RunEnded
Callback = Callable[[Record], Any]


def notify(callbacks: Iterable[Callback], record: Record) -> str | None:
    """Call every callback with a record; log what they raise. Return why one of them wants the run to end, or None."""
    reason = None
    for callback in callbacks:
        try:
            callback(record)
        except StopRun as request:
            reason = reason or str(request) or "a callback"
        except Exception:
            with suppress(ValueError):  # the objective closed stderr
                log.exception("callback %r failed on %s; the run goes on", callback, type(record).__name__)
    return reason
