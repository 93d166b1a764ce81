"""Every configuration at the full budget: the baseline for all schedules that use smaller budgets."""

from collections.abc import Sequence
from dataclasses import dataclass

from bohb.budgets import Ladder
from bohb.schedules.bracket_sizes import BracketPlan
from bohb.schedules.brackets import Brackets
from bohb.schedules.protocol import Start


@dataclass(frozen=True)
class FullBudget:
    """One bracket of one rung, at the largest budget."""

    def cycle(self, ladder: Ladder) -> Sequence[BracketPlan]:
        """Return the one bracket."""
        return [BracketPlan((len(ladder) - 1,), (1,), is_endless=True)]

    def next(self, brackets: Brackets) -> Start:
        """Return a start at the full budget."""
        return self.start(brackets)

    def start(self, brackets: Brackets) -> Start:  # noqa: ARG002 - there is only one answer
        """Return a start at the full budget."""
        return Start(0)
