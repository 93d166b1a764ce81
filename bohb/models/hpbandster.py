"""BOHB's model as HpBandSter implements it, to compare with published curves.

It follows hpbandster/optimizers/config_generators/bohb.py, version 0.7.4, with the kernels of statsmodels'
`KDEMultivariate`. Most published "BOHB" curves come from this code, not from the text of the paper. Comments mark its
defects: "Kept" if they shape the search, "Fixed" if they could only crash or could not be seeded.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bohb.facts import Facts
from bohb.models.density_ratio import random_proposal
from bohb.models.observations import Observations, ids
from bohb.models.paper import largest_level
from bohb.models.protocol import Proposal
from bohb.space import Space
from bohb.surrogates.threads import one_blas_thread

FLOOR = 1e-32


@dataclass(frozen=True)
class HpBandSterModel:
    """BOHB's model as HpBandSter implements it.

    Attributes:
        random_fraction: The share of random configurations, in [0, 1].
        top_n_percent: The percentage of the results that count as good.
        num_candidates: The number of candidates drawn for one proposal; `num_samples` in HpBandSter.
        bandwidth_factor: Multiplies the bandwidths of numeric parameters when candidates are drawn.
        min_bandwidth: The smallest bandwidth.
    """

    random_fraction: float = 1 / 3
    top_n_percent: int = 15
    num_candidates: int = 64
    bandwidth_factor: float = 3.0
    min_bandwidth: float = 1e-3

    @one_blas_thread()
    def propose(self, observations: Observations, space: Space, rng: np.random.Generator) -> Proposal:
        """Return candidates as `BOHB.get_config` ranks them.

        The proposal has no candidates if a random configuration is due, or if there are too few results.
        """
        if rng.random() < self.random_fraction:
            return random_proposal(space, "random share")
        min_points = space.num_searched + 1
        # Kept: both sets need more than d rows, so a model needs 2 (d + 1) results instead of the paper's d + 3.
        level = largest_level(observations, 2 * min_points, min_points)
        if level is None:
            return random_proposal(space, "too few results", needed=2 * min_points)
        told = observations.levels[level].told
        num_good = max(min_points, self.top_n_percent * len(told) // 100)
        num_bad = max(min_points, (100 - self.top_n_percent) * len(told) // 100)
        good = ids(told, min(num_good, observations.levels[level].num_successes))  # fixed: a failure is never good
        bad = ids(told[num_good : num_good + num_bad])
        scale = _Scale.of(space)
        l = _Kernels.fit(scale, scale.to_unit(observations.vectors(good)), self.min_bandwidth, rng)  # noqa: E741
        g = _Kernels.fit(scale, scale.to_unit(observations.vectors(bad)), self.min_bandwidth, rng)
        candidates = l.sample(rng, self.num_candidates, self.bandwidth_factor)
        order, score = _rank(l.pdf(candidates), g.pdf(candidates))
        facts = Facts(level=level, good=len(good), bad=len(bad), score=score)
        return Proposal(scale.from_unit(candidates)[order], facts)


def _rank(l: NDArray[np.float64], g: NDArray[np.float64]) -> tuple[NDArray[np.intp], float]:  # noqa: E741
    """Return the order in which HpBandSter would prefer the candidates, and log l - log g of the first."""
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = np.maximum(FLOOR, g) / np.maximum(l, FLOOR)
    ratio[np.isnan(g) | np.isnan(l)] = np.nan
    # Kept: a candidate wins if its score is not finite although l is (a choice that is missing in the bad set).
    unscored = np.flatnonzero(~np.isfinite(ratio) & np.isfinite(l))
    order = np.argsort(np.where(np.isfinite(ratio), ratio, np.inf), kind="stable")
    if len(unscored):
        order = np.concatenate([unscored[:1], order[order != unscored[0]]])
    first = ratio[order[0]]
    return order, -math.log(first) if math.isfinite(first) and first > 0 else 0.0


@dataclass(frozen=True)
class _Scale:
    """ConfigSpace's unit interval: the first and last value of a grid are 0 and 1, not half a bin inside."""

    choices: NDArray[np.intp]
    first: NDArray[np.float64]
    width: NDArray[np.float64]

    @classmethod
    def of(cls, space: Space) -> "_Scale":
        first, last = np.zeros(len(space.names)), np.ones(len(space.names))
        for i, edges in enumerate(space.edges):
            if edges is not None and len(edges) > 2:
                first[i], last[i] = edges[:2].mean(), edges[-2:].mean()
        return cls(space.choices, first, last - first)

    def to_unit(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(self.choices > 0, vectors, (vectors - self.first) / self.width)

    def from_unit(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(self.choices > 0, points, self.first + points * self.width).astype(float)


@dataclass(frozen=True)
class _Kernels:
    """A product-kernel density with the defects of the original. No logarithms, because some values are negative."""

    points: NDArray[np.float64]
    bandwidths: NDArray[np.float64]
    choices: NDArray[np.intp]

    @classmethod
    def fit(cls, scale: _Scale, points: NDArray[np.float64], minimum: float, rng: np.random.Generator) -> "_Kernels":
        points = _impute(points, scale.choices, rng)
        # statsmodels' rule normal_reference: 1.06 * std * n^(-1 / (4 + d)).
        # Kept: categorical bandwidths come from the integer codes of the choices, so with three choices or more they
        # often exceed their valid range, (c - 1) / c, and some kernel weights are negative.
        n, d = points.shape
        bandwidths = 1.06 * points.std(axis=0) * n ** (-1 / (4 + d))
        return cls(points, np.maximum(bandwidths, minimum), scale.choices)

    def pdf(self, candidates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the `(m,)` densities of `(m, d)` candidates. Kept: they are not normalised on the unit cube."""
        factors = np.ones((len(candidates), len(self.points)))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for i, h in enumerate(self.bandwidths):
                x, mu = candidates[:, i, None], self.points[:, i]
                if self.choices[i]:
                    # Kept: only choices in the data are counted, and a single one divides by zero.
                    factors *= np.where(x == mu, 1 - h, h / (np.float64(len(np.unique(mu))) - 1))
                else:
                    factors *= np.exp(-0.5 * ((x - mu) / h) ** 2) / (h * math.sqrt(2 * math.pi))
            return np.asarray(factors.mean(axis=1))

    def sample(self, rng: np.random.Generator, num: int, factor: float) -> NDArray[np.float64]:
        """Return `(num, d)` candidates, each drawn around a random point."""
        from scipy.special import ndtr, ndtri

        centres = self.points[rng.integers(len(self.points), size=num)]
        uniform = rng.random(centres.shape)
        widths = factor * self.bandwidths
        low, high = ndtr(-centres / widths), ndtr((1 - centres) / widths)
        numeric = np.clip(centres + widths * ndtri(low + uniform * (high - low)), 0.0, 1.0)
        # Kept: categorical bandwidths are not widened.
        other = np.floor(rng.random(centres.shape) * np.maximum(self.choices, 1))
        categorical = np.where(uniform < 1 - self.bandwidths, centres, other)
        return np.where(self.choices > 0, categorical, numeric).astype(float)


def _impute(points: NDArray[np.float64], choices: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.float64]:
    """Fill inactive values from a random row of the set in which the parameter is active; if there is none, at random.

    Fixed: the original tests the positions of the gaps instead of their number, and so skips the first column.
    """
    filled = points.copy()
    for row in filled:
        while np.isnan(row).any():
            column = np.flatnonzero(np.isnan(row))[0]
            donors = np.flatnonzero(~np.isnan(points[:, column]))
            gaps = np.isnan(row)
            if len(donors):
                row[gaps] = points[donors[rng.integers(len(donors))]][gaps]
            elif choices[column]:
                row[column] = rng.integers(choices[column])
            else:
                row[column] = rng.random()
    return filled
