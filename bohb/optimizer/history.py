"""The history of a search: its events, and everything that derives from them. It decides nothing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bohb.budgets import Ladder
from bohb.errors import StateError
from bohb.facts import Facts
from bohb.models import Observations
from bohb.optimizer.events import Asked, Enqueued, Event, Forgotten, Joined, Observed, Told
from bohb.record import Configurations, Record
from bohb.schedules import Promote, Schedule
from bohb.schedules.bracket_log import BracketLog
from bohb.space import Space
from bohb.trials import Origin, Result, Status, Trial


@dataclass(frozen=True, slots=True)
class Queued:
    """An enqueued configuration that was not asked yet. With a level of None the schedule decides the budget."""

    config_id: int
    level: int | None


class History:
    """Everything that happened, indexed for look-up.

    Attributes:
        events: All events, in order.
        trials: The asked trials. The index is the id.
        observed: The observed trials by id. Their ids count down from -1.
        facts: Why each trial was asked, by id.
        queue: The enqueued configurations, in order.
        answers: The result of each asked trial that was told, by id.
        incumbents: The results that were the incumbent, in order. The last one is the current incumbent.
        record: The pending trials and the results.
        configs: The configurations.
        brackets: The brackets as the schedule sees them.
        observations: The results as the model sees them.
    """

    def __init__(self, space: Space, ladder: Ladder, schedule: Schedule) -> None:
        self.events: list[Event] = []
        self.trials: list[Trial] = []
        self.observed: dict[int, Trial] = {}
        self.facts: list[Facts] = []
        self.queue: list[Queued] = []
        self.answers: dict[int, Result] = {}
        self.incumbents: list[Result] = []
        self.record = Record(ladder.costs)
        self.configs = Configurations(len(space.names))
        self._bracket_log = BracketLog(schedule, ladder, self.record, space.size)
        self.brackets = self._bracket_log.view
        self.observations = Observations(self.record, self.configs)
        self._space = space
        self._ladder = ladder
        self._known_before: set[tuple[int, int, int]] = set()

    # Queries.

    def result(self, config_id: int, level: int) -> Result | None:
        """Return the result of a configuration at a level, or None."""
        return self.record.levels[level].results.get(config_id)

    def is_running(self, trial: Trial) -> bool:
        """Whether a trial is pending, and not forgotten."""
        return self.record.pending.is_running(self._ladder.level(trial.budget), trial)

    def resumable(self, move: Promote) -> Result | None:
        """Return the result in the rung below that a promotion resumes from, or None.

        A result from before the configuration entered that rung is not resumed. No promotion was possible then, so its
        checkpoint may have been released and deleted.
        """
        level = self.brackets[move.bracket].rungs[move.rung - 1].level
        is_older = (move.bracket, move.rung - 1, move.config_id) in self._known_before
        return None if is_older else self.result(move.config_id, level)

    def is_new(self, vector: NDArray[np.float64], level: int) -> bool:
        """Whether the configuration with this `(d,)` vector is neither evaluated nor pending at a level."""
        config_id = self.configs.find(vector)
        return config_id is None or not self.record.is_taken(level, config_id)

    def releasable(self) -> tuple[str, ...]:
        """Return the checkpoints that no promotion can resume from, in the order of telling."""
        pending = self.record.pending
        needed = {trial.checkpoint for trial in [*pending.running, *pending.forgotten]} | {
            result.checkpoint for result in self.record.results if self._needs_checkpoint(result)
        }
        told = (result.checkpoint for result in [*self.record.results, *self.answers.values()])
        return tuple(dict.fromkeys(path for path in told if path is not None and path not in needed))

    def _needs_checkpoint(self, result: Result) -> bool:
        """Whether the checkpoint of a result is needed: by a promotion, or because it is the incumbent's."""
        trial, level = result.trial, self._ladder.level(result.trial.budget)
        if self.incumbents and result is self.incumbents[-1]:
            return True
        return result.status is Status.OK and self.brackets.may_promote(level, trial.config_id, result.loss)

    # Events.

    def apply(self, event: Event) -> None:
        """Apply an event. If it is invalid, raise an error and change nothing."""
        match event:
            case Asked():
                self._asked(event)
            case Joined():
                self._joined(event)
            case Told():
                self._told(event)
            case Forgotten(trial_id):
                self._forgotten(trial_id)
            case Enqueued(config, budget):
                level = None if budget is None else self._ladder.level(budget)
                self.queue.append(Queued(self._identify(config), level))
            case Observed():
                self._observed(event)
        self.events.append(event)

    def _asked(self, event: Asked) -> None:
        trial, level = event.trial, self._ladder.level(event.trial.budget)
        if event.seen is not None and event.seen >= len(self.events):
            raise StateError(f"expected advice from before the {len(self.events)} events, got {event}")
        vector = self._check_asked(trial, level, event.facts)
        if vector is not None:
            self.configs.add(trial.config, vector)
        if event.facts.reissue_of is None:
            self._dequeue(trial.config_id, level)
            if trial.bracket is not None and trial.rung is not None:
                self._bracket_log.enter(trial.bracket, trial.rung, trial.config_id)
        in_bracket = self._bracket_log.has_entered(level, trial.config_id)
        self.record.pending.ask(level, trial, in_bracket=in_bracket)
        self.record.lessons.keep(event.learned)
        self.trials.append(trial)
        self.facts.append(event.facts)

    def _check_asked(self, trial: Trial, level: int, facts: Facts) -> NDArray[np.float64] | None:
        """Check an asked trial, and return the vector of its configuration if that is new.

        Raises:
            StateError: If the trial cannot follow the earlier events.
        """
        if trial.id != len(self.trials):
            raise StateError(f"expected trial {len(self.trials)} to be asked next, got trial {trial.id}")
        self._check_facts(trial, facts)
        is_outside = trial.bracket is None or trial.rung is None
        if not is_outside and not self._bracket_log.has_rung(trial.bracket, trial.rung, level):
            raise StateError(f"expected trial {trial.id} in an open bracket or the next, got {trial}")
        if facts.reissue_of is None and self.record.is_taken(level, trial.config_id):
            raise StateError(f"expected a configuration that is new at {trial.budget}, got {trial}")
        if 0 <= trial.config_id < len(self.configs) and trial.config == self.configs[trial.config_id]:
            return None
        vector = self._space.encode(trial.config)
        config_id = self.configs.find(vector)
        if trial.config_id != (len(self.configs) if config_id is None else config_id):
            raise StateError(f"expected the configuration of trial {trial.id} under another id than {trial.config_id}")
        return vector if config_id is None else None

    def _check_facts(self, trial: Trial, facts: Facts) -> None:
        """Check that the facts fit the trial.

        Raises:
            StateError: If they do not, so that `explain` would fail.
        """
        if facts.reissue_of is not None:
            self._check_reissue(trial, facts.reissue_of)
        if facts.level is not None and not 0 <= facts.level < len(self._ladder):
            raise StateError(f"expected a level of the ladder, got {facts.level}")
        if trial.origin is Origin.PROMOTED and (facts.rank is None or facts.finished is None):
            raise StateError(f"expected the rank of a promoted trial, got {facts}")

    def _check_reissue(self, trial: Trial, reissue_of: int) -> None:
        known = self.trials[reissue_of] if 0 <= reissue_of < len(self.trials) else None
        if known is None or not self.record.pending.is_forgotten(reissue_of):
            raise StateError(f"expected a forgotten trial to be asked again, got {reissue_of}")
        if (trial.config_id, trial.budget) != (known.config_id, known.budget):
            raise StateError(f"expected trial {trial.id} to repeat {known}, got {trial}")

    def _joined(self, event: Joined) -> None:
        is_known = 0 <= event.config_id < len(self.configs)
        if not is_known or not self._bracket_log.has_rung(event.bracket, event.rung):
            raise StateError(f"expected a known configuration in an open bracket or the next, got {event}")
        level = self._bracket_log.enter(event.bracket, event.rung, event.config_id)
        if self.result(event.config_id, level) is not None:
            self._known_before.add((event.bracket, event.rung, event.config_id))

    def _told(self, event: Told) -> None:
        if event.trial_id in self.answers:
            raise StateError(f"expected trial {event.trial_id} to be told once, got a second answer")
        if not 0 <= event.trial_id < len(self.trials):
            raise StateError(f"expected the outcome of one of the {len(self.trials)} asked trials, got {event}")
        trial = self.trials[event.trial_id]
        level = self._ladder.level(trial.budget)
        is_late = self.result(trial.config_id, level) is not None
        status = Status.LATE if is_late else event.status
        result = Result(trial, event.loss, status, event.checkpoint, event.info)
        self.answers[trial.id] = result
        if not is_late:
            self._settle(level, result)

    def _observed(self, event: Observed) -> None:
        level = self._ladder.level(event.budget)
        known = self.configs.find(self._space.encode(event.config))
        if known is not None and self.result(known, level) is not None:
            raise StateError(f"expected one result for a configuration at a budget, got a second one: {event}")
        config_id = self._identify(event.config)
        number, config = -1 - len(self.observed), self.configs[config_id]
        trial = Trial(number, config, event.budget, config_id, None, None, None, None, Origin.OBSERVED)
        self.observed[number] = trial
        self._dequeue(config_id, level)
        self._settle(level, Result(trial, event.loss, event.status, None, event.info))

    def _settle(self, level: int, result: Result) -> None:
        """Record a result that counts. Its configuration is no longer pending at this level."""
        self.record.tell(level, result)
        self._bracket_log.tell(level, result.trial.config_id)
        if self._is_incumbent(level, result):
            self.incumbents.append(result)

    def _is_incumbent(self, level: int, result: Result) -> bool:
        if not math.isfinite(result.loss):
            return False
        if not self.incumbents:
            return True
        best = self.incumbents[-1]
        best_level = self._ladder.level(best.trial.budget)
        return level > best_level or (level == best_level and result.loss < best.loss)

    def _forgotten(self, trial_id: int) -> None:
        if not 0 <= trial_id < len(self.trials) or not self.is_running(self.trials[trial_id]):
            raise StateError(f"expected a pending trial to be forgotten, got trial {trial_id}")
        trial = self.trials[trial_id]
        self.record.pending.forget(self._ladder.level(trial.budget), trial.config_id)

    def _dequeue(self, config_id: int, level: int) -> None:
        """Remove a configuration from the queue that is now asked or observed."""
        if self.queue:
            self.queue = [item for item in self.queue if item.config_id != config_id or item.level not in (None, level)]

    def _identify(self, config: Mapping[str, Any]) -> int:
        """Return the id of a configuration. Add the configuration if it is new."""
        vector = self._space.encode(config)
        config_id = self.configs.find(vector)
        return self.configs.add(config, vector) if config_id is None else config_id  # the event's config is read-only
