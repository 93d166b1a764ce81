"""Hyperband as HpBandSter codes it, for comparison with the curves published with it.

hpbandster/optimizers/bohb.py and core/base_iteration.py, version 0.7.4. It differs from the paper in three ways, all
kept here: the floor form of the bracket sizes; the oldest bracket goes first even where a newer one has a cheaper run;
and places that failures leave empty are filled with new configurations started directly at the larger budget.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bohb.budgets import Ladder
from bohb.schedules.bracket_sizes import BracketPlan, hpbandster_bracket
from bohb.schedules.brackets import Bracket, Brackets
from bohb.schedules.hyperband import is_over, next_move, oldest_start
from bohb.schedules.protocol import Promote, Start


@dataclass(frozen=True)
class HpBandSterHyperband:
    """Synchronous Hyperband with HpBandSter's bracket sizes, order and refilling of failed places."""

    def cycle(self, ladder: Ladder) -> Sequence[BracketPlan]:
        """Return one bracket for each starting level, the one that starts at the smallest budget first."""
        return [hpbandster_bracket(ladder, start) for start in range(len(ladder))]

    def next(self, brackets: Brackets) -> Start | Promote:
        """Return the next run of the oldest bracket that has one; else the start of the next bracket."""
        for bracket in brackets.open:
            move = next_move(bracket, brackets, refills=True)
            if move is not None:
                return move
        return Start(len(brackets))

    def start(self, brackets: Brackets) -> Start:
        """Return the oldest bracket that still takes new configurations, else the next one."""
        return oldest_start(brackets)

    def is_over(self, bracket: Bracket, brackets: Brackets) -> bool:
        """Whether the bracket can never give work again."""
        return is_over(bracket, brackets, refills=True)
