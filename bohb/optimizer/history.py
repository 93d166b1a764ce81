"""What has happened in a search: the fold over its events. It decides nothing and draws nothing at random."""

import math
from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bohb.budgets import Ladder
from bohb.errors import StateError
from bohb.models import Observations
from bohb.optimizer.events import Asked, Enqueued, Event, Forgotten, Joined, Observed, Told
from bohb.schedules import Brackets, Promote
from bohb.space import Space
from bohb.trials import Origin, Result, Status, Trial


@dataclass(frozen=True, slots=True)
class Queued:
    """An enqueued configuration that was not asked yet; a level of None leaves the budget to the schedule."""

    config_id: int
    level: int | None


class History:
    """Everything that happened, in the forms in which it is looked up.

    Attributes:
        events: All events, in order.
        trials: The asked trials; the index is the id.
        observed: The observed trials by id, which count down from -1.
        whys: What was noted about each asked trial, by id.
        pending: Asked and not settled, by id, in the order of asking.
        reissues: The ids of forgotten trials that are to be asked again, ascending.
        queue: The enqueued configurations, in order.
        results: What counts, in the order of telling.
        answers: The result of each trial that was told itself, by id.
        incumbents: The results that were the incumbent, in order; the last one still is.
        brackets: The brackets as the schedule sees them.
        observations: The losses as the model sees them.
    """

    def __init__(self, space: Space, ladder: Ladder, brackets: Brackets) -> None:
        self.events: list[Event] = []
        self.trials: list[Trial] = []
        self.observed: dict[int, Trial] = {}
        self.whys: list[Mapping[str, Any]] = []
        self.pending: dict[int, Trial] = {}
        self.reissues: list[int] = []
        self.queue: list[Queued] = []
        self.results: list[Result] = []
        self.answers: dict[int, Result] = {}
        self.incumbents: list[Result] = []
        self.brackets = brackets
        self.observations = Observations(len(ladder), len(space.names))
        self._space = space
        self._ladder = ladder
        self._configs: list[Mapping[str, Any]] = []
        self._by_level: tuple[dict[int, Result], ...] = tuple({} for _ in ladder)
        self._in_flight: dict[tuple[int, int], int] = {}
        self._known_before: set[tuple[int, int, int]] = set()

    # What the optimizer looks up.

    @property
    def num_configs(self) -> int:
        """How many configurations have an id."""
        return len(self._configs)

    def config(self, config_id: int) -> Mapping[str, Any]:
        """Returns a configuration, read-only."""
        return self._configs[config_id]

    def find(self, vector: NDArray[np.float64]) -> int | None:
        """Returns the id of the configuration with this `(d,)` vector, or None if it is new."""
        return self.observations.find(vector)

    def result(self, config_id: int, level: int) -> Result | None:
        """Returns the result of a configuration at a level, or None."""
        return self._by_level[level].get(config_id)

    def resumable(self, move: Promote) -> Result | None:
        """Returns the success that a promotion may resume from, the one in the rung below, or None.

        A result that was there before its configuration came into that rung is not resumed: nobody waited for it, so
        its checkpoint may have been released, and deleted.
        """
        level = self.brackets[move.bracket].rungs[move.rung - 1].level
        is_older = (move.bracket, move.rung - 1, move.config_id) in self._known_before
        return None if is_older else self._by_level[level][move.config_id]

    def is_new(self, vector: NDArray[np.float64], level: int) -> bool:
        """Whether the configuration with this `(d,)` vector is neither evaluated nor pending at a level."""
        config_id = self.find(vector)
        return config_id is None or not self.brackets.is_taken(level, config_id)

    def releasable(self) -> tuple[str, ...]:
        """Returns the checkpoints that no promotion can need, in the order of telling."""
        in_flight = [*self.pending.values(), *(self.trials[trial_id] for trial_id in self.reissues)]
        needed = {trial.checkpoint for trial in in_flight} | {
            result.checkpoint for result in self.results if self._may_resume(result)
        }
        told = (result.checkpoint for result in [*self.results, *self.answers.values()])
        return tuple(dict.fromkeys(path for path in told if path is not None and path not in needed))

    def _may_resume(self, result: Result) -> bool:
        """Whether a promotion may still resume from a result; the incumbent's checkpoint is kept in any case."""
        trial, level = result.trial, self._ladder.level(result.trial.budget)
        if self.incumbents and result is self.incumbents[-1]:
            return True
        return result.status is Status.OK and self.brackets.may_promote(level, trial.config_id, result.loss)

    # The fold.

    def apply(self, event: Event) -> None:
        """Makes an event part of the history; one that is refused changes nothing."""
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

    def sort(self) -> None:
        """Sorts what is not sorted yet, so that the next look need not."""
        self.brackets.sort()
        self.observations.sort()

    def _asked(self, event: Asked) -> None:
        trial, level = event.trial, self._ladder.level(event.trial.budget)
        vector = self._check_asked(trial, level, event.why)
        if vector is not None:
            self._learn(trial.config, vector)
        if "reissue_of" in event.why:
            self.reissues.remove(event.why["reissue_of"])
            self.brackets.repeat(level, trial.config_id)
        else:
            self._begin(trial, level)
        self._in_flight[trial.config_id, level] = trial.id
        self.trials.append(trial)
        self.whys.append(event.why)
        self.pending[trial.id] = trial

    def _check_asked(self, trial: Trial, level: int, why: Mapping[str, Any]) -> NDArray[np.float64] | None:
        """Returns the vector of the trial's configuration if that is new, before anything is changed.

        Raises:
            StateError: If the trial cannot follow those before.
        """
        if trial.id != len(self.trials):
            raise StateError(f"expected trial {len(self.trials)} to be asked next, got trial {trial.id}")
        if "reissue_of" in why and why["reissue_of"] not in self.reissues:
            raise StateError(f"expected one of {self.reissues} to be asked again, got {why['reissue_of']}")
        is_outside = trial.bracket is None or trial.rung is None
        if not is_outside and not self.brackets.has_place(trial.bracket, trial.rung, level):
            raise StateError(f"expected trial {trial.id} in an open bracket or the next, got {trial}")
        if 0 <= trial.config_id < len(self._configs) and trial.config == self._configs[trial.config_id]:
            return None
        vector = self._space.encode(trial.config)
        config_id = self.find(vector)
        if trial.config_id != (len(self._configs) if config_id is None else config_id):
            raise StateError(f"expected the configuration of trial {trial.id} under another id than {trial.config_id}")
        return vector if config_id is None else None

    def _begin(self, trial: Trial, level: int) -> None:
        """Enters a trial that repeats no other one."""
        self._dequeue(trial.config_id, level)
        if trial.bracket is not None and trial.rung is not None:
            self.brackets.enter(trial.bracket, trial.rung, trial.config_id)
        self.brackets.take(level, trial.config_id)
        self.observations.ask(trial.config_id)

    def _joined(self, event: Joined) -> None:
        if not (0 <= event.config_id < len(self._configs) and self.brackets.has_place(event.bracket, event.rung)):
            raise StateError(f"expected a known configuration in an open bracket or the next, got {event}")
        rung = self.brackets.enter(event.bracket, event.rung, event.config_id)
        known = self.result(event.config_id, rung.level)
        if known is not None:
            self._known_before.add((event.bracket, event.rung, event.config_id))
            self.brackets.finish(rung.level, event.config_id, known.loss)

    def _told(self, event: Told) -> None:
        if event.trial_id in self.answers:
            raise StateError(f"expected trial {event.trial_id} to be told once, got a second answer")
        if not 0 <= event.trial_id < len(self.trials):
            raise StateError(f"expected the outcome of one of the {len(self.trials)} asked trials, got {event}")
        trial = self.trials[event.trial_id]
        level = self._ladder.level(trial.budget)
        is_late = trial.config_id in self._by_level[level]
        status = Status.LATE if is_late else event.status
        result = Result(trial, event.loss, status, event.checkpoint, event.info)
        self.answers[trial.id] = result
        if not is_late:
            self._settle(level, result)

    def _observed(self, event: Observed) -> None:
        level, config_id = self._ladder.level(event.budget), self._identify(event.config)
        number, config = -1 - len(self.observed), self.config(config_id)
        trial = Trial(number, config, event.budget, config_id, None, None, None, None, Origin.OBSERVED)
        self.observed[number] = trial
        self._dequeue(config_id, level)
        self._settle(level, Result(trial, event.loss, event.status, None, event.info))

    def _settle(self, level: int, result: Result) -> None:
        """Makes a result count, and takes off whatever was in flight for it: the trial itself, or its twin."""
        config_id = result.trial.config_id
        in_flight = self._in_flight.pop((config_id, level), None)
        if in_flight is not None:
            self.observations.settle(config_id)
            if self.pending.pop(in_flight, None) is None:
                self.reissues.remove(in_flight)
        self._by_level[level][config_id] = result
        self.results.append(result)
        self.brackets.finish(level, config_id, result.loss)
        self.observations.tell(level, config_id, result.loss)
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
        trial = self.pending.pop(trial_id)
        self.brackets.forget(self._ladder.level(trial.budget), trial.config_id)
        insort(self.reissues, trial_id)

    def _dequeue(self, config_id: int, level: int) -> None:
        """Takes what is now tried, or known, off the queue."""
        if self.queue:
            self.queue = [item for item in self.queue if item.config_id != config_id or item.level not in (None, level)]

    def _identify(self, config: Mapping[str, Any]) -> int:
        """Returns the id of a configuration, a new one if need be."""
        vector = self._space.encode(config)
        config_id = self.find(vector)
        return self._learn(config, vector) if config_id is None else config_id

    def _learn(self, config: Mapping[str, Any], vector: NDArray[np.float64]) -> int:
        """Returns the id of a configuration that is new."""
        config_id = len(self._configs)
        self._configs.append(config)  # an event's own, which is read-only
        self.observations.add(vector)
        return config_id
