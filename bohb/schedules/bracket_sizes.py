"""The sizes of the rungs of a bracket, in exact arithmetic."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from bohb.budgets import Ladder


@dataclass(frozen=True, slots=True)
class BracketPlan:
    """The plan of one bracket.

    Attributes:
        levels: For each rung, the index of its budget on the ladder; ascending.
        sizes: For each rung, the number of configurations; in an endless bracket, only their proportions count.
        is_endless: Whether the bracket grows as long as the search runs.
    """

    levels: tuple[int, ...]
    sizes: tuple[int, ...]
    is_endless: bool = False


def paper_bracket(ladder: Ladder, start: int) -> BracketPlan:
    """Return the bracket that starts at level `start`, with the sizes of the paper.

    Li et al. 2018 (Hyperband), Algorithm 1: n = ceil((s_max + 1) / (s + 1) * eta^s); rung i takes floor(n * eta^-i).
    """
    factors = ladder.reductions(start)
    return _bracket(factors, start, math.ceil(Fraction(len(ladder), len(factors)) * factors[-1]))


def hpbandster_bracket(ladder: Ladder, start: int) -> BracketPlan:
    """Return the bracket that starts at level `start`, with the sizes that HpBandSter, DEHB and NePS use.

    hpbandster/optimizers/bohb.py, get_next_iteration: n0 = floor((s_max + 1) / (s + 1)) * eta^s.
    """
    factors = ladder.reductions(start)
    return _bracket(factors, start, math.floor(len(ladder) // len(factors) * factors[-1]))


def endless_bracket(ladder: Ladder, levels: Sequence[int]) -> BracketPlan:
    """Return an endless bracket over some levels of the ladder.

    Its sizes are those that promote one configuration to the top. If the reductions are whole numbers, they are the
    sizes of the paper.
    """
    sizes = [1]
    for lower, upper in reversed(list(pairwise(levels))):
        sizes.insert(0, math.ceil(sizes[0] * ladder.reduction(lower, upper)))
    return BracketPlan(tuple(levels), tuple(sizes), is_endless=True)


def longer_bracket(plan: BracketPlan, ladder: Ladder) -> BracketPlan:
    """Return the bracket with a rung more for each level above its highest one; the others keep their sizes."""
    top = plan.levels[-1]
    if plan.is_endless:
        return endless_bracket(ladder, [*plan.levels, *range(top + 1, len(ladder))])
    above = _bracket(ladder.reductions(top), top, plan.sizes[-1])
    return BracketPlan(plan.levels + above.levels[1:], plan.sizes + above.sizes[1:])


def continuing_bracket(ladder: Ladder, start: int, num: int) -> BracketPlan:
    """Return the bracket in which `num` configurations that were trained to level `start` go on from there."""
    return _bracket(ladder.reductions(start), start, num)


def _bracket(factors: Sequence[int | Fraction], start: int, first: int) -> BracketPlan:
    """Return the bracket with `first` configurations at level `start`, which shrink by the factors."""
    levels = tuple(range(start, start + len(factors)))
    return BracketPlan(levels, tuple(max(first // factor, 1) for factor in factors))
