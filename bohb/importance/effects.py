"""The importance of the parameters of a search: what share of the variance of the loss each explains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb._text import aligned, visible
from bohb.arrays import Floats
from bohb.importance.anova import Anova
from bohb.importance.data import NUM_TREES, ForestData, data_of
from bohb.importance.forest import MAX_ROWS

if TYPE_CHECKING:
    import pandas as pd

MAX_PAIRS_LISTED = 20
"""How many pairs a table lists: of 60 parameters there are 1,770."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What share of the variance something explains.

    Attributes:
        share: The mean over the trees of the forest, in [0, 1].
        deviation: The standard deviation over the trees.
    """

    share: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Importance:
    """How much each parameter matters.

    Attributes:
        main: What each parameter explains alone, by its name, the most important first.
        pairs: What two parameters explain together and neither alone, by their names, the most important first.
        budget: The budget at which this holds.
        num_results: The number of results behind it, at all budgets.
        num_trees: The number of trees.
        notes: What a reader should know, in sentences.
        told: The name of what was told: "loss", or the metric of the search.
    """

    main: Mapping[str, Effect]
    pairs: Mapping[tuple[str, str], Effect]
    budget: Any
    num_results: int
    num_trees: int
    notes: tuple[str, ...]
    told: str = "loss"

    def __str__(self) -> str:
        """Return a table of the effects; of many pairs, of the most important ones."""
        pairs = [(" x ".join(names), effect) for names, effect in self.pairs.items()][:MAX_PAIRS_LISTED]
        effects = [*self.main.items(), *pairs]
        rows = [(name, f"{effect.share:.1%}", f"+- {effect.deviation:.1%}") for name, effect in effects]
        _, *lines = aligned(("", "", ""), rows, right=[1, 2])
        left = len(self.pairs) - len(pairs)
        more = [f"{left:,} more pairs explain no more than {pairs[-1][1].share:.1%} each."] if left else []
        title = f"share of the variance of the {self.told} at budget {self.budget}"
        return "\n".join([visible(title), *lines, *more, *self.notes])


def importance(
    frame: "pd.DataFrame",
    *,
    budget: Any = None,
    within: float = 1.0,
    pairs: bool = True,
    num_trees: int = NUM_TREES,
    seed: int = 0,
) -> Importance:
    """Return how much each parameter matters, by functional analysis of variance over a random forest.

    A parameter counts uniformly over its range, on its log scale if it has one; a conditional one as far as it is
    active. Results at all budgets teach the forest, which is read at one. Failures are left out. Forbidden combinations
    count as the forest predicts them.

    Args:
        frame: The results, as `to_frame` returns them.
        budget: The budget at which to say so; None is the largest that has a finite loss.
        within: Only differences among this share of the losses count, so that a few that are terrible do not decide;
            1 is all of them.
        pairs: Whether to say it of pairs, too.
        num_trees: The number of trees.
        seed: The seed of the forest.

    Raises:
        SettingError: If there are fewer than ten finite losses, no parameter varies, an argument is not valid, or
            scikit-learn is not installed.
        BudgetError: If the budget is not on the ladder.
    """
    data = data_of(frame, budget, within)
    trees = data.trees(num_trees, seed)
    main = _sorted(data.names, np.array([tree.main for tree in trees]).T)
    both = list(combinations(range(len(data.names)), 2)) if pairs else []
    shares = np.array([[tree.pair(*pair) for tree in trees] for pair in both]).reshape(len(both), len(trees))
    together = _sorted([(data.names[one], data.names[other]) for one, other in both], shares)
    notes, told = _notes(data, trees), data.context.told
    return Importance(main, together, data.budget, len(data.losses), num_trees, notes, told)


def _sorted(names: Sequence[Any], shares: Floats) -> dict[Any, Effect]:
    """Return the effects by name, the largest first, of `(m, trees)` shares."""
    effects = {name: Effect(float(own.mean()), float(own.std())) for name, own in zip(names, shares, strict=True)}
    return dict(sorted(effects.items(), key=lambda item: -item[1].share))


def _notes(data: ForestData, trees: Sequence[Anova]) -> tuple[str, ...]:
    notes = []
    num = int(data.at_budget.sum())
    if num < len(data.losses):
        notes.append(f"{num} of the {len(data.losses)} results are of this budget; the others are of other budgets.")
    if data.num_failures:
        notes.append(f"{data.num_failures} results without a finite loss are left out.")
    if len(data.losses) > MAX_ROWS:
        notes.append(f"Each tree has {MAX_ROWS} draws of the results.")
    if all(tree.variance <= 0 for tree in trees):
        notes.append("All losses are the same, so that nothing matters.")
    return tuple(notes)
