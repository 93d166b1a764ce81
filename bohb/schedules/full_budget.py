"""Every configuration at the full budget: the baseline for all schedules that use smaller budgets.

If the ladder became longer, the best at each budget that was the full one before are promoted: one of eta results.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bohb.budgets import Ladder
from bohb.schedules.bracket_sizes import BracketPlan
from bohb.schedules.brackets import Brackets
from bohb.schedules.protocol import Promote, Start


@dataclass(frozen=True)
class FullBudget:
    """One bracket of one rung, at the largest budget."""

    def cycle(self, ladder: Ladder) -> Sequence[BracketPlan]:
        """Return the one bracket."""
        return [BracketPlan((len(ladder) - 1,), (1,), is_endless=True)]

    def next(self, brackets: Brackets) -> Start | Promote:
        """Return a promotion from a former full budget, the largest first; else a start at the full budget."""
        rungs = brackets[0].rungs if len(brackets) else ()
        for number in reversed(range(1, len(rungs))):
            below = rungs[number - 1]
            eta = brackets.ladder.reduction(below.level, rungs[number].level)
            if below.waiting and (below.num_promoted + 1) * eta <= len(below.finished):
                return Promote(0, number, below.waiting[0][1])
        return self.start(brackets)

    def start(self, brackets: Brackets) -> Start:
        """Return a start at the full budget."""
        return Start(0, len(brackets[0].rungs) - 1 if len(brackets) else 0)
