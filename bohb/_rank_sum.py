"""The rank-sum test of Mann and Whitney 1947: does one group of losses rank before another?"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import compress


def advantage(losses: Sequence[float], is_first: Sequence[bool]) -> float:
    """Return by how many standard errors the first of two groups ranks before the second.

    It is the statistic of Mann and Whitney 1947, in units of its standard deviation between equal groups. Tied losses
    share their mean rank. With an empty group it is 0.

    Args:
        losses: The losses of both groups, ascending.
        is_first: Whether each belongs to the first group.
    """
    num_first = sum(is_first)
    num_pairs = num_first * (len(is_first) - num_first)
    if not num_pairs:
        return 0.0
    firsts = compress(losses, is_first)
    rank_sum = sum([bisect_left(losses, loss) + bisect_right(losses, loss) + 1 for loss in firsts]) / 2
    num_lost = rank_sum - num_first * (num_first + 1) / 2
    return (num_pairs / 2 - num_lost) / math.sqrt(num_pairs * (len(is_first) + 1) / 12)
