"""A bandit over improvements: a Gaussian process predicts how much the loss falls from one budget to the next.

Parker-Holder et al. 2020, "Provably Efficient Online Hyperparameter Optimization with Population-Based Bandits" (PB2).
A step of a training, from one rung to the next, has a configuration, a loss before and a loss after. The process learns
the change of the loss from all of these and the time of the step, and the configuration with the lowest confidence
bound on the change goes on from the checkpoint. Steps that run count as if they had ended as predicted.

Three things differ from the paper. The kernel is a Matern kernel, also over time, and the length scale of the time is
learned, instead of a fixed rate at which old steps lose their value. Changes are standardised within their rung,
because losses fall fastest at the beginning. And choices, ordered values and conditions are part of the same process.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

import numpy as np

from bohb.arrays import Floats
from bohb.facts import Facts, Lesson
from bohb.models.observations import Observations
from bohb.models.perturbation import PerturbationModel
from bohb.models.protocol import Proposal
from bohb.models.training_steps import Step, steps_of
from bohb.space import Space
from bohb.surrogates.gp_surrogate import ROUGH
from bohb.surrogates.protocol import Examples, Posterior, Surrogate
from bohb.surrogates.threads import one_blas_thread

NUM_NEAR, NUM_ANYWHERE = 96, 128
"""The number of candidates drawn near the configuration that did well, and anywhere."""
C1, C2 = 0.2, 0.4
"""The constants of the confidence bound, those of the authors' program."""


@dataclass(frozen=True)
class ImprovementBandit:
    """Varies configurations by a bound on the change of the loss that they lead to.

    Attributes:
        min_steps: With fewer steps, `start` varies the configurations.
        max_steps: The largest number of steps that the process is fitted to, the latest.
        max_learned: The largest number of steps from which it learns its hyperparameters.
        max_pending: The largest number of pending configurations that it takes into account, the newest ones.
        num_candidates: The largest number of candidates in a proposal.
        surrogate: The process.
        start: The model with few steps, and for the first members.
    """

    min_steps: int = 6
    max_steps: int = 160
    max_learned: int = 56
    max_pending: int = 64
    num_candidates: int = 32
    surrogate: Surrogate = field(default=ROUGH, hash=False)
    start: PerturbationModel = field(default_factory=PerturbationModel, hash=False)

    def propose(self, observations: Observations, space: Space, rng: np.random.Generator) -> Proposal:
        """Return what `start` proposes."""
        return self.start.propose(observations, space, rng)

    @one_blas_thread("linalg.lapack", "special")
    @np.errstate(under="ignore")  # tiny values may become 0, even where users tell numpy to raise
    def explore(
        self, observations: Observations, space: Space, rng: np.random.Generator, source: int, level: int
    ) -> Proposal:
        """Return candidates by the bound on the change of the loss, the lowest first."""
        told = steps_of(observations)
        steps = _in_order(told)
        if len(steps) < self.min_steps:
            proposal = self.start.explore(observations, space, rng, source, level)
            return replace(proposal, facts=Facts(results=len(steps), needed=self.min_steps))
        posterior = self._posterior(observations, space, steps, level, self._lesson(observations, space, told))
        candidates = self._candidates(observations.vectors([source])[0], space, rng)
        before = _standing(observations.levels[level - 1].loss(source), steps, level)
        scores = _bounds(posterior, self._points(candidates, before, level, observations), len(steps))
        order = np.argsort(scores, kind="stable")[: self.num_candidates]
        if not len(order):
            return self.start.explore(observations, space, rng, source, level)
        facts = Facts(surrogate=self.surrogate.name, points=min(len(steps), self.max_steps), results=len(steps))
        return Proposal(candidates[order], replace(facts, score=float(f"{-scores[order[0]]:.6g}")))

    def _posterior(
        self, observations: Observations, space: Space, steps: Sequence[Step], level: int, lesson: Lesson
    ) -> Posterior:
        """Return the process, fitted to the latest steps, after it believed those that run."""
        posterior: Posterior = observations.remember(
            (self, "steps"),
            lambda: self.surrogate.fit(self._examples(observations, space, steps[-self.max_steps :]), lesson.value),
            as_of=(observations.num_results, lesson.size),
        )
        pending = observations.pending[-self.max_pending :]
        if not pending:
            return posterior
        return posterior.believing(self._points(observations.vectors(pending), 0.0, level, observations))

    def _lesson(self, observations: Observations, space: Space, told: Sequence[Step]) -> Lesson:
        """Return the hyperparameters: learned from the first steps, whose number grows by steps of a quarter."""
        size = _learning_size([step.batch for step in told], self.min_steps)
        return observations.learn(
            "steps", size, lambda: self.surrogate.learn(self._examples(observations, space, _in_order(told[:size])))
        )

    def _examples(self, observations: Observations, space: Space, steps: Sequence[Step]) -> Examples:
        """Return the steps as examples, whose values are the changes of the loss, standardised within their rung."""
        vectors = observations.vectors([step.config_id for step in steps])
        levels = np.array([step.level for step in steps])
        before = _within(levels, np.array([step.before for step in steps]))
        changes = _within(levels, np.array([step.after / 2 - step.before / 2 for step in steps]))  # cannot overflow
        points = np.column_stack([vectors, before, _times(levels, len(observations.levels))])
        chosen = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), self.max_learned)).astype(np.intp))
        categorical = np.append(space.choices > 0, [False, False])
        return Examples(points, changes, categorical, np.zeros(len(steps)), chosen)

    def _points(self, vectors: Floats, before: float, level: int, observations: Observations) -> Floats:
        """Return the `(n, d + 2)` inputs of the process for configurations that go on to a level."""
        time = _times(np.array([level]), len(observations.levels))[0]
        return np.column_stack([vectors, np.full(len(vectors), before), np.full(len(vectors), time)])

    def _candidates(self, vector: Floats, space: Space, rng: np.random.Generator) -> Floats:
        """Return the allowed candidates as they would be trained: on the grid, and NaN where inactive."""
        drawn = np.concatenate([self.start.vary(vector, space, rng, NUM_NEAR), space.scatter(rng, NUM_ANYWHERE)])
        snapped = space.deactivate(space.snap(drawn, floats=False))
        return snapped[space.is_allowed(snapped)]


