"""The last step of every density-ratio model: draw candidates near the good configurations and rank them.

The rank is by l(x) / g(x), the density of the good configurations divided by the density of the bad ones. Expected
improvement grows with this ratio (Bergstra et al. 2011, TPE, equation 7). The candidates are drawn from l with widened
bandwidths (Falkner et al. 2018, BOHB, Algorithm 2).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bohb.facts import Facts
from bohb.models.protocol import Proposal
from bohb.space import Space
from bohb.surrogates.kernel_density import KernelDensity


def num_good(num_points: int, fraction: float, minimum: int) -> int:
    """Return the size of the good set: this fraction of the points, but at least `minimum`."""
    return max(minimum, math.floor(fraction * num_points))


def random_proposal(space: Space, reason: str, *, results: int | None = None, needed: int | None = None) -> Proposal:
    """Return a proposal without candidates, so that the optimizer draws a random configuration."""
    return Proposal(np.empty((0, len(space.names))), Facts(reason=reason, results=results, needed=needed))


@dataclass(frozen=True)
class DensityRatio:
    """A good and a bad density.

    Attributes:
        good: l(x).
        bad: g(x).
        widening: Multiplies the bandwidths of l when candidates are drawn, at least 1.
    """

    good: KernelDensity
    bad: KernelDensity
    widening: float

    def propose(self, space: Space, rng: np.random.Generator, num_candidates: int, facts: Facts) -> Proposal:
        """Return `num_candidates` candidates, the highest ratio first. Inactive parameters have values too."""
        candidates = self.good.sample(rng, num_candidates, widening=self.widening)
        scores = self.score(space.deactivate(candidates))
        order = np.argsort(-scores, kind="stable")
        return Proposal(candidates[order], replace(facts, score=float(scores[order[0]])))

    def score(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the `(n,)` values of log l(x) - log g(x) for `(n, d)` vectors."""
        return self.good.log_pdf(vectors) - self.bad.log_pdf(vectors)
