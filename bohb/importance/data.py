"""What a forest of a search learns from: all results that have a finite loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb._checks import positive_integer
from bohb._frame import Context, context_of
from bohb._text import brief
from bohb.arrays import Floats, Indices
from bohb.errors import SettingError
from bohb.importance.anova import Anova
from bohb.importance.forest import drawn, grow

if TYPE_CHECKING:
    import pandas as pd

MIN_RESULTS = 10
"""With fewer finite losses a forest says nothing."""
NUM_TREES = 64


@dataclass(frozen=True, eq=False)
class ForestData:
    """What a forest learns from.

    Attributes:
        context: The search.
        names: The d parameters that have more than one value.
        vectors: `(n, d)` the configurations, NaN where inactive.
        costs: `(n,)` the costs of the budgets.
        losses: `(n,)` the finite losses, cut off if asked for, without their median and in units of their spread: how
            large they are changes no share, and a forest sees no difference that is tiny.
        median: Their median.
        spread: Their unit.
        budget: The budget at which the forest is read.
        at: Its cost.
        num_failures: How many results have no finite loss.
    """

    context: Context
    names: tuple[str, ...]
    vectors: Floats
    costs: Floats
    losses: Floats
    median: float
    spread: float
    budget: Any
    at: float
    num_failures: int

    def trees(self, num_trees: int = NUM_TREES, seed: int = 0) -> list[Anova]:
        """Return the decompositions of the trees of a forest."""
        positive_integer("num_trees", num_trees)
        parts = (self.vectors.tobytes(), np.log(self.costs).tobytes(), self.losses.tobytes())
        return _trees(*parts, tuple(self.choices.tolist()), float(np.log(self.at)), num_trees, seed)

    def scattered(self, rng: np.random.Generator, num: int, columns: Sequence[int], values: Floats) -> Floats:
        """Return `(num, d)` random configurations in which some parameters have given positions, if they are active."""
        vectors = drawn(num, self.choices, rng)
        vectors[:, list(columns)] = values
        space = self.context.space
        if space is None:
            return vectors
        own = [space.names.index(name) for name in self.names]
        full = np.zeros((num, len(space.names)))
        full[:, own] = vectors
        return space.deactivate(space.snap(full, floats=False))[:, own]

    @cached_property
    def choices(self) -> Indices:
        """`(d,)` the number of choices of each parameter, 0 for numbers."""
        return np.array([self.context.parameters[name].num_choices for name in self.names], dtype=np.intp)

    @cached_property
    def at_budget(self) -> Any:
        """`(n,)` which results are of the budget at which the forest is read."""
        return self.costs == self.at


@lru_cache(maxsize=1)
def _trees(
    vectors: bytes, levels: bytes, losses: bytes, choices: tuple[int, ...], at: float, num_trees: int, seed: int
) -> list[Anova]:
    """Return the trees of `grow`. The latest ones are kept, because a page shows several pictures of one forest."""
    shape = (-1, len(choices))
    leaves = grow(
        np.frombuffer(vectors).reshape(shape),
        np.frombuffer(levels),
        np.frombuffer(losses),
        np.array(choices, dtype=np.intp),
        at=at,
        num_trees=num_trees,
        seed=seed,
    )
    return [Anova(each) for each in leaves]


def data_of(frame: "pd.DataFrame", budget: Any = None, within: float = 1.0) -> ForestData:
    """Return what a forest learns from.

    Args:
        frame: The results.
        budget: The budget at which the forest is read; None is the largest that has a finite loss.
        within: Only differences among this share of the losses count: worse ones are set to the worst of it.

    Raises:
        SettingError: If there are too few finite losses, no parameter varies, or an argument is not valid.
    """
    context = context_of(frame)
    if not 0 < within <= 1:
        raise SettingError(f"expected a share of the losses in (0, 1], got within={brief(within)}")
    names = tuple(name for name, each in context.parameters.items() if each.num_values != 1)
    if not names:
        raise SettingError("expected a parameter that has more than one value, got none")
    rows = np.isfinite(frame["loss"].to_numpy())
    if rows.sum() < MIN_RESULTS:
        raise SettingError(f"expected at least {MIN_RESULTS} finite losses, got {rows.sum()}; come back later")
    columns = [list(context.parameters).index(name) for name in names]
    kept, losses = frame.loc[rows], frame["loss"].to_numpy(dtype=float)[rows]
    costs = context.costs(kept)
    level = _level(context, costs, budget)
    return ForestData(
        context,
        names,
        context.vectors(kept)[:, columns],
        costs,
        *_standardised(losses, within),
        context.ladder[level],
        float(context.ladder.costs[level]),
        int((~rows).sum()),
    )


def _standardised(losses: Floats, within: float) -> tuple[Floats, float, float]:
    """Return losses in units of their spread around their median; the median; and the spread, 1 if all are the same.

    Losses beyond a share of them are cut off. The spread is the range of the middle half, which a few terrible losses
    do not change.
    """
    size = float(np.abs(losses).max())
    parts = losses / size if size > 0 else losses  # the squares of the largest floats are infinite
    parts = np.minimum(parts, np.quantile(parts, within))
    low, median, high = np.quantile(parts, [0.25, 0.5, 0.75]).tolist()
    spread = min(max(high - low, float(np.abs(parts - median).max()) * 1e-100), 1.0)  # so that its size is finite
    if size * spread == 0:
        return np.zeros(len(losses)), median * size, 1.0
    return (parts - median) / spread, median * size, size * spread


def _level(context: Context, costs: Floats, budget: Any) -> int:
    if budget is not None:
        return context.ladder.level(budget)
    return max(level for level, cost in enumerate(context.ladder.costs) if cost <= costs.max())
