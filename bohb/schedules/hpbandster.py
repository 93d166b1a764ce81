"""Hyperband as HpBandSter implements it, to compare with published curves.

It follows hpbandster/optimizers/bohb.py and core/base_iteration.py, version 0.7.4, which differ from the paper in three
ways. Bracket sizes are rounded down. The oldest bracket goes first, even if a newer one has a cheaper trial. If
failures leave too few configurations for a rung, new ones start directly in that rung.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bohb.budgets import Ladder
from bohb.schedules.bracket_sizes import BracketPlan, hpbandster_bracket
from bohb.schedules.brackets import Bracket, Brackets
from bohb.schedules.hyperband import is_over, is_waiting, next_move, oldest_start
from bohb.schedules.protocol import Promote, Start


@dataclass(frozen=True)
class HpBandSterHyperband:
    """Synchronous Hyperband with HpBandSter's bracket sizes, order of brackets and replacement of failures."""

    def cycle(self, ladder: Ladder) -> Sequence[BracketPlan]:
        """Return one bracket for each starting level, the one that starts at the smallest budget first."""
        return [hpbandster_bracket(ladder, start) for start in range(len(ladder))]

    def next(self, brackets: Brackets) -> Start | Promote:
        """Return the next move of the oldest bracket that has one, else a start in the next bracket."""
        for bracket in brackets.ready:
            move = next_move(bracket, brackets, refills=True)
            if move is not None:
                return move
        return Start(len(brackets))

    def start(self, brackets: Brackets) -> Start:
        """Return a start in the oldest bracket that takes new configurations, else in the next bracket."""
        return oldest_start(brackets)

    def is_over(self, bracket: Bracket, brackets: Brackets) -> bool:
        """Whether the bracket can never have a trial again."""
        return is_over(bracket, brackets, refills=True)

    def is_waiting(self, bracket: Bracket, brackets: Brackets) -> bool:
        """Whether the bracket has no move before one of its own trials ends."""
        return is_waiting(bracket, brackets, refills=True)
