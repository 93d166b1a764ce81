"""Capped asynchronous halving: no worker waits for a rung, and no rung promotes too many configurations.

Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (ASHA), Algorithm 2, promotes any configuration
in the top 1/eta of its rung. As results arrive the top changes, so in the end more than 1/eta are promoted. Li et al.
2022, "Hyper-Tune" (D-ASHA), Algorithm 1, delays a promotion until the promoted share stays within 1/eta and the rung
has as many results as the synchronous rung would have.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bohb.budgets import Ladder
from bohb.schedules.bracket_sizes import BracketPlan, endless_bracket
from bohb.schedules.brackets import Brackets
from bohb.schedules.protocol import Promote, Start


@dataclass(frozen=True)
class AsynchronousHalving:
    """Capped asynchronous halving in one endless bracket.

    Attributes:
        patience: A rung needs eta to the power of `patience` results before its first promotion, or the size of the
            synchronous rung if that is smaller. The limit gives a single worker its first full training early.
    """

    patience: int = 2

    def cycle(self, ladder: Ladder) -> Sequence[BracketPlan]:
        """Return the one bracket, over the whole ladder."""
        return [endless_bracket(ladder, range(len(ladder)))]

    def next(self, brackets: Brackets) -> Start | Promote:
        """Return a promotion into the highest possible rung, else a start in the lowest rung."""
        if len(brackets):
            for rung in range(len(brackets.ladder) - 1, 0, -1):
                config_id = self._promotable(brackets, rung)
                if config_id is not None:
                    return Promote(0, rung, config_id)
        return self.start(brackets)

    def start(self, brackets: Brackets) -> Start:  # noqa: ARG002 - there is only one answer
        """Return a start in the lowest rung."""
        return Start(0)

    def _promotable(self, brackets: Brackets, rung: int) -> int | None:
        """Return the id of the configuration that may enter `rung` now, or None."""
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
        """Return how many results the rung needs before its first promotion."""
        reduction = brackets.ladder.reduction(rung, rung + 1)
        return min(brackets[0].plan.sizes[rung], math.ceil(reduction**self.patience))
