"""One density ratio over the results at all budgets, cheap at any number of results.

Published BOHB learns only from the largest budget with enough results. Here each configuration counts once, at its
largest budget. Larger budgets rank first, and within a budget lower losses rank first. (Optuna orders pruned trials the
same way; Li et al. 2021, MFES-HB, show the gain of using all budgets.) If the ranking at a budget clearly disagrees
with the ranking at the next larger one, the model ignores that budget and all below it.

The kernels (see `kernel_density.py`) differ from the published ones. They are truncated and normalised on the unit
cube. Integers and ordinals get the mass of their bin. Categoricals get a valid bandwidth over all declared choices.
Inactive parameters are marginalised, and a prior component keeps every density above zero. Pending configurations
count as bad (Ginsbourger et al. 2010, the constant liar), so that parallel workers are not sent to the same region.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from bohb.facts import Facts
from bohb.models.density_ratio import DensityRatio, random_proposal
from bohb.models.observations import Observations, ids
from bohb.models.protocol import Proposal
from bohb.models.rank_agreement import is_clearly_below, rank_agreement
from bohb.space import Space
from bohb.space.columns import Columns
from bohb.surrogates.bandwidths import scott_bandwidths
from bohb.surrogates.kernel_density import KernelDensity
from bohb.surrogates.threads import one_blas_thread


@dataclass(frozen=True)
class PooledDensityModel:
    """A density ratio over all budgets.

    Attributes:
        random_fraction: The share of random configurations, in [0, 1]. Any positive share keeps BOHB's guarantee.
        good_fraction: The share of the configurations that count as good, in (0, 1).
        max_good: The largest size of the good set.
        max_bad: The largest number of finished configurations in the bad set, and of pending ones. If more have
            finished, a new sample is drawn for each proposal.
        num_candidates: The number of candidates drawn for one proposal.
        bandwidth_factor: Multiplies all bandwidths when candidates are drawn, at least 1.
        min_bandwidth: The smallest bandwidth of a numeric parameter, in units of its range. It keeps the density from
            collapsing onto a single value.
        min_agreement: The smallest Kendall's tau between the rankings at two neighbouring budgets, in [-1, 1]; see
            `lowest_level`.
    """

    random_fraction: float = 0.2
    good_fraction: float = 0.15
    max_good: int = 32
    max_bad: int = 64
    num_candidates: int = 24
    bandwidth_factor: float = 3.0
    min_bandwidth: float = 0.01
    min_agreement: float = 0.1

    @one_blas_thread()
    def propose(self, observations: Observations, space: Space, rng: np.random.Generator) -> Proposal:
        """Return candidates, the highest density ratio first.

        The proposal has no candidates if a random configuration is due, or if there are too few results.
        """
        if rng.random() < self.random_fraction:
            return random_proposal(space, "random share")
        lowest = self.lowest_level(observations)
        pool = [level.highest for level in reversed(observations.levels[lowest:])]
        num_points, needed = sum(map(len, pool)), 2 * (space.num_searched + 1)
        if num_points < needed:
            return random_proposal(space, "too few results", results=num_points, needed=needed)
        share = math.ceil(self.good_fraction * num_points)
        num_good = min(max(share, space.num_searched + 1), self.max_good, num_points // 2)
        good = ids(chain.from_iterable(pool), num_good)
        bad = self._bad(observations, lowest, num_good, rng)
        ratio = self._fit(observations, good, bad, space)
        return ratio.propose(space, rng, self.num_candidates, Facts(level=lowest, good=len(good), bad=len(bad)))

    def lowest_level(self, observations: Observations) -> int:
        """Return the lowest level to learn from.

        It goes down from the largest budget with results, until tau between two neighbours is clearly below
        `min_agreement`.
        """
        level = max((i for i, here in enumerate(observations.levels) if here.highest), default=0)
        while level > 0 and not is_clearly_below(self.min_agreement, *rank_agreement(observations, level)):
            level -= 1
        return level

    def _bad(self, observations: Observations, lowest: int, num_good: int, rng: np.random.Generator) -> list[int]:
        """Return the ids of the bad set: a sample of the configurations that are not good, and the pending ones."""
        groups = [*(level.highest for level in reversed(observations.levels[lowest:])), observations.failed]
        num_rest = sum(map(len, groups)) - num_good
        if num_rest <= self.max_bad:
            rest = ids(islice(chain.from_iterable(groups), num_good, None))
        else:
            rest = _pick(groups, (num_good + rng.integers(num_rest, size=self.max_bad)).tolist())
        return [*rest, *observations.pending[: self.max_bad]]

    def _fit(self, observations: Observations, good: list[int], bad: list[int], space: Space) -> DensityRatio:
        good_density, bad_density = (self._density(observations.vectors(part), space.columns) for part in (good, bad))
        return DensityRatio(good_density, bad_density, self.bandwidth_factor)

    def _density(self, points: NDArray[np.float64], columns: Columns) -> KernelDensity:
        return KernelDensity(
            points, scott_bandwidths(points, columns, minimum=self.min_bandwidth), columns, prior_weight=1.0
        )


def _pick(groups: Sequence[Sequence[tuple[float, int]]], positions: list[int]) -> list[int]:
    """Return the ids at these positions in the concatenation of the groups."""
    picked, offset = [], 0
    for group in groups:
        end = offset + len(group)
        picked += [group[position - offset][1] for position in positions if offset <= position < end]
        offset = end
    return picked
