"""Tests whether two samples of configurations come from the same distribution.

A sample is an array `(n, d)` of plain numbers in [0, 1], or of indices of choices in a categorical column.
Each column is tested alone, and all columns together by the energy distance (Székely and Rizzo 2004), whose null
distribution comes from permutations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]

PERMUTATIONS = 999


@dataclass(frozen=True, slots=True)
class Comparison:
    """The tests of two samples.

    Attributes:
        p_values: The p-value of each column, and that of all columns together as `jointly`.
    """

    p_values: Mapping[str, float]

    @property
    def p_value(self) -> float:
        """The smallest p-value times the number of tests (Bonferroni), at most 1."""
        return min(1.0, len(self.p_values) * min(self.p_values.values()))


def compare(one: Floats, other: Floats, choices: Mapping[str, int], seed: int) -> Comparison:
    """Tests whether two samples come from the same distribution.

    Args:
        one: `(n, d)`.
        other: `(m, d)`.
        choices: The number of choices of each column, in order; 0 for a number in [0, 1].
        seed: The seed of the permutations.

    Raises:
        ValueError: If the samples do not have these columns.
    """
    if one.shape[1:] != other.shape[1:] or one.shape[1:] != (len(choices),):
        raise ValueError(f"expected samples with the columns {', '.join(choices)}, got {one.shape} and {other.shape}")
    p_values = {
        name: same_choices(one[:, i], other[:, i]) if number else same_numbers(one[:, i], other[:, i])
        for i, (name, number) in enumerate(choices.items())
    }
    points = _one_hot(np.concatenate([one, other]), list(choices.values()))
    return Comparison(p_values | {"jointly": same_points(points[: len(one)], points[len(one) :], seed)})


def same_numbers(one: Floats, other: Floats) -> float:
    """Return the p-value of the Kolmogorov-Smirnov test."""
    return float(stats.ks_2samp(one, other).pvalue)


def same_choices(one: Floats, other: Floats) -> float:
    """Return the p-value of the chi-squared test of homogeneity; 1 where there is but one value."""
    values = np.union1d(one, other)
    counts = np.array([[(sample == value).sum() for value in values] for sample in (one, other)])
    return float(stats.chi2_contingency(counts).pvalue) if len(values) > 1 else 1.0


def same_points(one: Floats, other: Floats, seed: int) -> float:
    """Return the p-value of the permutation test of the energy distance between `(n, d)` and `(m, d)` points."""
    rng = np.random.default_rng(seed)
    points = np.concatenate([one, other])
    weights = np.concatenate([np.full(len(one), 1 / len(one)), np.full(len(other), -1 / len(other))])
    shuffled = rng.permuted(np.tile(weights, (PERMUTATIONS, 1)), axis=1)
    signed = np.vstack([weights, shuffled]).T  # (n + m, 1 + permutations); the first column is unpermuted
    energy = -np.einsum("ij,ij->j", signed, cdist(points, points) @ signed)
    return float((energy >= energy[0] * (1 - 1e-9)).mean())


def _one_hot(points: Floats, choices: Sequence[int]) -> Floats:
    """Return the points with a column a choice, scaled so that two choices are at a distance of 1."""
    columns = [
        np.eye(number)[points[:, i].astype(int)] / np.sqrt(2) if number else points[:, i, None]
        for i, number in enumerate(choices)
    ]
    return np.hstack(columns)
