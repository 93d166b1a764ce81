"""The Gaussian process of the search as another witness of how the loss responds: smooth, and surer near results."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bohb.arrays import Floats, Indices
from bohb.importance.data import ForestData
from bohb.surrogates.gp_surrogate import SMOOTH
from bohb.surrogates.protocol import Examples

MAX_LEARNED, MAX_FITTED = 100, 400
"""From how many results the process learns its hyperparameters, and to how many it is fitted."""
NUM_OTHERS = 64
"""Over how many values of all other parameters the mean is taken."""


def process_response(data: ForestData, columns: Sequence[int], grids: Sequence[Floats], seed: int) -> Any:
    """Return the mean of the process at positions of one or two parameters, and its standard deviation.

    Both are averages over random values of all other parameters. Losses far above the others are cut off, as in the
    search.

    Args:
        data: The results.
        columns: The parameters.
        grids: The positions of each.
        seed: The seed of the random values.
    """
    chosen = _chosen(data, MAX_FITTED)
    logs = np.log(data.costs)
    span = max(float(np.log(data.at) - logs.min()), 1e-9)
    below = np.clip((np.log(data.at) - logs) / span, 0.0, 1.0)
    losses = _cut(data.losses)
    examples = Examples(
        np.column_stack([data.vectors, 1 - below])[chosen],
        losses[chosen],
        np.append(data.choices > 0, False),
        below[chosen],
        np.arange(min(len(chosen), MAX_LEARNED)),
    )
    posterior = SMOOTH.fit(examples, SMOOTH.learn(examples))
    shape = [len(grid) for grid in grids]
    places = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1).reshape(-1, len(grids))
    parts = [_at(posterior, data, columns, place, seed) for place in places]
    means, deviations = np.array(parts).T
    unit = posterior.unit
    return (losses[chosen].mean() + unit * means).reshape(shape), (unit * deviations).reshape(shape)


def _chosen(data: ForestData, num: int) -> Indices:
    """Return the results to fit to: those at the budget first, and the latest of each budget."""
    order = np.lexsort((-np.arange(len(data.costs)), -data.costs))
    order = np.concatenate([order[data.costs[order] <= data.at], order[data.costs[order] > data.at]])
    return order[:num]


def _cut(losses: Floats) -> Floats:
    """Return losses cut off three times as far above the median as the upper quartile is."""
    median, quartile = np.quantile(losses, [0.5, 0.75])
    return np.minimum(losses, median + 3 * (quartile - median)) if quartile > median else losses


def _at(posterior: Any, data: ForestData, columns: Sequence[int], place: Floats, seed: int) -> tuple[float, float]:
    """Return the mean and the standard deviation of the process at a place, over random values of all others."""
    vectors = data.scattered(np.random.default_rng(seed), NUM_OTHERS, columns, place)
    means, deviations = posterior.predict(np.column_stack([vectors, np.ones(NUM_OTHERS)]))
    return float(means.mean()), float(deviations.mean())
