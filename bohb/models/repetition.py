"""When to train a configuration again: when that is expected to lower the best mean by more than a new one would.

The measure is the knowledge gradient (see `gain.py`). A training of a configuration that has results is compared with
the first training of the best new one, as in Scott, Frazier and Powell 2011. Without noise a repetition says nothing,
and the knowledge gradient of a new configuration is its expected improvement.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from bohb.arrays import Floats
from bohb.models.beliefs import Beliefs, Estimator, shrunk
from bohb.models.gain import LEAST, gain
from bohb.models.observations import Observations
from bohb.models.protocol import Model
from bohb.space import Space

MIN_CONFIGS = 3
"""With fewer successes in full, a new configuration says more."""
NEGLIGIBLE = math.log(1e-3)
"""What gains less than this, in units of the deviation of the losses, is not worth a training."""
MAX_REPEATED = 8
"""So many configurations are candidates, those with the best means."""


def beliefs_of(model: Model, observations: Observations, space: Space, level: int) -> Beliefs:
    """Return what the results say about the successes at a level: by the model, or if it is no `Estimator`, shrunk."""
    if isinstance(model, Estimator):
        return model.beliefs(observations, space, level)
    return shrunk(observations, level)


def repetitions(
    model: Model, observations: Observations, space: Space, idle: Sequence[int], rival: Floats | None, cost: float
) -> list[tuple[int, float]]:
    """Return the configurations to train in full again, best first, each with the logarithm of its knowledge gradient.

    Args:
        model: The model.
        observations: The results and the pending configurations.
        space: The search space.
        idle: The configurations that can be trained again.
        rival: `(1, d)` the configuration that would be trained otherwise; None if there is none.
        cost: What that costs, as a share of a full training.
    """
    top = len(observations.levels) - 1
    beliefs, can = beliefs_of(model, observations, space, top), set(idle)
    if rival is not None and len(beliefs.config_ids) < MIN_CONFIGS:
        return []
    best = [int(row) for row in np.argsort(beliefs.means, kind="stable") if beliefs.config_ids[row] in can]
    rows = best[:MAX_REPEATED]
    ids = [beliefs.config_ids[row] for row in rows]
    if not ids:  # none of those that the model looks at is idle
        return [] if rival is not None else [(config_id, math.log(LEAST)) for config_id in idle[:MAX_REPEATED]]
    if isinstance(model, Estimator):
        new = np.empty((0, len(space.names))) if rival is None else rival
        scores = [float(score) for score in model.gains(observations, space, ids, new)]
    else:
        scores = _log_gains(beliefs, rows)
    least = -math.inf if rival is None else max(scores[-1] - math.log(cost), NEGLIGIBLE)
    times = Counter(config_id for _, config_id in observations.levels[top].trained)
    order = sorted(range(len(ids)), key=lambda i: (-scores[i], times[ids[i]], i))
    return [(ids[i], scores[i]) for i in order if scores[i] > least]


def _log_gains(beliefs: Beliefs, rows: Sequence[int]) -> list[float]:
    """Return the logarithms of the gains of some rows of independent beliefs, and at last that of a random draw."""
    scale = math.sqrt(beliefs.between) or 1.0
    means, variances, noise = beliefs.means / scale, beliefs.variances / scale**2, beliefs.noise / scale**2
    found = []
    for row in rows:
        slopes = np.zeros(len(means))
        slopes[row] = variances[row] / math.sqrt(variances[row] + noise) if variances[row] else 0.0
        found.append(gain(means, slopes))
    share = 1 / math.sqrt(1 + noise)
    found.append(gain(np.append(means, means.mean()), np.append(np.zeros(len(means)), share)))
    return [math.log(max(each, LEAST)) for each in found]
