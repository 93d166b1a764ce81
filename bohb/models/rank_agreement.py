"""Kendall's tau between the rankings at two neighbouring budgets."""

import math

import numpy as np

from bohb.models.observations import LevelResults, Observations

MAX_PAIRS = 64
"""Only the latest configurations are compared, at most this many. That limits the cost and follows the search."""


def is_clearly_below(expected: float, tau: float, num: int) -> bool:
    """Whether a tau of `num` configurations is clearly below an expected one.

    Clearly means by two standard errors of tau between independent rankings (Kendall 1938). The margin is needed, as
    only promoted configurations are seen at both levels. Among the best alone, even a good ranking looks weak.
    """
    if num < 2:
        return False
    standard_error = math.sqrt(2 * (2 * num + 5) / (9 * num * (num - 1)))
    return tau + 2 * standard_error < expected


def rank_agreement(observations: Observations, upper: int) -> tuple[float, int]:
    """Return Kendall's tau-a between a level and the one below, in [-1, 1], and the number of configurations compared.

    Only configurations that succeeded at both levels count. With fewer than two of them tau is 0.
    """
    below, here = observations.levels[upper - 1], observations.levels[upper]
    return observations.remember(("rank agreement", upper), lambda: _tau(below, here), as_of=len(here.shared))


def _tau(below: LevelResults, here: LevelResults) -> tuple[float, int]:
    shared = here.shared[-MAX_PAIRS:]
    if len(shared) < 2:
        return 0.0, len(shared)
    x = np.array([below.loss(config_id) for config_id in shared])
    y = np.array([here.loss(config_id) for config_id in shared])
    x_rises, y_rises = x[:, None] < x, y[:, None] < y
    num_concordant, num_discordant = np.count_nonzero(x_rises & y_rises), np.count_nonzero(x_rises & y_rises.T)
    return float(2 * (num_concordant - num_discordant) / (len(shared) * (len(shared) - 1))), len(shared)
