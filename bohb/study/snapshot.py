"""A study at one moment, as a frozen record: what an export, a report or a status is made from."""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bohb._frame import frame_of
from bohb.budgets import Ladder
from bohb.errors import SettingError
from bohb.optimizer import Optimizer
from bohb.optimizer.events import Event
from bohb.space import Space
from bohb.trials import Result, Trial

if TYPE_CHECKING:
    import pandas as pd

    from bohb.study.study import Study


class TrialTimes(NamedTuple):
    """When a trial was asked and told, in seconds since 1970 by the clock of the store.

    Attributes:
        asked: When `ask` returned the trial.
        told: When its outcome was recorded; None before.
    """

    asked: float
    told: float | None

    @property
    def seconds(self) -> float | None:
        """How long it took from ask to tell; None before it was told."""
        return None if self.told is None else self.told - self.asked


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
        objectives: The metric that is told, and its direction; None for a loss to minimise.
        ladders: All ladders that the search has had, the first one and each longer one.
        repeats: Whether a configuration may be trained in full again.
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
    objectives: Mapping[str, str] | None = None
    ladders: Sequence[Ladder] = ()
    repeats: bool = False

    def to_frame(self, *, curves: bool = False) -> "pd.DataFrame":
        """Return the results as a frame of pandas, a row a result; `bohb.frames.to_frame` names the columns."""
        return frame_of(self.space, self.ladder, self.results, self.times, objectives=self.objectives, curves=curves)


def spans_of(snapshot: Snapshot) -> tuple[float, list[tuple[float, float]]]:
    """Return when the first trial was asked, and when each result was asked and told, in the order of telling.

    All times of an optimizer are 0. An observation, which nobody asked, has the time of the first ask.
    """
    start = min((times.asked for times in snapshot.times.values()), default=0.0)
    known = [snapshot.times.get(result.trial.id, TrialTimes(start, None)) for result in snapshot.results]
    return start, [(asked, asked if told is None else told) for asked, told in known]


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
        source.objectives,
        source.ladders,
        source.repeats,
    )


def snapshot_with_results(source: "Study | Optimizer | Snapshot", reader: str) -> Snapshot:
    """Return a snapshot, as `snapshot_of`, for a reader of files that needs a result.

    Raises:
        SettingError: If there is no result yet.
    """
    snapshot = snapshot_of(source)
    if not snapshot.results:
        raise SettingError(f"expected at least one result to write, got none; {reader}'s reader needs one")
    return snapshot


class TimeRecord:
    """The times of all trials: a fold over the rows of a log. It takes 16 bytes a trial.

    Attributes:
        now: When the row is written that the optimizer takes or makes now.
    """

    def __init__(self) -> None:
        self._asked = array("d")
        self._told = array("d")
        self.now = 0.0

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

    def clock(self, trial_id: int) -> tuple[float, float]:
        """Return how long a trial took that is told now, and when that is; a row of now may have asked it."""
        asked = self._asked[trial_id] if trial_id < len(self._asked) else self.now
        return max(0.0, self.now - asked), self.now

    def by_trial(self) -> dict[int, TrialTimes]:
        """Return the times by the id of the trial."""
        pairs = zip(self._asked, self._told, strict=True)
        return {
            trial_id: TrialTimes(asked, None if math.isnan(told) else told)
            for trial_id, (asked, told) in enumerate(pairs)
        }
