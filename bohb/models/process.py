"""A Gaussian process over configurations and budgets: what to train next while results are few.

One process is fitted to the results of all budgets, with the budget as a further dimension, so that it learns by itself
how far a cheap result speaks for a full training (Klein et al. 2017, Fabolas; Klein et al. 2020, MOBSTER). The
configuration with the highest expected improvement at the full budget comes next (Jones et al. 1998), wherever on the
ladder it starts. It costs some ten milliseconds an ask, at any number of results, and finds what a density ratio
does not; once results are many, the density ratio is as good and much cheaper, and takes over.

Proposals are the same for losses that are scaled and shifted, but not under every increasing transform: how far the
best is ahead counts, not only that it is.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bohb.bandwidths import scott_bandwidths
from bohb.density import Density
from bohb.models.observations import Model, Observations, Proposal
from bohb.models.pooled import PooledModel
from bohb.models.ratio import random_proposal
from bohb.process import GaussianProcess, log_expected_improvement, standardise
from bohb.space import Space

Floats = NDArray[np.float64]

NUM_NEAR_BEST, NUM_WIDE, NUM_RANDOM = 100, 60, 100
"""How many candidates are drawn around the best, widely around them, and anywhere."""
STEPS = (0.1, 0.03, 0.01, 0.003)
"""How far the best candidates are moved about, in units of a parameter's range, one round after the other."""
NUM_MOVED, NUM_MOVES = 4, 10
"""How many candidates are moved in each round, and how often each."""


@dataclass(frozen=True)
class ProcessModel:
    """Expected improvement under a Gaussian process over all budgets.

    Attributes:
        random_fraction: The share of random configurations, in [0, 1]; any positive one keeps BOHB's guarantee.
        min_results: Before there are so many, configurations are random.
        max_results: Beyond so many, `many` proposes.
        max_points: The process is conditioned on at most so many results, and on as many pending configurations.
        max_learned: Its hyperparameters are learned from at most so many of them.
        num_candidates: How many different candidates are proposed at most, of all that were looked at.
        many: The model for more results.
    """

    random_fraction: float = 0.1
    min_results: int = 8
    max_results: int = 2000
    max_points: int = 160
    max_learned: int = 64
    num_candidates: int = 32
    many: Model = field(default_factory=PooledModel, hash=False)

    def propose(self, observations: Observations, space: Space, rng: np.random.Generator) -> Proposal:
        """Returns candidates by expected improvement, or none for the random share and before there is a model."""
        num_results = sum(len(level.losses) for level in observations.levels)
        if num_results > self.max_results:
            return self.many.propose(observations, space, rng)
        if rng.random() < self.random_fraction:
            return random_proposal(space, "random share")
        points = self._points(observations)
        if len(points) < self.min_results:
            return random_proposal(space, "too few results", results=len(points), needed=self.min_results)
        process = self._process(points, observations, space)
        pending = observations.pending[-self.max_points :]
        if pending:
            process = process.believing(_at_full_budget(observations.vectors(pending)))
        known = dict.fromkeys([*(config_id for _, config_id, _ in points), *pending])
        search = _Search(process, space, rng, _at_full_budget(observations.vectors(list(known))))
        candidates, scores = search.run(self.num_candidates)
        if not len(candidates):
            return random_proposal(space, "every candidate was forbidden", results=num_results)
        facts = {"surrogate": "Gaussian process", "results": num_results, "points": len(points)}
        return Proposal(candidates, {**facts, "score": float(f"{scores[0]:.6g}")})

    def _points(self, observations: Observations) -> list[tuple[int, int, float]]:
        """Returns (level, configuration id, loss) of what the process sees; failures are as bad as the worst of them.

        Larger budgets come first and take up to 60 % of what is left; of a level that has more, half are the best and
        half are spread evenly over the rest.
        """
        chosen: list[tuple[int, int, float]] = []
        for number in reversed(range(len(observations.levels))):
            room = self.max_points - len(chosen)
            told = _spread(observations.levels[number].told, min(math.ceil(0.6 * room), room) if number else room)
            chosen += [(number, config_id, loss) for loss, config_id in told]
        worst = max((loss for _, _, loss in chosen if math.isfinite(loss)), default=None)
        if worst is None:
            return []
        return [(number, config_id, min(loss, worst)) for number, config_id, loss in chosen]

    def _process(
        self, points: list[tuple[int, int, float]], observations: Observations, space: Space
    ) -> GaussianProcess:
        """Returns the process, the one from before if nothing was told since."""
        known = observations.memo.get(self)
        if known is None:
            top = max(len(observations.levels) - 1, 1)
            below = np.array([len(observations.levels) - 1 - number for number, _, _ in points]) / top
            vectors = observations.vectors([config_id for _, config_id, _ in points])
            known = observations.memo[self] = GaussianProcess(
                np.column_stack([vectors, 1 - below]),
                standardise(np.array([loss for _, _, loss in points])),
                np.append(space.choices > 0, False),
                below,
                chosen=np.unique(np.linspace(0, len(points) - 1, self.max_learned).astype(np.intp)),
            )
        return known


