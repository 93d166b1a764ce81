"""A study at one moment, as a frozen record: what an export, a report or a status is made from."""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bohb.budgets import Ladder
from bohb.optimizer import Optimizer
from bohb.optimizer.events import Event
from bohb.space import Space
from bohb.trials import Result, Trial

if TYPE_CHECKING:
    from bohb.study.study import Study


class TrialTimes(NamedTuple):
    """When a trial was asked and told, in seconds since 1970 by the clock of the store.

    Attributes:
        asked: When `ask` returned the trial.
        told: When its outcome was recorded; None before.
    """

    asked: float
    told: float | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything about a study as of one read transaction.

    Attributes:
        space: The search space.
        ladder: The ladder of budgets.
        preset: The name of the preset.
        seed: The seed.
        events: All events of the search, in order.
        results: Every result that counts, in the order of telling.
        pending: Every trial that was asked and not settled, in the order of asking.
        incumbent: The lowest finite loss at the largest budget that has one; None before there is any.
        times: When each trial was asked and told, by the id of the trial.
    """

    space: Space
    ladder: Ladder
    preset: str
    seed: int
    events: Sequence[Event]
    results: Sequence[Result]
    pending: Sequence[Trial]
    incumbent: Result | None
    times: Mapping[int, TrialTimes]


def snapshot_of(source: "Study | Optimizer | Snapshot", times: Mapping[int, TrialTimes] | None = None) -> Snapshot:
    """Return a snapshot of a study or an optimizer; a snapshot is its own.

    Args:
        source: What to record.
        times: The times of the trials; by default the study's. An optimizer knows none.
    """
    if isinstance(source, Snapshot):
        return source
    if not isinstance(source, Optimizer):
        return source.snapshot()
    return Snapshot(
        source.space,
        source.ladder,
        source.preset,
        source.seed,
        tuple(source.events),
        source.results,
        source.pending,
        source.incumbent,
        times or {},
    )


class TimeRecord:
    """The times of all trials: a fold over the rows of a log. It takes 16 bytes a trial."""

    def __init__(self) -> None:
        self._asked = array("d")
        self._told = array("d")

    def take(self, kind: str, facts: Mapping[str, Any], at: float) -> None:
        """Update the times with a row that the optimizer has accepted.

        Args:
            kind: The kind of the row.
            facts: Its facts. The ids of asked trials count from 0, without gaps.
            at: When it was written.
        """
        if kind == "asked":
            self._asked.append(at)
            self._told.append(math.nan)
        elif kind == "told":
            self._told[facts["id"]] = at

    def by_trial(self) -> dict[int, TrialTimes]:
        """Return the times by the id of the trial."""
        pairs = zip(self._asked, self._told, strict=True)
        return {
            trial_id: TrialTimes(asked, None if math.isnan(told) else told)
            for trial_id, (asked, told) in enumerate(pairs)
        }
