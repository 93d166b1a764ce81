"""The knowledge gradient: by how much one more training is expected to lower the lowest expected loss.

Frazier, Powell and Dayanik 2009, "The knowledge-gradient policy for correlated normal beliefs". The expectation over
what the training shows is a sum over a grid of normal quantiles, in place of the exact sum over a piecewise linear
function.
"""

from typing import TYPE_CHECKING

import numpy as np

from bohb.arrays import Floats

if TYPE_CHECKING:
    from bohb.surrogates.protocol import Posterior

LEAST = 1e-12
"""Smaller gains count as this, in units in which the losses have a deviation of about 1."""

_NODES = np.linspace(-6.0, 6.0, 193)
_WEIGHTS = np.exp(-0.5 * _NODES * _NODES)
_WEIGHTS /= _WEIGHTS.sum()


def gain(means: Floats, slopes: Floats) -> float:
    """Return by how much a training is expected to lower the lowest of `(n,)` means.

    Args:
        means: The means.
        slopes: `(n,)` by how much each mean moves if the training shows a loss one standard deviation above its mean.
    """
    after = (means + _NODES[:, None] * slopes).min(axis=1)
    return max(float(means.min() - _WEIGHTS @ after), 0.0)


def gains(posterior: "Posterior", points: Floats, num_repeated: int, num_new: int) -> Floats:
    """Return the gains of the first points.

    Args:
        posterior: The beliefs.
        points: `(n, d + 1)` points at the full budget: first those to be trained again, then new ones, then the others
            with results. A new one can become the best only by its own training.
        num_repeated: How many points would be trained again.
        num_new: How many are new.
    """
    means, before = posterior.predict(points)
    known = np.ones(len(points), dtype=bool)
    known[num_repeated : num_repeated + num_new] = False
    found = []
    for row in range(num_repeated + num_new):
        _, after = posterior.believing(points[row : row + 1]).predict(points)
        arms = known.copy()
        arms[row] = True
        # The variances fall by the squares of the slopes. Correlations are taken as positive.
        slopes = np.sqrt(np.maximum(before**2 - after**2, 0.0))
        found.append(gain(means[arms], slopes[arms]))
    return np.array(found)
