"""The part of an optimizer that asks: what to try next, from the model's advice and the schedule's moves."""

import math
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bohb._warning import warn
from bohb.budgets import Ladder
from bohb.errors import SpaceExhausted
from bohb.models import Model
from bohb.objectives import Goal
from bohb.optimizer.advice import Advice
from bohb.optimizer.boundary import find_trial, private_copy
from bohb.optimizer.decision import Decider
from bohb.optimizer.events import Asked, Joined
from bohb.optimizer.findings import Findings
from bohb.optimizer.presets import from_preset
from bohb.schedules import MoveOffer, Population, Schedule
from bohb.space import Space
from bohb.trials import Trial

if TYPE_CHECKING:
    from bohb.optimizer.recommendation import Recommendation


class Asking(Findings):
    """The part of an optimizer that chooses the next trial.

    Args:
        space: As for `Findings`.
        ladder: As for `Findings`.
        schedule: As for `Findings`.
        seed: As for `Findings`.
        preset: As for `Findings`.
        goal: As for `Findings`.
        repeats: As for `Findings`.
        model: The user's own model, or None for that of the preset.
    """

    def __init__(
        self,
        space: Space,
        ladder: Ladder,
        schedule: Schedule,
        seed: int,
        preset: str,
        goal: Goal,
        *,
        repeats: bool,
        model: Model | None,
    ) -> None:
        super().__init__(space, ladder, schedule, seed, preset, goal, repeats=repeats)
        self._own_model = model
        self._advice: Advice | None = None  # the latest

    @cached_property
    def _decider(self) -> Decider:
        """The parts that decide, made at the first ask: whoever only replays needs no model."""
        model = from_preset(self._preset).make_model() if self._own_model is None else self._own_model
        return Decider(self._space, self._schedule, model)

    def ask(self) -> Trial:
        """Return the next trial to evaluate. Never block.

        Raises:
            SpaceExhausted: If every configuration of a finite space is evaluated or pending at every budget
                of the schedule; with `repeats`, only if no configuration succeeded in full or all of those are running.
        """
        trial = self.follow(self.advise())
        assert trial is not None  # nothing happened in between
        return trial

    def advise(self, *, may_learn: bool = True) -> Advice | None:
        """Return what the model says about the next ask, and change nothing. Only this part of an ask takes time.

        Together with `follow` this is `ask`, cut in two, for a search that several processes share. They can all advise
        at once, and only `follow` needs a lock.

        Args:
            may_learn: Whether the model may learn, for instance its length scales, although it has learned them from
                fewer results before. If several processes advise at once, it is enough that one of them does.

        Returns:
            The advice, or None if the next ask needs no model.
        """
        known = self._advice
        if known is not None and known.is_of(self._history) and known.may_learn == may_learn:
            return known
        if not self._decider.has_work(self._history):
            return None
        step, rng = self._decider.step(self._history), self._generator(len(self._history.trials))
        if not isinstance(step, MoveOffer):
            return None
        self._advice = self._decider.advise(self._history, step, rng, may_learn=may_learn)
        return self._advice

    def follow(self, advice: Advice | None) -> Trial | None:
        """Return the next trial, as `ask` does, with what `advise` returned now or some events ago.

        The moves are those that the schedule allows now, and a configuration has to be new now. What the model chose
        may be out of date.

        Returns:
            The trial, or None if the advice is no answer to these moves: the promotion is taken, the schedule wants a
            promotion or a start at another budget, or advice is needed where there was none. Then nothing has changed.

        Raises:
            SpaceExhausted: As `ask`.
        """
        self._check_has_work()
        step: Asked | Joined | MoveOffer | None = self._decider.step_after(self._history, advice)
        rng, seen = self._generator(len(self._history.trials)), None
        if isinstance(step, MoveOffer):
            if advice is not None and advice.is_of(self._history):
                rng = advice.rng
            elif advice is not None:
                seen = advice.num_events
            step = None if advice is None else self._decider.place(self._history, step, advice, rng)
        while isinstance(step, Joined):
            self._history.apply(step)
            step = self._decider.decide(self._history, rng)
        if step is None:
            return None
        self._say_that_it_starts_anew(step.trial)
        self._history.apply(replace(step, seen=seen))
        return private_copy(step.trial)

    def recommend(self) -> "Recommendation | None":
        """Return the configuration to use: that of the best expected value among those trained in full.

        The incumbent has the best value that any training showed. If trainings are noisy, that is the luckiest one. The
        expectation also counts what similar configurations, smaller budgets and repetitions showed. The model of the
        preset `default` predicts it. For other presets it is the mean of the configuration's own results, shrunk
        toward the mean of all: without repetitions, the configuration is then that of the incumbent.

        Returns:
            The recommendation, or None before the first success. Before the first success in full, it is for the
            largest budget that has one.
        """
        from bohb.optimizer.recommendation import recommend  # with models, which nobody else needs who only reads

        return recommend(self._history, self._space, self._decider.model, self._goal)

    def go_on(self, trial: Trial | int) -> Trial | None:
        """Return the next trial, as `ask` does, if it continues the training of a told one. Else change nothing.

        Raises:
            UnknownTrial: If this optimizer never asked the trial.
        """
        advice = self.advise()
        return self.follow(advice) if self.goes_on(trial, advice) else None

    def goes_on(self, trial: Trial | int, advice: Advice | None) -> bool:
        """Whether `follow` with this advice continues the training of a told trial that has not failed.

        Raises:
            UnknownTrial: If this optimizer never asked the trial.
        """
        known = find_trial(self._history, trial)
        told = self._history.answers.get(known.id)
        can_go_on = told is not None and math.isfinite(told.loss) and self._decider.has_work(self._history)
        return can_go_on and self._decider.goes_on(self._history, known, advice)

    def _say_that_it_starts_anew(self, trial: Trial) -> None:
        """Warn, once in a search, that the members of a population have no checkpoints to go on from."""
        if not isinstance(self._schedule, Population) or not _lacks_checkpoint(trial):
            return
        if not any(map(_lacks_checkpoint, self._history.trials)):
            warn(
                f"expected a checkpoint with the result of trial {trial.previous}, got none: without checkpoints every "
                "member of a population starts anew at each budget; tell them, as in tell(trial, loss, checkpoint=path)"
            )

    def _check_has_work(self) -> None:
        if not self._decider.has_work(self._history):
            raise SpaceExhausted(
                f"all {self._space.size} configurations of the space are evaluated or pending at all "
                f"{len(self._history.brackets.levels)} budgets of the schedule; tell the {len(self.pending)} pending "
                "trials and stop, or widen the space"
            )

    def _generator(self, number: int) -> np.random.Generator:
        """Return a generator whose numbers depend only on the seed and a number: for an ask, how many were before."""
        return np.random.Generator(np.random.Philox(key=np.array([self._seed, number], dtype=np.uint64)))


def _lacks_checkpoint(trial: Trial) -> bool:
    """Whether a trial goes on from one that told no checkpoint."""
    return trial.previous is not None and trial.checkpoint is None
