"""The decomposition of the variance of what one tree predicts, exact, by its leaves.

Every parameter counts uniformly on its own scale. Numbers in parentheses are equations of Hutter, Hoos and Leyton-Brown
2014.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from bohb.arrays import Floats, Indices
from bohb.importance.forest import Leaves


class Anova:
    """The mean, the variance and the marginals of one tree.

    Args:
        leaves: The leaves of the tree.
    """

    def __init__(self, leaves: Leaves) -> None:
        self._values, self._axes = leaves.values, leaves.axes
        self._sizes = [axis.inside @ axis.weights for axis in leaves.axes]
        self._volumes = np.prod(self._sizes, axis=0)
        self.mean = float(self._volumes @ self._values)
        self.variance = float(self._volumes @ (self._values - self.mean) ** 2)

    @cached_property
    def main(self) -> Floats:
        """The share of the variance that each of the d parameters explains alone: `(d,)`, (6)."""
        return self._share(self._axes[one].weights @ self.effect(one) ** 2 for one in range(len(self._axes)))

    def pair(self, one: int, other: int) -> float:
        """Return the share of the variance that two parameters explain together and not alone, (6)."""
        joint = self.marginal(one, other) - self.mean
        rest = joint - self.effect(one)[:, None] - self.effect(other)
        return float(self._share([self._axes[one].weights @ rest**2 @ self._axes[other].weights])[0])

    def effect(self, one: int) -> Floats:
        """Return the marginal of a parameter without the mean: `(c,)`, a value a cell, (4)."""
        return self.marginal(one) - self.mean

    def marginal(self, one: int, other: int | None = None) -> Floats:
        """Return the mean prediction by the cells of one or two parameters, over all others, (3)."""
        amounts = self._volumes * self._values / self._sizes[one]
        if other is None:
            return np.asarray(amounts @ self._axes[one].inside)
        weighted = self._axes[one].inside * (amounts / self._sizes[other])[:, None]
        return np.asarray(weighted.T @ self._axes[other].inside)

    def at(self, columns: Sequence[int], grids: Sequence[Floats]) -> Floats:
        """Return the marginal of one or two parameters at positions of each: `(g,)` or `(g, h)`."""
        cells = [self._cells(one, grid) for one, grid in zip(columns, grids, strict=True)]
        return np.asarray(self.marginal(*columns)[np.ix_(*cells)])

    def _cells(self, one: int, positions: Floats) -> Indices:
        return np.searchsorted(self._axes[one].edges[1:-1], positions, side="right")

    def _share(self, variances: Iterable[Any]) -> Floats:
        parts = np.array(list(variances), dtype=float)
        return parts / self.variance if self.variance > 0 else np.zeros(len(parts))