class _Search:
    """The search for the highest expected improvement at the full budget."""

    def __init__(self, process: GaussianProcess, space: Space, rng: np.random.Generator, known: Floats) -> None:
        self._process, self._space, self._rng = process, space, rng
        means, _ = process.predict(known)
        self._best = float(means.min())
        self._known = known[np.argsort(means, kind="stable"), :-1]

    def run(self, count: int) -> tuple[Floats, Floats]:
        """Returns at most `(count, d)` different candidates, the best first, and their scores."""
        candidates = self._valid(np.concatenate(list(self._drawn())))
        scores = self._score(candidates)
        for step in STEPS:
            best = np.argsort(-scores, kind="stable")[:NUM_MOVED]
            moved = self._valid(self._moved(candidates[np.repeat(best, NUM_MOVES)], step))
            candidates, scores = np.concatenate([candidates, moved]), np.concatenate([scores, self._score(moved)])
        _, different = np.unique(np.nan_to_num(candidates, nan=-1.0), axis=0, return_index=True)
        order = different[np.argsort(-scores[different], kind="stable")[:count]]
        return candidates[order], scores[order]

    def _drawn(self) -> Iterator[Floats]:
        axes = self._space.axes
        widths = scott_bandwidths(self._known[: max(8, len(self._known) // 7)], axes, minimum=0.01)
        near = Density(self._known[:8], widths, axes)
        yield near.sample(self._rng, NUM_NEAR_BEST)
        yield near.sample(self._rng, NUM_WIDE, widening=3.0)
        yield self._space.scatter(self._rng, NUM_RANDOM)

    def _moved(self, vectors: Floats, step: float) -> Floats:
        """Returns the vectors with some numbers moved by about a step, and seldom a choice changed."""
        choices, (num, dims) = self._space.choices, vectors.shape
        anything = self._space.scatter(self._rng, num)
        values = np.where(np.isnan(vectors), anything, vectors)
        some = self._rng.random((num, dims)) < max(2 / dims, 0.3)
        some[np.arange(num), self._rng.integers(dims, size=num)] = True
        shifted = np.clip(values + step * self._rng.standard_normal((num, dims)), 0.0, 1.0)
        changed = self._rng.random((num, dims)) < 1.5 / dims
        return np.where(choices > 0, np.where(changed, anything, values), np.where(some, shifted, values))

    def _valid(self, vectors: Floats) -> Floats:
        """Returns those vectors that are allowed, as they would be evaluated: on the grid, nothing where inactive."""
        snapped = self._space.deactivate(self._space.snap(vectors))
        return snapped[self._space.is_allowed(snapped)]

    def _score(self, vectors: Floats) -> Floats:
        return log_expected_improvement(*self._process.predict(_at_full_budget(vectors)), self._best)


def _at_full_budget(vectors: Floats) -> Floats:
    """Returns `(n, d + 1)` points of the process: the configurations, trained in full."""
    return np.column_stack([vectors, np.ones(len(vectors))])


def _spread(entries: list[tuple[float, int]], count: int) -> list[tuple[float, int]]:
    """Returns at most `count` of the sorted entries: the best half of them, and others spread evenly over the rest."""
    if len(entries) <= count:
        return entries
    num_best = (count + 1) // 2
    rest = np.linspace(num_best, len(entries) - 1, count - num_best).astype(int)
    return entries[:num_best] + [entries[i] for i in rest]
