"""Search for the configuration with the highest expected improvement at the full budget."""

from collections.abc import Iterator, Sequence

import numpy as np

from bohb.arrays import Floats
from bohb.space import Space
from bohb.surrogates.bandwidths import scott_bandwidths
from bohb.surrogates.gaussian_process import log_expected_improvement
from bohb.surrogates.kernel_density import KernelDensity
from bohb.surrogates.protocol import Posterior

NUM_NEAR_BEST, NUM_WIDE, NUM_RANDOM = 100, 60, 100
"""The number of candidates drawn near the best configurations, in a wider region around them, and anywhere."""
STEPS = (0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.003, 0.001)
"""The step size of each round of local search, in units of a parameter's range."""
NUM_MOVED, NUM_MOVES = 4, 10
"""How many candidates each round moves, and how many times it moves each."""


class AcquisitionSearch:
    """Searches for the highest expected improvement at the full budget.

    Args:
        posteriors: The predictions of each surrogate.
        space: The search space.
        rng: The only source of randomness.
        known: `(n, d)` configurations that are evaluated or pending.
        goals: `(m, d)` configurations among them. Improvement is measured against the best of these.
    """

    def __init__(
        self,
        posteriors: Sequence[Posterior],
        space: Space,
        rng: np.random.Generator,
        known: Floats,
        goals: Floats,
    ) -> None:
        self._posteriors, self._space, self._rng = posteriors, space, rng
        means = np.mean([posterior.predict(at_full_budget(known))[0] for posterior in posteriors], axis=0)
        self._known = known[np.argsort(means, kind="stable")]
        self._bests = [float(posterior.predict(at_full_budget(goals))[0].min()) for posterior in posteriors]

    def run(self, count: int) -> tuple[Floats, Floats]:
        """Return at most `count` different candidates, best first, as `(n, d)` vectors, and their `(n,)` scores."""
        candidates = self._valid(np.concatenate(list(self._drawn())))
        scores = self.score(candidates)
        for step in STEPS:
            best = np.argsort(-scores, kind="stable")[:NUM_MOVED]
            moved = self._valid(self._moved(candidates[np.repeat(best, NUM_MOVES)], step))
            candidates, scores = np.concatenate([candidates, moved]), np.concatenate([scores, self.score(moved)])
        _, different = np.unique(np.nan_to_num(candidates, nan=-1.0), axis=0, return_index=True)
        order = different[np.argsort(-scores[different], kind="stable")[:count]]
        return candidates[order], scores[order]

    def score(self, vectors: Floats) -> Floats:
        """Return the `(n,)` log expected improvements of `(n, d)` configurations at the full budget.

        Each is the mean over the surrogates. Surrogates may scale the losses differently.
        """
        points = at_full_budget(vectors)
        pairs = zip(self._posteriors, self._bests, strict=True)
        scores = [log_expected_improvement(*posterior.predict(points), best) for posterior, best in pairs]
        return np.asarray(np.mean(scores, axis=0))

    def _drawn(self) -> Iterator[Floats]:
        columns = self._space.columns
        widths = scott_bandwidths(self._known[: max(8, len(self._known) // 7)], columns, minimum=0.01)
        near = KernelDensity(self._known[:8], widths, columns)
        yield near.sample(self._rng, NUM_NEAR_BEST)
        yield near.sample(self._rng, NUM_WIDE, widening=3.0)
        yield self._space.scatter(self._rng, NUM_RANDOM)

    def _moved(self, vectors: Floats, step: float) -> Floats:
        """Return copies of the vectors: some numbers are moved by about one step, and few choices are replaced."""
        choices, (num, dims) = self._space.choices, vectors.shape
        anything = self._space.scatter(self._rng, num)
        values = np.where(np.isnan(vectors), anything, vectors)
        some = self._rng.random((num, dims)) < max(2 / dims, 0.3)
        some[np.arange(num), self._rng.integers(dims, size=num)] = True
        shifted = np.clip(values + step * self._rng.standard_normal((num, dims)), 0.0, 1.0)
        changed = self._rng.random((num, dims)) < 1.5 / dims
        return np.where(choices > 0, np.where(changed, anything, values), np.where(some, shifted, values))

    def _valid(self, vectors: Floats) -> Floats:
        """Return the allowed vectors as they would be evaluated: on the grid, and nan for inactive parameters."""
        snapped = self._space.deactivate(self._space.snap(vectors))
        return snapped[self._space.is_allowed(snapped)]


def at_full_budget(vectors: Floats) -> Floats:
    """Return the `(n, d + 1)` inputs of a surrogate for these configurations at the full budget."""
    return np.column_stack([vectors, np.ones(len(vectors))])
