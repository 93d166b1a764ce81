"""Asynchronous successive halving with a cap on promotions: nobody waits for a rung, and no rung over-promotes.

Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (ASHA), Algorithm 2, promotes whoever stands in
the top 1/eta of a rung. As results come in the top changes, and in the end more than 1/eta are promoted. Li et al.
2022, "Hyper-Tune" (D-ASHA), Algorithm 1, delays a promotion until the promoted share stays within 1/eta and the rung
has grown to the size that the synchronous rung would have had.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bohb.budgets import Ladder
from bohb.schedules.bracket_sizes import BracketPlan
from bohb.schedules.brackets import Brackets
from bohb.schedules.protocol import Promote, Start


@dataclass(frozen=True)
class AsynchronousHalving:
    """One bracket that grows without end; promotes from the top rung down, else starts a new configuration.

    Attributes:
        patience: A rung promotes nobody before it has eta to this power results, or the size of the synchronous rung
            where that is smaller. The bound keeps the first result at the full budget early for a single worker.
    """

    patience: int = 2

    def cycle(self, ladder: Ladder) -> Sequence[BracketPlan]:
        """Return the one bracket, over the whole ladder."""
        return [endless_bracket(ladder)]

    def next(self, brackets: Brackets) -> Start | Promote:
        """Return the promotion into the highest rung that allows one, else a start in the lowest rung."""
        if len(brackets):
            for rung in range(len(brackets.ladder) - 1, 0, -1):
                config_id = self._promotable(brackets, rung)
                if config_id is not None:
                    return Promote(0, rung, config_id)
        return self.start(brackets)

    def start(self, brackets: Brackets) -> Start:  # noqa: ARG002 - there is only one place to start
        """Return the lowest rung."""
        return Start(0)

    def _promotable(self, brackets: Brackets, rung: int) -> int | None:
        """Return who may enter `rung` now, or None."""
        below, above = brackets[0].rungs[rung - 1], brackets[0].rungs[rung]
        num_finished = len(below.finished)
        eta = brackets.ladder.reduction(rung - 1, rung)
        if not below.waiting or num_finished < self._first_promotion(brackets, rung - 1):
            return None
        if (len(above.entered) + 1) * eta > num_finished:  # the cap: the promoted share stays within 1 / eta
            return None
        if below.rank(below.waiting[0]) >= num_finished // eta:  # in the top 1 / eta
            return None
        return below.waiting[0][1]

    def _first_promotion(self, brackets: Brackets, rung: int) -> int:
        """Return how many results the rung needs before anybody leaves it."""
        reduction = brackets.ladder.reduction(rung, rung + 1)
        return min(brackets[0].plan.sizes[rung], math.ceil(reduction**self.patience))


def endless_bracket(ladder: Ladder) -> BracketPlan:
    """Return a bracket over the whole ladder that grows without end.

    Its sizes are as many below as it takes to promote one to the top; where the reductions are whole numbers these are
    the sizes of the paper.
    """
    sizes = [1]
    for level in reversed(range(len(ladder) - 1)):
        sizes.insert(0, math.ceil(sizes[0] * ladder.reduction(level, level + 1)))
    return BracketPlan(tuple(range(len(ladder))), tuple(sizes), is_endless=True)
