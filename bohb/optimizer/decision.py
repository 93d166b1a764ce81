"""What `ask` does: decide the next event from the history and a generator, without changing the history.

A decision has three steps. Only the second one takes time, and it alone may be made on an older state:

1. `step`: the schedule says which moves are possible.
2. `advise`: the model chooses among them, and proposes a configuration.
3. `place`: the first answer that is possible becomes a trial.

The schedule is always asked on the newest state, so no advice can exceed a rung or promote a configuration twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bohb.budgets import Ladder
from bohb.errors import SettingError
from bohb.facts import Facts
from bohb.models import Model, PromotingModel, Proposal, RankingModel
from bohb.optimizer.events import Asked, Joined
from bohb.optimizer.history import History, Queued
from bohb.optimizer.selection import check_proposal, select
from bohb.schedules import MoveOffer, OfferingSchedule, Promote, Schedule, Start
from bohb.space import Space
from bohb.trials import Origin, ReadOnlyDict, Trial

NOWHERE = -1
"""Below all levels."""


@dataclass(frozen=True, slots=True, eq=False)
class Advice:
    """What the model answered about the next ask.

    Attributes:
        num_events: The number of events that it had seen.
        rng: The generator of the ask, after the model drew from it.
        answers: The promotions to make and the proposal to start, best first. The first one that is possible counts.
        level: The highest level at which a proposal may start; `NOWHERE` if there is none, because a promotion was due.
        chosen_from: The number of promotions that the model chose from; None if it left the choice to the schedule.
    """

    num_events: int
    rng: np.random.Generator
    answers: tuple[Promote | Proposal, ...] = ()
    level: int = NOWHERE
    chosen_from: int | None = None


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

    @cached_property
    def _ranker(self) -> RankingModel | None:
        return self.model if isinstance(self.model, RankingModel) else None

    def has_work(self, history: History) -> bool:
        """Whether there is anything left to evaluate."""
        if history.record.pending.next_forgotten or history.queue:
            return True
        return any(map(history.brackets.has_room, history.brackets.levels))

    def decide(self, history: History, rng: np.random.Generator) -> Asked | Joined:
        """Return the next event: a forgotten trial first, then an enqueued configuration, then the schedule's move."""
        step = self.step(history)
        if not isinstance(step, MoveOffer):
            return step
        event = self.place(history, step, self.advise(history, step, rng), rng)
        assert event is not None  # the advice is new
        return event

    def step(self, history: History) -> Asked | Joined | MoveOffer:
        """Return the next event if it needs no model, else the moves that the model advises on."""
        forgotten = history.record.pending.next_forgotten
        if forgotten is not None:
            return self._reissue(history, forgotten)
        if history.queue:
            return self._queued(history, history.queue[0])
        offer = self._offer(history)
        joined = self._join(history, offer.start)
        if joined is not None:
            return joined
        if self._deciders is None and offer.start is None:
            return self._promote(history, offer.promotions[0])
        return offer

    def advise(self, history: History, offer: MoveOffer, rng: np.random.Generator) -> Advice:
        """Return what the model answers to the moves."""
        num_events, start = len(history.events), offer.start
        answers = None if self._deciders is None else self._choose(self._deciders[1], offer, history, rng)
        if answers is not None:
            level = NOWHERE if start is None else self._level(history, start)
            return Advice(num_events, rng, answers, level, chosen_from=len(offer.promotions))
        if start is None:
            return Advice(num_events, rng)
        proposal = check_proposal(self.model.propose(history.observations, self.space, rng), len(self.space.names))
        return Advice(num_events, rng, (proposal,), level=len(self.ladder) - 1)

    def place(
        self, history: History, offer: MoveOffer, advice: Advice, rng: np.random.Generator
    ) -> Asked | Joined | None:
        """Return the event that follows the advice, which may be older; None if it holds no answer to the moves of now.

        A promotion that was due was not compared with a start, so it counts only where one is due still. Where one is
        due that the model did not see, the schedule decides, as it does where the model leaves the choice to it.
        """
        is_due = offer.start is None
        for answer in advice.answers:
            if isinstance(answer, Promote):
                if (is_due or advice.level > NOWHERE) and answer in offer.promotions:
                    return self._promote(history, answer, chosen_from=advice.chosen_from)
            elif offer.start is not None and self._level(history, offer.start) <= advice.level:
                return self._start(history, offer.start, answer, rng)
        return self._promote(history, offer.promotions[0]) if is_due else None

    def _offer(self, history: History) -> MoveOffer:
        """Return the moves of the schedule. There is one alone if the model does not choose."""
        if self._deciders is not None:
            return self._deciders[0].offer(history.brackets)
        move = self.schedule.next(history.brackets)
        return MoveOffer((), move) if isinstance(move, Start) else MoveOffer((move,), None)

    def _join(self, history: History, start: Start | None) -> Joined | None:
        """Return the entry of a result from outside the brackets, if the space has no new configuration to start."""
        if start is None:
            return None
        level = self._level(history, start)
        config_id = None if history.brackets.has_room(level) else history.brackets.best_outside(level)
        return None if config_id is None else Joined(config_id, start.bracket, start.rung)

    def _choose(
        self, model: PromotingModel, offer: MoveOffer, history: History, rng: np.random.Generator
    ) -> tuple[Promote | Proposal, ...] | None:
        """Return what the model chose, best first; None if it leaves the choice to the schedule.

        Raises:
            SettingError: If a user's own model returns something that the offer does not hold.
        """
        waiting = [move.config_id for move in offer.promotions]
        costs = [self._remaining_cost(history, move) for move in offer.promotions]
        start = self._start_level(history, offer)
        answers: Sequence[object] | None
        if self._ranker is not None:
            answers = self._ranker.rank(history.observations, self.space, rng, waiting, costs, start)
        else:
            chosen = model.choose(
                history.observations, self.space, rng, waiting=waiting, remaining_cost=costs, start=start
            )
            answers = None if chosen is None else (chosen,)
        return tuple(self._check_answer(answer, offer) for answer in answers) if answers else None

    def _check_answer(self, answer: object, offer: MoveOffer) -> Promote | Proposal:
        if offer.start is not None and isinstance(answer, Proposal):
            return check_proposal(answer, len(self.space.names))
        if type(answer) is not int or not 0 <= answer < len(offer.promotions):
            raise SettingError(
                f"expected an index of the {len(offer.promotions)} ids in `waiting` from the model's `choose`"
                f"{', or a proposal' if offer.start is not None else ''}, got {answer!r}"
            )
        return offer.promotions[answer]

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

    def _start_level(self, history: History, offer: MoveOffer) -> int | None:
        return None if offer.start is None else self._level(history, offer.start)

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
