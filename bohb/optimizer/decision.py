"""What `ask` does: decide the next event from the history and a generator, without changing the history."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bohb.budgets import Ladder
from bohb.errors import SettingError
from bohb.facts import Facts
from bohb.models import Model, PromotingModel, Proposal
from bohb.optimizer.events import Asked, Joined
from bohb.optimizer.history import History, Queued
from bohb.optimizer.selection import select
from bohb.schedules import MoveOffer, OfferingSchedule, Promote, Schedule, Start
from bohb.space import Space
from bohb.trials import Origin, ReadOnlyDict, Trial


@dataclass(frozen=True)
class Decider:
    """Decides the next event. It holds the parts of an optimizer that never change."""

    space: Space
    ladder: Ladder
    schedule: Schedule
    model: Model

    @cached_property
    def _deciders(self) -> tuple[OfferingSchedule, PromotingModel] | None:
        """The schedule and the model if the model chooses between moves; cached because the check is slow."""
        if isinstance(self.schedule, OfferingSchedule) and isinstance(self.model, PromotingModel):
            return self.schedule, self.model
        return None

    def has_work(self, history: History) -> bool:
        """Whether there is anything left to evaluate."""
        if history.record.pending.next_forgotten or history.queue:
            return True
        return any(map(history.brackets.has_room, history.brackets.levels))

    def decide(self, history: History, rng: np.random.Generator) -> Asked | Joined:
        """Return the next event: a forgotten trial first, then an enqueued configuration, then the schedule's move."""
        forgotten = history.record.pending.next_forgotten
        if forgotten is not None:
            return self._reissue(history, forgotten)
        if history.queue:
            return self._queued(history, history.queue[0])
        if self._deciders is not None:
            schedule, model = self._deciders
            offer = schedule.offer(history.brackets)
            event = self._join(history, offer.start) or self._choose(model, offer, history, rng)
            move = offer.default
        else:
            move = self.schedule.next(history.brackets)
            event = self._join(history, move if isinstance(move, Start) else None)
        if event is not None:
            return event
        if isinstance(move, Promote):
            return self._promote(history, move)
        return self._start(history, move, self.model.propose(history.observations, self.space, rng), rng)

    def _join(self, history: History, start: Start | None) -> Joined | None:
        """Return the entry of a result from outside the brackets, if the space has no new configuration to start."""
        if start is None:
            return None
        level = self._level(history, start)
        config_id = None if history.brackets.has_room(level) else history.brackets.best_outside(level)
        return None if config_id is None else Joined(config_id, start.bracket, start.rung)

    def _choose(
        self, model: PromotingModel, offer: MoveOffer, history: History, rng: np.random.Generator
    ) -> Asked | Joined | None:
        """Return the event that the model chose, or None if it leaves the choice to the schedule.

        Raises:
            SettingError: If a user's own model returns something else.
        """
        chosen = model.choose(
            history.observations,
            self.space,
            rng,
            waiting=[move.config_id for move in offer.promotions],
            remaining_cost=[self._remaining_cost(history, move) for move in offer.promotions],
            start=None if offer.start is None else self._level(history, offer.start),
        )
        if chosen is None:
            return None
        if offer.start is not None and isinstance(chosen, Proposal):
            return self._start(history, offer.start, chosen, rng)
        if type(chosen) is not int or not 0 <= chosen < len(offer.promotions):
            raise SettingError(
                f"expected an index of the {len(offer.promotions)} ids in `waiting` from the model's `choose`"
                f"{', or a proposal' if offer.start is not None else ''}, got {chosen!r}"
            )
        return self._promote(history, offer.promotions[chosen], chosen_from=len(offer.promotions))

    def _reissue(self, history: History, forgotten: Trial) -> Asked:
        trial = replace(forgotten, id=len(history.trials))
        return Asked(trial, replace(history.facts[forgotten.id], reissue_of=forgotten.id))

    def _queued(self, history: History, item: Queued) -> Asked:
        if item.level is not None:
            return Asked(self._trial(history, item.config_id, item.level, None, Origin.ENQUEUED), Facts())
        start = self.schedule.start(history.brackets)
        return Asked(self._trial(history, item.config_id, self._level(history, start), start, Origin.ENQUEUED), Facts())

    def _promote(self, history: History, move: Promote, *, chosen_from: int | None = None) -> Asked | Joined:
        level = self._level(history, move)
        if history.brackets.is_taken(level, move.config_id):
            return Joined(move.config_id, move.bracket, move.rung)
        below = history.brackets[move.bracket].rungs[move.rung - 1]
        rank = below.rank(history.record.levels[below.level].entry(move.config_id))
        trial = self._trial(history, move.config_id, level, move, Origin.PROMOTED)
        return Asked(trial, Facts(rank=rank, finished=len(below.finished), chosen_from=chosen_from))

    def _start(self, history: History, start: Start, proposal: Proposal, rng: np.random.Generator) -> Asked:
        """Return a trial of a configuration that is new at the level.

        If the level has no new configuration, the trial is at another level, outside the brackets.
        """
        level = self._level(history, start)
        move: Start | None = start
        if not history.brackets.has_room(level):
            level = next(filter(history.brackets.has_room, history.brackets.levels))
            move = None
        vector, origin, facts = select(
            proposal, len(self.ladder), self.space, lambda vector: history.is_new(vector, level), rng
        )
        config_id = history.configs.find(vector)
        if config_id is not None:
            return Asked(self._trial(history, config_id, level, move, origin), facts)
        trial = self._trial(
            history, len(history.configs), level, move, origin, config=ReadOnlyDict(self.space.decode(vector))
        )
        return Asked(trial, facts)

    def _remaining_cost(self, history: History, move: Promote) -> float:
        """Return the cost to complete the training from its checkpoint, as a share of a full training."""
        costs = self.ladder.costs
        return (costs[-1] - costs[history.brackets.plan(move.bracket).levels[move.rung - 1]]) / costs[-1]

    def _level(self, history: History, move: Start | Promote) -> int:
        return history.brackets.plan(move.bracket).levels[move.rung]

    def _trial(
        self,
        history: History,
        config_id: int,
        level: int,
        move: Start | Promote | None,
        origin: Origin,
        *,
        config: ReadOnlyDict | None = None,
    ) -> Trial:
        # Only a promotion resumes. Other checkpoints may be deleted at any time.
        previous = history.resumable(move) if isinstance(move, Promote) else None
        return Trial(
            id=len(history.trials),
            config=history.configs[config_id] if config is None else config,
            budget=self.ladder[level],
            config_id=config_id,
            bracket=None if move is None else move.bracket,
            rung=None if move is None else move.rung,
            previous=None if previous is None else previous.trial.id,
            checkpoint=None if previous is None else previous.checkpoint,
            origin=origin,
        )
