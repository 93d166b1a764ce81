"""The model of the BOHB paper: Falkner, Klein, Hutter 2018, Algorithm 2 and section 4.1.

It fits two kernel density estimates to the results at the largest budget with enough of them. Where the authors' code
differs from the text, this file follows the text, and `hpbandster.py` follows the code. Two defects of both are fixed
here. The bandwidth of a categorical parameter stays in its valid range; the published rule of thumb, applied to the
integer codes of the choices, may leave it. Inactive parameters are marginalised instead of imputed.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bohb.facts import Facts
from bohb.models.density_ratio import DensityRatio, num_good, random_proposal
from bohb.models.observations import LevelResults, Observations, ids
from bohb.models.protocol import Proposal
from bohb.space import Space
from bohb.space.columns import Columns
from bohb.surrogates.bandwidths import scott_bandwidths, statsmodels_bandwidths
from bohb.surrogates.kernel_density import KernelDensity
from bohb.surrogates.threads import one_blas_thread


@dataclass(frozen=True)
class PaperModel:
    """BOHB's model as published.

    Attributes:
        random_fraction: rho, the share of random configurations, in [0, 1].
        good_fraction: q, the share of the results at a budget that count as good, in (0, 1).
        num_candidates: N_s, the number of candidates drawn for one proposal.
        bandwidth_factor: b_w, multiplies all bandwidths when candidates are drawn, at least 1.
        bandwidth_rule: `"normal_reference"` (Scott), or statsmodels' cross-validation `"cv_ml"` or `"cv_ls"`.
    """

    random_fraction: float = 1 / 3
    good_fraction: float = 0.15
    num_candidates: int = 64
    bandwidth_factor: float = 3.0
    bandwidth_rule: Literal["normal_reference", "cv_ml", "cv_ls"] = "normal_reference"

    @one_blas_thread()
    def propose(self, observations: Observations, space: Space, rng: np.random.Generator) -> Proposal:
        """Return candidates by Algorithm 2.

        The proposal has no candidates if a random configuration is due, or if there are too few results.
        """
        if rng.random() < self.random_fraction:  # line 1
            return random_proposal(space, "random share")
        min_points = space.num_searched + 1  # N_min = d + 1
        level = largest_level(observations, min_points + 2, min_points)  # line 2
        if level is None:
            return random_proposal(space, "too few results", needed=min_points + 2)
        good, bad = split(observations.levels[level], self.good_fraction, min_points)
        ratio = self._fit(observations.vectors(good), observations.vectors(bad), space.columns)
        return ratio.propose(space, rng, self.num_candidates, Facts(level=level, good=len(good), bad=len(bad)))

    def _fit(self, good: NDArray[np.float64], bad: NDArray[np.float64], columns: Columns) -> DensityRatio:
        densities = [
            KernelDensity(points, self._bandwidths(points, columns), columns, bounded=False) for points in (good, bad)
        ]
        return DensityRatio(densities[0], densities[1], self.bandwidth_factor)

    def _bandwidths(self, points: NDArray[np.float64], columns: Columns) -> NDArray[np.float64]:
        if self.bandwidth_rule == "normal_reference":
            return scott_bandwidths(points, columns)
        complete = points[~np.isnan(points).any(axis=1)]  # cross-validation needs a value for every parameter
        if len(complete) <= points.shape[1]:  # and more points than parameters
            return scott_bandwidths(points, columns)
        return statsmodels_bandwidths(complete, columns, rule=self.bandwidth_rule)


def largest_level(observations: Observations, num_results: int, num_successes: int) -> int | None:
    """Return the largest level with at least this many results and this many successes, or None."""
    for level in range(len(observations.levels) - 1, -1, -1):
        here = observations.levels[level]
        if len(here.told) >= num_results and here.num_successes >= num_successes:
            return level
    return None


def split(level: LevelResults, good_fraction: float, min_points: int) -> tuple[list[int], list[int]]:
    """Return the ids of the good and of the bad configurations at a level.

    Section 4.1: the N_l = max(N_min, q * N) best and the N_g = max(N_min, N - N_l) worst. For small N the two sets may
    overlap. A failure is never good, so the good set may be smaller than N_l.
    """
    good = num_good(len(level.told), good_fraction, min_points)
    bad = max(min_points, len(level.told) - good)
    return ids(level.told, min(good, level.num_successes)), ids(level.told[-bad:])
