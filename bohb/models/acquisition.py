"""Search for the configuration with the highest expected improvement at the full budget."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from bohb.arrays import Floats, Indices
from bohb.space import Space
from bohb.surrogates.bandwidths import scott_bandwidths
from bohb.surrogates.kernel_density import KernelDensity
from bohb.surrogates.lazy_scipy import scipy_part
from bohb.surrogates.protocol import Posterior

NUM_NEAR_BEST, NUM_WIDE, NUM_RANDOM = 80, 48, 64
"""The number of candidates drawn near the best configurations, in a wider region around them, and anywhere."""
STEPS = ((0.05, 0.2), (0.02, 0.1), (0.01, 0.05), (0.003, 0.02), (0.001, 0.01))
"""The smallest and the largest step of each round of local search, in units of a parameter's range."""
NUM_MOVED, NUM_MOVES = 4, 16
"""How many candidates each round moves, and how many times it moves each."""


class AcquisitionSearch:
    """Searches for the highest expected improvement at the full budget.

    Args:
        posteriors: The predictions of each surrogate.
        space: The search space.
        rng: The only source of randomness.
        known: `(n, d)` configurations that are evaluated or pending.
        goals: `(m,)` the rows of `known` against the best of which improvement is measured.
    """

    def __init__(
        self,
        posteriors: Sequence[Posterior],
        space: Space,
        rng: np.random.Generator,
        known: Floats,
        goals: Indices,
    ) -> None:
        self._posteriors, self._space, self._rng = posteriors, space, rng
        means, _ = self._predict(known)
        self._known = known[np.argsort(means.mean(axis=0), kind="stable")]
        self._bests = means[:, goals].min(axis=1, keepdims=True)

    def run(self, count: int) -> tuple[Floats, Floats]:
        """Return at most `count` different candidates, best first, as `(n, d)` vectors, and their `(n,)` scores."""
        candidates = self._valid(np.concatenate(list(self._drawn())))
        candidates, scores = _best(candidates, self.score(candidates), count)
        for steps in STEPS:
            moved = self._valid(self._moved(np.repeat(candidates[:NUM_MOVED], NUM_MOVES, axis=0), steps))
            together = np.concatenate([candidates, moved]), np.concatenate([scores, self.score(moved)])
            candidates, scores = _best(*together, count)
        return candidates, scores

    def score(self, vectors: Floats) -> Floats:
        """Return the `(n,)` log expected improvements of `(n, d)` configurations at the full budget.

        Each is the mean over the surrogates. Surrogates may scale the losses differently.
        """
        return np.asarray(log_expected_improvement(*self._predict(vectors), self._bests).mean(axis=0))

    def _predict(self, vectors: Floats) -> tuple[Floats, Floats]:
        """Return the means and standard deviations of each surrogate at the full budget, each `(s, n)`."""
        points = at_full_budget(vectors)
        means, deviations = zip(*(posterior.predict(points) for posterior in self._posteriors), strict=True)
        return np.array(means), np.array(deviations)

    def _drawn(self) -> Iterator[Floats]:
        columns = self._space.columns
        widths = scott_bandwidths(self._known[: max(8, len(self._known) // 7)], columns, minimum=0.01)
        near = KernelDensity(self._known[:8], widths, columns)
        yield near.sample(self._rng, NUM_NEAR_BEST)
        yield near.sample(self._rng, NUM_WIDE, widening=3.0)
        yield self._space.scatter(self._rng, NUM_RANDOM)

    def _moved(self, vectors: Floats, steps: tuple[float, float]) -> Floats:
        """Return copies of the vectors: some numbers are moved by about one step, and few choices are replaced.

        The logarithm of a copy's step is uniform between those of the smallest and of the largest step.
        """
        choices, (num, dims) = self._space.choices, vectors.shape
        anything = self._space.scatter(self._rng, num)
        values = np.where(np.isnan(vectors), anything, vectors)
        some = self._rng.random((num, dims)) < max(2 / dims, 0.3)
        some[np.arange(num), self._rng.integers(dims, size=num)] = True
        step = np.exp(self._rng.uniform(math.log(steps[0]), math.log(steps[1]), (num, 1)))
        shifted = np.clip(values + step * self._rng.standard_normal((num, dims)), 0.0, 1.0)
        changed = self._rng.random((num, dims)) < 1.5 / dims
        return np.where(choices > 0, np.where(changed, anything, values), np.where(some, shifted, values))

    def _valid(self, vectors: Floats) -> Floats:
        """Return the allowed vectors as they would be evaluated: on the grid, and nan for inactive parameters."""
        snapped = self._space.deactivate(self._space.snap(vectors, floats=False))
        return snapped[self._space.is_allowed(snapped)]


def _best(candidates: Floats, scores: Floats, count: int) -> tuple[Floats, Floats]:
    """Return at most `count` different candidates and their scores, best first."""
    rows: dict[bytes, int] = {}
    for row in np.argsort(-scores, kind="stable").tolist():
        rows.setdefault(candidates[row].tobytes(), row)  # an inactive value is always the same nan
        if len(rows) == count:
            break
    order = list(rows.values())
    return candidates[order], scores[order]


def at_full_budget(vectors: Floats) -> Floats:
    """Return the `(n, d + 1)` inputs of a surrogate for these configurations at the full budget."""
    return np.column_stack([vectors, np.ones(len(vectors))])


def log_expected_improvement(means: Floats, deviations: Floats, best: Floats | float) -> Floats:
    """Return the logarithm of the expected improvement of normal values over `best` (Jones et al. 1998, equation 15).

    Args:
        means: Means of the values; lower is better.
        deviations: Standard deviations, positive.
        best: The values to improve on. The three arrays broadcast.

    Returns:
        Values that are finite however far a mean lies behind `best`.
    """
    special = scipy_part("special")
    ahead = (best - means) / deviations
    density = -0.5 * ahead * ahead - 0.5 * math.log(2 * math.pi)
    near, behind = np.maximum(ahead, -1.0), np.clip(ahead, -1e3, -1.0)
    plain = np.log(np.exp(-0.5 * near * near) / math.sqrt(2 * math.pi) + near * special.ndtr(near))
    # Behind `best` the two terms cancel. The scaled error function avoids that, and far behind the series is exact.
    scaled = density + np.log1p(behind * math.sqrt(math.pi / 2) * special.erfcx(-behind / math.sqrt(2)))
    series = density - 2 * np.log(np.maximum(-ahead, 1.0))
    return np.asarray(np.where(ahead > -1, plain, np.where(ahead > -1e3, scaled, series)) + np.log(deviations))
