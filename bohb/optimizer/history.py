"""The history of a search: its events, and everything that derives from them. It decides nothing."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bohb.errors import StateError
from bohb.facts import Facts
from bohb.models import Observations
from bohb.optimizer.events import (
    Asked,
    Enqueued,
    Event,
    Extended,
    Forgotten,
    Joined,
    Observed,
    Reported,
    Retried,
    Told,
)
from bohb.optimizer.indexes import Indexes, Queued
from bohb.trials import Origin, Result, Status, Trial


class History(Indexes):
    """Everything that happened, event by event."""

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
                level = None if budget is None else self.ladder.level(budget)
                self.queue.append(Queued(self._identify(config), level))
            case Observed():
                self._observed(event)
            case Reported():
                self._reported(event)
            case Retried(trial_id):
                self._retried(trial_id)
            case Extended():
                self._extended(event)
        self.events.append(event)

    def _asked(self, event: Asked) -> None:
        trial, level = event.trial, self.ladder.level(event.trial.budget)
        if event.seen is not None and event.seen >= len(self.events):
            raise StateError(f"expected advice from before the {len(self.events)} events, got {event}")
        vector = self._check_asked(trial, level, event.facts)
        if vector is not None:
            self.configs.add(trial.config, vector)
        if event.facts.reissue_of is None:
            self._dequeue(trial.config_id, level)
            if trial.bracket is not None and trial.rung is not None:
                replaces = event.facts.replaces if trial.origin is Origin.EXPLOITED else None
                self._bracket_log.enter(trial.bracket, trial.rung, trial.config_id, replaces)
        if trial.repeat:
            self._num_repeats[level, trial.config_id] = trial.repeat
        in_bracket = not trial.repeat and self._bracket_log.has_entered(level, trial.config_id)
        self.record.ask(level, trial, in_bracket=in_bracket)
        if event.seen is None or event.seen > self._unlearned_at:  # else it was learned from what counts no more
            self.record.lessons.keep(event.learned)
        if self._goes_on_from_another(trial):
            self._has_changed.add(trial.id)
        self.trials.append(trial)
        self.facts.append(event.facts)

    def _goes_on_from_another(self, trial: Trial) -> bool:
        """Whether the training of a trial began with another configuration. Without a checkpoint it begins anew."""
        if trial.origin is Origin.EXPLOITED:
            return trial.checkpoint is not None
        return trial.previous in self._has_changed

    def _check_asked(self, trial: Trial, level: int, facts: Facts) -> NDArray[np.float64] | None:
        """Check an asked trial, and return the vector of its configuration if that is new.

        Raises:
            StateError: If the trial cannot follow the earlier events.
        """
        if trial.id != len(self.trials):
            raise StateError(f"expected trial {len(self.trials)} to be asked next, got trial {trial.id}")
        self._check_facts(trial, facts)
        if trial.previous is not None and trial.previous >= trial.id:
            raise StateError(f"expected trial {trial.id} to go on from an earlier one, got {trial}")
        is_outside = trial.bracket is None or trial.rung is None
        if not is_outside and not self._bracket_log.has_rung(trial.bracket, trial.rung, level):
            raise StateError(f"expected trial {trial.id} in an open bracket or the next, got {trial}")
        if trial.repeat and facts.reissue_of is None:
            self._check_repeat(trial, level)
        elif facts.reissue_of is None and self.record.is_taken(level, trial.config_id):
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
        if facts.level is not None and not 0 <= facts.level < len(self.ladder):
            raise StateError(f"expected a level of the ladder, got {facts.level}")
        if trial.origin is Origin.PROMOTED and (facts.rank is None or facts.finished is None):
            raise StateError(f"expected the rank of a promoted trial, got {facts}")
        if trial.origin is Origin.EXPLOITED and not self._replaces_a_member(trial, facts):
            raise StateError(f"expected trial {trial.id} to replace a configuration in the rung below, got {facts}")

    def _replaces_a_member(self, trial: Trial, facts: Facts) -> bool:
        """Whether an exploited trial takes the place of a configuration in the rung below."""
        is_below = facts.rank is not None and facts.finished is not None and bool(trial.rung)
        if not is_below or trial.bracket is None or not 0 <= trial.bracket < len(self.brackets):
            return False
        rungs = self.brackets[trial.bracket].rungs
        return 0 < (trial.rung or 0) < len(rungs) and facts.replaces in rungs[(trial.rung or 0) - 1].entered

    def _check_repeat(self, trial: Trial, level: int) -> None:
        is_next = trial.repeat == self.next_repeat(trial.config_id, level) and trial.bracket is None
        if level != len(self.ladder) - 1 or not is_next or not self.may_repeat(trial.config_id):
            raise StateError(f"expected the next repetition of a configuration that succeeded in full, got {trial}")

    def _check_reissue(self, trial: Trial, reissue_of: int) -> None:
        if not self.record.pending.is_forgotten(reissue_of):
            raise StateError(f"expected a forgotten trial to be asked again, got {reissue_of}")
        known = self.observed[reissue_of] if reissue_of < 0 else self.trials[reissue_of]
        own, before = ((one.config_id, one.budget, one.repeat) for one in (trial, known))
        if own != before:
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
        level = self.ladder.level(trial.budget)
        is_late = self.result(trial.config_id, level, trial.repeat) is not None
        status = Status.LATE if is_late else event.status
        if event.budget is not None and not 0 < self.ladder.cost(event.budget) < self.ladder.costs[level]:
            raise StateError(f"expected a part of the budget of trial {trial.id}, {trial.budget}, got {event}")
        curve = tuple((report.budget, report.loss) for report in self.reports.get(trial.id, ()))
        seconds, finished_at = self.clock(trial.id)
        times = (
            seconds if event.seconds is None else event.seconds,
            finished_at if event.finished_at is None else event.finished_at,
        )
        own = (trial, event.loss, status, event.checkpoint, event.info, event.metrics)
        result = Result(*own, curve, *times, event.budget, event.cost)
        self.answers[trial.id] = result
        if not is_late:
            self._settle(level, result)

    def _observed(self, event: Observed) -> None:
        level = self.ladder.level(event.budget)
        known = self.configs.find(self._space.encode(event.config))
        if known is not None and self.result(known, level, event.repeat) is not None:
            raise StateError(f"expected one result for a configuration at a budget, got a second one: {event}")
        if event.repeat and (known is None or not self.repeats or self.result(known, level) is None):
            raise StateError(f"expected the first result of a configuration before its repetitions, got {event}")
        self._settle_outside(level, self._identify(event.config), Origin.OBSERVED, event, None)

    def _reported(self, event: Reported) -> None:
        trial = self._check_reported(event)
        self.reports.setdefault(trial.id, []).append(event)
        if event.budget not in self.ladder.budgets:
            return
        level = self.ladder.level(event.budget)
        if self.result(trial.config_id, level) is None:
            self._settle_outside(level, trial.config_id, Origin.REPORTED, event, event.checkpoint)

    def _check_reported(self, event: Reported) -> Trial:
        """Return the trial of a report that can follow the earlier events.

        Raises:
            StateError: If it cannot.
        """
        if not 0 <= event.trial_id < len(self.trials) or event.trial_id in self.answers:
            raise StateError(f"expected a report of an asked trial that was not told, got {event}")
        trial, reports = self.trials[event.trial_id], self.reports.get(event.trial_id)
        cost, last = self.ladder.cost(event.budget), self.ladder.cost(reports[-1].budget) if reports else 0
        if not last < cost < self.ladder.cost(trial.budget):
            raise StateError(f"expected reports at increasing budgets below {trial.budget}, got {event}")
        return trial

    def _settle_outside(
        self, level: int, config_id: int, origin: Origin, event: Observed | Reported, checkpoint: str | None
    ) -> None:
        """Record a result that no trial was asked for, outside the brackets."""
        number, budget = -1 - len(self.observed), self.ladder[level]
        repeat = event.repeat if isinstance(event, Observed) else 0
        trial = Trial(number, self.configs[config_id], budget, config_id, None, None, None, None, origin, repeat)
        self.observed[number] = trial
        if repeat:
            self._num_repeats[level, config_id] = max(repeat, self.next_repeat(config_id, level) - 1)
        else:
            self._dequeue(config_id, level)
        self._settle(level, Result(trial, event.loss, event.status, checkpoint, event.info, event.metrics))

    def _extended(self, event: Extended) -> None:
        if not event.ladder.continues(self.ladder) or len(event.ladder) == len(self.ladder):
            raise StateError(f"expected a ladder that begins with {list(self.ladder)}, got {event}")
        if not all(0 <= number < len(self.trials) for number in event.released):
            raise StateError(f"expected checkpoints of the {len(self.trials)} asked trials, got {event}")
        cycle = self._bracket_log.plans(event.ladder)  # a user's own schedule may fail, here and in the next line
        _ = self.brackets.open
        self.record.extend(event.ladder.costs)
        self._bracket_log.extend(event.ladder, cycle)
        self.brackets = self._bracket_log.view
        self.observations = Observations(self.record, self.configs)
        self.ladders.append(event.ladder)
        self._released.update(event.released)
        self._unlearned_at = len(self.events)

    def _settle(self, level: int, result: Result) -> None:
        """Record a result that counts. Its configuration is no longer pending at this level."""
        self.record.tell(level, result)
        if not result.trial.repeat:
            self._bracket_log.tell(level, result.trial.config_id)
        if self._is_incumbent(level, result):
            self.incumbents.append(result)

    def _is_incumbent(self, level: int, result: Result) -> bool:
        if not math.isfinite(result.loss):
            return False
        if not self.incumbents:
            return True
        best = self.incumbents[-1]
        best_level = self.ladder.level(best.trial.budget)
        return level > best_level or (level == best_level and result.loss < best.loss)

    def _forgotten(self, trial_id: int) -> None:
        if not 0 <= trial_id < len(self.trials) or not self.is_running(self.trials[trial_id]):
            raise StateError(f"expected a pending trial to be forgotten, got trial {trial_id}")
        trial = self.trials[trial_id]
        self.record.pending.forget(self.ladder.level(trial.budget), trial.config_id)

    def _retried(self, trial_id: int) -> None:
        """Take a failure back. What belongs to the other results, such as checkpoints and rungs, stays."""
        trial = self.observed[trial_id] if trial_id < 0 else self.trials[trial_id]
        failure = self.failure(trial)
        if failure is None:
            raise StateError(f"expected a failure that counts to be taken back, got trial {trial_id}")
        level = self.ladder.level(trial.budget)
        self.record.take_back(level, failure)
        self.retried.add(trial_id)
        self._unlearned_at = len(self.events)
        if trial.repeat:
            return
        self._bracket_log.take_back(level, trial.config_id)
        self._known_before = {
            entry for entry in self._known_before if entry[2] != trial.config_id or self._level_of(*entry[:2]) != level
        }

    def _level_of(self, bracket: int, rung: int) -> int:
        return self.brackets[bracket].rungs[rung].level

    def _dequeue(self, config_id: int, level: int) -> None:
        """Remove a configuration from the queue that is now asked or observed."""
        if self.queue:
            self.queue = [item for item in self.queue if item.config_id != config_id or item.level not in (None, level)]

    def _identify(self, config: Mapping[str, Any]) -> int:
        """Return the id of a configuration. Add the configuration if it is new."""
        vector = self._space.encode(config)
        config_id = self.configs.find(vector)
        return self.configs.add(config, vector) if config_id is None else config_id  # the event's config is read-only