def _bounds(posterior: Posterior, points: Floats, num_steps: int) -> Floats:
    """Return the lower confidence bounds of the change, in the unit of the process; the lowest promises most.

    As in the authors' program, they lie below the mean by a multiple of the variance, not of the deviation.
    """
    means, deviations = posterior.predict(points)
    return np.asarray(means - math.sqrt(C1 + max(0.0, math.log(C2 * num_steps))) * deviations**2)


def _in_order(steps: Sequence[Step]) -> list[Step]:
    """Return steps in the order in which their trials were asked: the order of tells between two asks is no matter."""
    return sorted(steps, key=attrgetter("trial_id"))


def _learning_size(batches: Sequence[int], least: int) -> int:
    """Return from how many of the first steps the process learns: a number that grows by a quarter, or by two.

    The last batch that it learns from is a whole one; `batches` are those of the steps.
    """
    size = least
    while (larger := size + max(2, size // 4)) <= len(batches):
        size = larger
    return bisect_right(batches, batches[size - 1])


def _within(levels: Floats, values: Floats) -> Floats:
    """Return values with mean 0 and standard deviation 1 within each level; 0 where all are equal."""
    scaled = np.zeros(len(values))
    for level in np.unique(levels):
        own = _moderate(values[levels == level])
        unit = float(own.std())
        scaled[levels == level] = (own - own.mean()) / unit if unit > 0 and np.ptp(own) else 0.0
    return scaled


def _standing(loss: float, steps: Sequence[Step], level: int) -> float:
    """Return a loss before a step in the unit of the others of its rung; 0 if there are none."""
    own = _moderate(np.array([loss, *(step.before for step in steps if step.level == level)]))
    unit = float(own[1:].std()) if len(own) > 1 else 0.0
    return float(own[0] - own[1:].mean()) / unit if unit > 0 else 0.0


def _moderate(values: Floats) -> Floats:
    """Return values times a power of two, which is exact, so that their squares neither overflow nor vanish."""
    return np.asarray(np.ldexp(values, -np.frexp(np.abs(values).max())[1]))


def _times(levels: Floats, num_levels: int) -> Floats:
    """Return the time of steps that lead to levels, in (0, 1]."""
    return np.asarray(levels / max(num_levels - 1, 1))
