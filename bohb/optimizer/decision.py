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

from bohb import models
from bohb._text import brief
from bohb.errors import SettingError
from bohb.facts import Facts
from bohb.models import ExploringModel, Model, PromotingModel, Proposal, RankingModel
from bohb.optimizer.advice import NOWHERE, REPETITION, Advice, Answer, Repeat
from bohb.optimizer.events import Asked, Joined
from bohb.optimizer.history import History
from bohb.optimizer.indexes import Queued
from bohb.optimizer.selection import Vector, check_proposal, select
from bohb.schedules import Exploit, MoveOffer, OfferingSchedule, Promote, Schedule, Start
from bohb.space import Space
from bohb.trials import Origin, ReadOnlyDict, Trial


@dataclass(frozen=True)
class Decider:
    """Decides the next event. It holds the parts of an optimizer that never change."""

    space: Space
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
        if history.record.pending.next_forgotten or history.queue or self._has_room(history):
            return True
        return any(map(history.may_repeat, history.record.levels[-1].results)) if history.repeats else False

    def _has_room(self, history: History) -> bool:
        """Whether the space has a new configuration at any budget of the schedule."""
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
        if history.repeats and not self._has_room(history):
            return REPETITION
        offer = self._offer(history)
        joined = self._join(history, offer.start)
        if joined is not None:
            return joined
        if self._deciders is None and offer.start is None:
            return self._promote(history, offer.promotions[0])
        return offer

    def step_after(self, history: History, advice: Advice | None) -> Asked | Joined | MoveOffer:
        """Return what `step` does, which advice of now holds already."""
        return advice.offer if advice is not None and advice.is_of(history) else self.step(history)

    def advise(self, history: History, offer: MoveOffer, rng: np.random.Generator, *, may_learn: bool = True) -> Advice:
        """Return what the model answers to the moves, and what it learned for that; see `bohb.record.lessons`."""
        history.record.lessons.begin(may_learn=may_learn)
        advice = self._advise(history, offer, rng)
        if history.repeats and _may_be_repetition(offer):
            advice = replace(advice, answers=(*self._repetitions(history, offer, advice), *advice.answers))
        return replace(advice, may_learn=may_learn, learned=history.record.lessons.new)

    def _repetitions(self, history: History, offer: MoveOffer, advice: Advice) -> list[Repeat]:
        """Return the configurations that are worth more trained again than the model's choice is, best first."""
        from bohb.models.repetition import repetitions  # with models, which nobody needs who only reads

        top, space = len(history.ladder) - 1, self.space
        results = history.record.levels[top].results.values()
        if all(result.is_failure for result in results):
            return []
        rival, cost = None, 1.0
        if offer.start is not None:
            rival, cost = self._rival(history, advice.answers[0])
            if rival is None:
                return []
        idle = [config_id for config_id in history.record.levels[top].results if history.may_repeat(config_id)]
        found = repetitions(self.model, history.observations, space, idle, rival, cost)
        return [Repeat(config_id, float(f"{score:.6g}")) for config_id, score in found]

    def _rival(self, history: History, answer: Answer) -> tuple[Vector | None, float]:
        """Return the `(1, d)` configuration that the model chose, and its remaining cost as a share of a full training.

        There is none where a random configuration is due although the model could have chosen.
        """
        if isinstance(answer, Promote):
            return history.observations.vectors([answer.config_id]), self._remaining_costs(history, [answer])[0]
        from bohb.models.beliefs import Estimator

        assert isinstance(answer, Proposal)
        if len(answer.vectors):
            return answer.vectors[:1], 1.0
        return (None if isinstance(self.model, Estimator) else np.full((1, len(self.space.names)), np.nan)), 1.0

    def _advise(self, history: History, offer: MoveOffer, rng: np.random.Generator) -> Advice:
        num_events, start = len(history.events), offer.start
        if offer == REPETITION:
            return Advice(num_events, offer, rng)
        answers = None if self._deciders is None else self._choose(self._deciders[1], offer, history, rng)
        if answers is not None:
            level = NOWHERE if start is None else self._level(history, start)
            return Advice(num_events, offer, rng, answers, level, chosen_from=len(offer.promotions))
        if start is None:
            return Advice(num_events, offer, rng)
        proposal = check_proposal(self._propose(history, start, rng), len(self.space.names))
        return Advice(num_events, offer, rng, (proposal,), level=len(history.ladder) - 1)

    def _propose(self, history: History, start: Start, rng: np.random.Generator) -> Proposal:
        """Return the model's candidates for a start. A model that does not vary configurations has that done for it."""
        if not isinstance(start, Exploit):
            return self.model.propose(history.observations, self.space, rng)
        model = self.model if isinstance(self.model, ExploringModel) else models.PerturbationModel()
        return model.explore(history.observations, self.space, rng, start.source, self._level(history, start))

    def place(
        self, history: History, offer: MoveOffer, advice: Advice, rng: np.random.Generator
    ) -> Asked | Joined | None:
        """Return the event that follows the advice, which may be older; None if it holds no answer to the moves of now.

        A promotion that was due was not compared with a start, so it counts only where one is due still. Where one is
        due that the model did not see, the schedule decides, as it does where the model leaves the choice to it.
        """
        event = self._placed(history, offer, advice, rng)
        return replace(event, learned=advice.learned) if isinstance(event, Asked) else event

    def _placed(
        self, history: History, offer: MoveOffer, advice: Advice, rng: np.random.Generator
    ) -> Asked | Joined | None:
        answer = self._answer(history, offer, advice)
        if isinstance(answer, Repeat):
            return self._repeat(history, answer)
        if isinstance(answer, Promote):
            is_advised = answer in advice.answers
            return self._promote(history, answer, chosen_from=advice.chosen_from if is_advised else None)
        if answer is None or offer.start is None:
            return None
        return self._start(history, offer.start, answer, rng)

    def goes_on(self, history: History, trial: Trial, advice: Advice | None) -> bool:
        """Whether the next event, with this advice, asks the configuration of a trial again at a larger budget."""
        step: Asked | Joined | MoveOffer | None = self.step_after(history, advice)
        if isinstance(step, MoveOffer):
            answer = None if advice is None else self._answer(history, step, advice)
            step = self._promote(history, answer) if isinstance(answer, Promote) else None
        if not isinstance(step, Asked) or not history.may_go_on(trial, step.trial):
            return False
        return history.ladder.level(step.trial.budget) > history.ladder.level(trial.budget)

    def _answer(self, history: History, offer: MoveOffer, advice: Advice) -> Answer | None:
        """Return the first answer of the advice that is possible now, or else the promotion that is due, or None."""
        is_due = offer.start is None
        for answer in advice.answers:
            if isinstance(answer, Repeat):
                if _may_be_repetition(offer) and history.may_repeat(answer.config_id):
                    return answer
            elif isinstance(answer, Promote):
                if (is_due or advice.level > NOWHERE) and answer in offer.promotions:
                    return answer
            elif offer.start is not None and self._fits(history, offer.start, advice):
                return answer
        return offer.promotions[0] if offer.promotions and is_due else None

    def _fits(self, history: History, start: Start, advice: Advice) -> bool:
        """Whether a proposal in the advice may start here. A variation of a configuration is for one place alone."""
        if isinstance(start, Exploit) or isinstance(advice.offer.start, Exploit):
            return start == advice.offer.start
        return self._level(history, start) <= advice.level

    def _offer(self, history: History) -> MoveOffer:
        """Return the moves of the schedule. There is one alone if the model does not choose."""
        if self._deciders is not None:
            return self._deciders[0].offer(history.brackets)
        move = self.schedule.next(history.brackets)
        return MoveOffer((), move) if isinstance(move, Start) else MoveOffer((move,), None)

    def _join(self, history: History, start: Start | None) -> Joined | None:
        """Return the entry of a result from outside the brackets.

        It enters if the space has no new configuration to start, or if the schedule prefers it.
        """
        if start is None:
            return None
        level = self._level(history, start)
        config_id = history.brackets.best_known(level) if start.prefers_known else None
        if config_id is None and not history.brackets.has_room(level):
            config_id = history.brackets.best_outside(level)
        return None if config_id is None else Joined(config_id, start.bracket, start.rung)

    def _choose(
        self, model: PromotingModel, offer: MoveOffer, history: History, rng: np.random.Generator
    ) -> tuple[Promote | Proposal, ...] | None:
        """Return what the model chose, best first; None if it leaves the choice to the schedule.

        Raises:
            SettingError: If a user's own model returns something that the offer does not hold.
        """
        waiting = [move.config_id for move in offer.promotions]
        costs = self._remaining_costs(history, offer.promotions)
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
                f"{', or a proposal' if offer.start is not None else ''}, got {brief(answer)}"
            )
        return offer.promotions[answer]

    def _reissue(self, history: History, forgotten: Trial) -> Asked:
        facts = Facts() if forgotten.id < 0 else history.facts[forgotten.id]
        origin = Origin.ENQUEUED if forgotten.id < 0 else forgotten.origin
        trial = replace(forgotten, id=len(history.trials), origin=origin)
        return Asked(trial, replace(facts, reissue_of=forgotten.id))

    def _queued(self, history: History, item: Queued) -> Asked:
        if item.level is not None:
            return Asked(self._trial(history, item.config_id, item.level, None, Origin.ENQUEUED), Facts())
        start = self.schedule.start(history.brackets)
        return Asked(self._trial(history, item.config_id, self._level(history, start), start, Origin.ENQUEUED), Facts())

    def _repeat(self, history: History, answer: Repeat) -> Asked:
        level = len(history.ladder) - 1
        trial = self._trial(history, answer.config_id, level, None, Origin.REPEATED)
        number = history.next_repeat(answer.config_id, level)
        return Asked(replace(trial, repeat=number), Facts(score=answer.score))

    def _promote(self, history: History, move: Promote, *, chosen_from: int | None = None) -> Asked | Joined:
        level = self._level(history, move)
        if history.brackets.is_taken(level, move.config_id):
            return Joined(move.config_id, move.bracket, move.rung)
        rank, finished = self._rank_below(history, move, move.config_id)
        trial = self._trial(history, move.config_id, level, move, Origin.PROMOTED)
        return Asked(trial, Facts(rank=rank, finished=finished, chosen_from=chosen_from))

    def _rank_below(self, history: History, move: Start | Promote, config_id: int) -> tuple[int, int]:
        """Return the rank of a configuration in the rung below a move, and how many have a result there."""
        below = history.brackets[move.bracket].rungs[move.rung - 1]
        return below.rank(history.record.levels[below.level].entry(config_id)), len(below.finished)

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
            proposal, len(history.ladder), self.space, lambda vector: history.is_new(vector, level), rng
        )
        if isinstance(move, Exploit):
            rank, finished = self._rank_below(history, move, move.replaces)
            origin, facts = Origin.EXPLOITED, replace(facts, replaces=move.replaces, rank=rank, finished=finished)
        config_id = history.configs.find(vector)
        if config_id is not None:
            return Asked(self._trial(history, config_id, level, move, origin), facts)
        trial = self._trial(
            history, len(history.configs), level, move, origin, config=ReadOnlyDict(self.space.decode(vector))
        )
        return Asked(trial, facts)

    def _remaining_costs(self, history: History, moves: Sequence[Promote]) -> list[float]:
        """Return the cost to complete each training from its checkpoint, as a share of a full training."""
        costs, full = history.ladder.costs, history.ladder.costs[-1]
        level_of = {
            (bracket, rung): history.brackets.plan(bracket).levels[rung - 1]
            for bracket, rung in {(move.bracket, move.rung) for move in moves}
        }
        remaining = []
        for move in moves:
            level = level_of[move.bracket, move.rung]
            below = history.result(move.config_id, level)
            paid = costs[level] if below is None or below.used is None else history.ladder.cost(below.used)
            remaining.append((full - paid) / full)
        return remaining

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
        # Only these resume. Other checkpoints may be deleted at any time.
        previous = history.resumable(move) if isinstance(move, Promote | Exploit) else None
        return Trial(
            id=len(history.trials),
            config=history.configs[config_id] if config is None else config,
            budget=history.ladder[level],
            config_id=config_id,
            bracket=None if move is None else move.bracket,
            rung=None if move is None else move.rung,
            previous=None if previous is None else previous.trial.id,
            checkpoint=None if previous is None else previous.checkpoint,
            origin=origin,
        )


def _may_be_repetition(offer: MoveOffer) -> bool:
    """Whether a repetition may come instead: of a new training, and not of one that goes on."""
    return offer == REPETITION or not (offer.start is None or isinstance(offer.start, Exploit))
