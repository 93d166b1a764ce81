"""How many configurations each rung of a bracket takes, in exact arithmetic."""

import math
from dataclasses import dataclass
from fractions import Fraction

from bohb.budgets import Ladder


@dataclass(frozen=True, slots=True)
class BracketPlan:
    """One successive-halving run, before anything is spent.

    Attributes:
        levels: The indices of its budgets on the ladder, ascending, one a rung.
        sizes: How many configurations each rung takes; if the bracket is endless, in which proportion they stand.
        is_endless: Whether the bracket grows for as long as the search goes on.
    """

    levels: tuple[int, ...]
    sizes: tuple[int, ...]
    is_endless: bool = False


def paper_bracket(ladder: Ladder, start: int) -> BracketPlan:
    """Return the bracket that starts at level `start`, with the sizes of the paper.

    Li et al. 2018 (Hyperband), Algorithm 1: n = ceil((s_max + 1) / (s + 1) * eta^s); rung i takes floor(n * eta^-i).
    """
    top = len(ladder) - 1
    first = math.ceil(Fraction(len(ladder), top - start + 1) * ladder.reduction(start, top))
    return _bracket(ladder, start, first)


def hpbandster_bracket(ladder: Ladder, start: int) -> BracketPlan:
    """Return the bracket that starts at level `start`, with the sizes that HpBandSter, DEHB and NePS code.

    hpbandster/optimizers/bohb.py, get_next_iteration: n0 = floor((s_max + 1) / (s + 1)) * eta^s.
    """
    top = len(ladder) - 1
    first = math.floor(len(ladder) // (top - start + 1) * ladder.reduction(start, top))
    return _bracket(ladder, start, first)


def _bracket(ladder: Ladder, start: int, first: int) -> BracketPlan:
    levels = tuple(range(start, len(ladder)))
    sizes = tuple(max(first // ladder.reduction(start, level), 1) for level in levels)
    return BracketPlan(levels, sizes)
