"""A random forest of the losses, grown by scikit-learn, whose trees are read as boxes with one value each.

A tree sees a number as its position in [0, 1], a choice as one column for each of its values, and the budget as a
column of its own, because results at all budgets teach what matters. It is read at one budget.

An inactive parameter has no value, but the decomposition needs a box for every value. A parameter that is inactive
changes nothing whatever its value would be. So each tree gets a random one in its place, drawn anew for each row:
splits on it gain nothing where it is inactive, and the parameter counts as far as it is active.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bohb.arrays import Floats, Indices, Mask
from bohb.errors import SettingError

MAX_ROWS = 1000
"""A tree is grown from at most so many draws of the results; the time grows with its square."""


@dataclass(frozen=True, eq=False)
class Axis:
    """How the leaves of a tree cut one parameter.

    Attributes:
        edges: `(c + 1,)` the ascending ends of the c cells in [0, 1] of a number; the numbers 0 to c of choices.
        weights: `(c,)` the share of each cell; the sum is 1.
        inside: `(l, c)` 1 where a leaf contains a cell, else 0.
    """

    edges: Floats
    weights: Floats
    inside: Floats


@dataclass(frozen=True, eq=False)
class Leaves:
    """The leaves of one tree at one budget: boxes that do not overlap and fill the space.

    Attributes:
        values: `(l,)` the predicted loss in each.
        axes: How they cut each of the d parameters.
    """

    values: Floats
    axes: Sequence[Axis]


def grow(
    vectors: Floats, levels: Floats, losses: Floats, choices: Indices, *, at: float, num_trees: int, seed: int
) -> Iterator[Leaves]:
    """Yield the leaves of each tree.

    Args:
        vectors: `(n, d)` configurations as `Space` encodes them, NaN where inactive.
        levels: `(n,)` the position of each result's budget.
        losses: `(n,)` finite losses.
        choices: `(d,)` the number of choices of each parameter, 0 for numbers.
        at: The position of the budget at which the trees are read.
        num_trees: The number of trees.
        seed: The seed.

    Raises:
        SettingError: If scikit-learn is not installed.
    """
    regressor = _regressor()
    for number in range(num_trees):
        rng = np.random.default_rng([seed, number])
        rows = rng.integers(len(losses), size=min(len(losses), MAX_ROWS))
        columns = _columns(_filled(vectors[rows], choices, rng), choices, levels[rows])
        tree = regressor(random_state=int(rng.integers(2**31))).fit(columns, losses[rows]).tree_
        yield _leaves(tree, choices, at)


def _regressor() -> Any:
    try:
        from sklearn.tree import DecisionTreeRegressor
    except ImportError as error:
        raise SettingError('expected scikit-learn, which is not installed: pip install "bohb[plots]"') from error
    return DecisionTreeRegressor


def _filled(vectors: Floats, choices: Indices, rng: np.random.Generator) -> Floats:
    """Return vectors with a random value for each inactive parameter."""
    return np.where(np.isnan(vectors), drawn(len(vectors), choices, rng), vectors)


def drawn(num: int, choices: Indices, rng: np.random.Generator) -> Floats:
    """Return `(num, d)` random positions: uniform in [0, 1) for numbers, the index of a choice otherwise."""
    positions = rng.random((num, len(choices)))
    return np.where(choices > 0, np.floor(positions * choices), positions)


def _columns(vectors: Floats, choices: Indices, levels: Floats) -> Floats:
    """Return what a tree sees: a column a number, one for each value of a choice, and last the budget."""
    parts = [
        (column[:, None] == np.arange(count)).astype(float) if count else column[:, None]
        for column, count in zip(vectors.T, choices, strict=True)
    ]
    return np.column_stack([*parts, levels])


def _leaves(tree: Any, choices: Indices, at: float) -> Leaves:
    """Return the leaves that are reached at one budget."""
    widths = np.maximum(choices, 1)
    num_columns = int(widths.sum()) + 1
    low, high, is_reached = _boxes(tree, num_columns, at)
    rows = np.flatnonzero(is_reached & (tree.children_left < 0))
    starts = np.concatenate([[0], np.cumsum(widths)])
    axes = [
        _of_choices(low[rows, start : start + count], high[rows, start : start + count])
        if count
        else _of_number(low[rows, start], high[rows, start])
        for start, count in zip(starts, choices, strict=False)
    ]
    exists = np.all([axis.inside.any(axis=1) for axis in axes], axis=0)  # no value is none of all choices
    kept = [Axis(axis.edges, axis.weights, axis.inside[exists]) for axis in axes]
    return Leaves(tree.value[rows, 0, 0][exists], kept)


def _boxes(tree: Any, num_columns: int, at: float) -> tuple[Floats, Floats, Mask]:
    """Return the lower and the upper ends of all nodes, `(m, columns)` each, and which are reached at a budget."""
    low = np.full((tree.node_count, num_columns), -np.inf)
    high = np.full((tree.node_count, num_columns), np.inf)
    is_reached = np.ones(tree.node_count, dtype=bool)
    nodes = np.zeros(1, dtype=np.intp)
    while len(nodes := nodes[tree.children_left[nodes] >= 0]):
        left, right = tree.children_left[nodes], tree.children_right[nodes]
        feature, threshold = tree.feature[nodes], tree.threshold[nodes]
        for children in (left, right):
            low[children], high[children] = low[nodes], high[nodes]
            is_reached[children] = is_reached[nodes]
        high[left, feature] = threshold
        low[right, feature] = threshold
        of_budget = feature == num_columns - 1
        is_reached[left] &= ~of_budget | (at <= threshold)
        is_reached[right] &= ~of_budget | (at > threshold)
        nodes = np.concatenate([left, right])
    return low, high, is_reached


def _of_number(low: Floats, high: Floats) -> Axis:
    low, high = np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)
    edges = np.unique(np.concatenate([low, high, [0.0, 1.0]]))
    inside = (low[:, None] <= edges[:-1]) & (high[:, None] >= edges[1:])
    return Axis(edges, np.diff(edges), inside.astype(float))


def _of_choices(low: Floats, high: Floats) -> Axis:
    """Return the axis of choices: a leaf has a value if it allows that value's column to be 1, and all others 0."""
    count = low.shape[1]
    can_be_one, can_be_zero = high > 0.5, low < 0.5
    others = can_be_zero.sum(axis=1, keepdims=True) - can_be_zero == count - 1
    edges = np.arange(count + 1, dtype=float)
    return Axis(edges, np.full(count, 1 / count), (can_be_one & others).astype(float))
