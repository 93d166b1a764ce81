"""Everything that happened in a search, indexed for look-up. It decides nothing, and applies no event."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bohb.budgets import Ladder
from bohb.facts import Facts
from bohb.models import Observations
from bohb.optimizer.events import (
    Event,
    Reported,
)
from bohb.record import Configurations, Record
from bohb.schedules import Exploit, Promote, Schedule
from bohb.schedules.bracket_log import BracketLog
from bohb.space import Space
from bohb.trials import Result, Status, Trial

Clock = Callable[[int], tuple[float | None, float | None]]
"""Returns the `seconds` and `finished_at` of a trial, given its id, at the moment when it is told."""


def _no_clock(_: int) -> tuple[None, None]:
    return None, None


@dataclass(frozen=True, slots=True)
class Queued:
    """An enqueued configuration that was not asked yet. With a level of None the schedule decides the budget."""

    config_id: int
    level: int | None


class Indexes:
    """Everything that happened, indexed for look-up.

    Attributes:
        repeats: Whether a configuration may be trained in full again.
        events: All events, in order.
        trials: The asked trials. The index is the id.
        observed: The observed trials, and those of reports that count, by id. Their ids count down from -1.
        facts: Why each trial was asked, by id.
        queue: The enqueued configurations, in order.
        answers: The result of each asked trial that was told, by id.
        reports: What each asked trial reported on its way, by id.
        retried: The ids of the trials whose failures were taken back.
        incumbents: The results that were the incumbent, in order. The last one is the current incumbent.
        record: The pending trials and the results.
        configs: The configurations.
        brackets: The brackets as the schedule sees them.
        observations: The results as the model sees them.
        clock: Says how long the trial took that is told now, and when that is; a study sets it.
        ladders: The ladders, the first and each longer one. The last one is the current ladder.
    """

    def __init__(self, space: Space, ladder: Ladder, schedule: Schedule, *, repeats: bool = False) -> None:
        self.repeats = repeats
        self.events: list[Event] = []
        self.trials: list[Trial] = []
        self.observed: dict[int, Trial] = {}
        self.facts: list[Facts] = []
        self.queue: list[Queued] = []
        self.answers: dict[int, Result] = {}
        self.reports: dict[int, list[Reported]] = {}
        self.retried: set[int] = set()
        self.incumbents: list[Result] = []
        self.record = Record(ladder.costs)
        self.configs = Configurations(len(space.names))
        self._bracket_log = BracketLog(schedule, ladder, self.record, space.size)
        self.brackets = self._bracket_log.view
        self.observations = Observations(self.record, self.configs)
        self.ladders = [ladder]
        self._space = space
        self._released: set[int] = set()
        self._num_repeats: dict[tuple[int, int], int] = {}  # by level and configuration
        self._known_before: set[tuple[int, int, int]] = set()
        self._has_changed: set[int] = set()  # the trials whose training began with another configuration
        self.clock: Clock = _no_clock
        self._unlearned_at = -1  # the number of events before the last one after which a model learns anew

    # Queries.

    @property
    def ladder(self) -> Ladder:
        """The current ladder."""
        return self.ladders[-1]

    def result(self, config_id: int, level: int, repeat: int = 0) -> Result | None:
        """Return the result of a configuration at a level, or of a repetition there, or None."""
        return self.record.levels[level].result(config_id, repeat)

    def next_repeat(self, config_id: int, level: int) -> int:
        """Return the number of the next repetition of a configuration at a level."""
        return self._num_repeats.get((level, config_id), 0) + 1

    def may_repeat(self, config_id: int) -> bool:
        """Whether a configuration can be trained in full again: it succeeded in full, and is not pending there.

        What a training reached that began with another configuration, as in a population, is no result of this one
        alone, which another training of it could repeat.
        """
        top = len(self.ladder) - 1
        first = self.result(config_id, top)
        is_idle = self.repeats and not self.record.pending.has(top, config_id)
        if not is_idle or first is None or first.is_failure:
            return False
        return first.trial.id not in self._has_changed

    def may_go_on(self, trial: Trial, following: Trial) -> bool:
        """Whether the following trial can go on in place where the training of a trial is.

        If it resumes a training, it is that one, and no repetition of it. If it starts from scratch, it is any of the
        same configuration that did not begin with another one.
        """
        if following.config_id != trial.config_id:
            return False
        return trial.id not in self._has_changed if following.previous is None else following.previous == trial.id

    def failure(self, trial: Trial) -> Result | None:
        """Return the result of a trial if it is a failure that counts."""
        result = self.result(trial.config_id, self.ladder.level(trial.budget), trial.repeat)
        return result if result is not None and result.trial.id == trial.id and result.is_failure else None

    def is_running(self, trial: Trial) -> bool:
        """Whether a trial is pending, and not forgotten."""
        return self.record.pending.is_running(self.ladder.level(trial.budget), trial)

    def resumable(self, move: Promote | Exploit) -> Result | None:
        """Return the result in the rung below that a move resumes from, or None.

        A result from before the configuration entered that rung is not resumed. No promotion was possible then, so its
        checkpoint may have been released and deleted. Neither is one that no trial was asked for. One from before the
        ladder became longer is resumed, unless the user said that it was deleted.
        """
        level = self.brackets[move.bracket].rungs[move.rung - 1].level
        config_id = move.source if isinstance(move, Exploit) else move.config_id
        is_older = (move.bracket, move.rung - 1, config_id) in self._known_before
        result = self.result(config_id, level)
        if is_older or result is None or result.trial.id < 0 or result.trial.id in self._released:
            return None
        return result

    def is_new(self, vector: NDArray[np.float64], level: int) -> bool:
        """Whether the configuration with this `(d,)` vector is neither evaluated nor pending at a level."""
        config_id = self.configs.find(vector)
        return config_id is None or not self.record.is_taken(level, config_id)

    def releasable(self) -> tuple[str, ...]:
        """Return the checkpoints that no promotion or repetition can resume from, in the order of telling."""
        pending = self.record.pending
        failed = [result.trial for result in self.record.results if result.is_failure]  # each of them may be retried
        needed = {trial.checkpoint for trial in [*pending.running, *pending.forgotten, *failed]} | {
            result.checkpoint for result in self.record.results if self._needs_checkpoint(result)
        }
        needed |= {self.reports[trial.id][-1].checkpoint for trial in pending.running if trial.id in self.reports}
        told = [result.checkpoint for result in [*self.record.results, *self.answers.values()]]
        told += [report.checkpoint for reports in self.reports.values() for report in reports]
        return tuple(dict.fromkeys(path for path in told if path is not None and path not in needed))

    def _needs_checkpoint(self, result: Result) -> bool:
        """Whether the checkpoint told with a result is needed: by a later trial, or because it is the incumbent's."""
        trial, level = result.trial, self.ladder.level(result.trial.budget)
        if self.incumbents and result is self.incumbents[-1]:
            return True
        if result.status is not Status.OK:
            return False
        is_promotable = self.brackets.may_promote(level, trial.config_id, result.loss)
        return is_promotable or self._bracket_log.may_inherit(level, (result.loss, trial.config_id))
