"""Synchronous Hyperband: every rung waits for its last result, and no worker waits for a rung.

Li et al. 2018, "Hyperband", Algorithm 1, in the parallel form of Falkner et al. 2018, "BOHB", section 4.2: while the
rungs of the open brackets wait, the next bracket is opened, and among the runs that could go on the smaller budget goes
first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bohb.budgets import Ladder
from bohb.schedules.bracket_sizes import BracketPlan, paper_bracket
from bohb.schedules.brackets import Bracket, Brackets
from bohb.schedules.protocol import Promote, Start


@dataclass(frozen=True)
class Hyperband:
    """Synchronous Hyperband with the paper's bracket sizes, most aggressive bracket first."""

    def cycle(self, ladder: Ladder) -> Sequence[BracketPlan]:
        """Return one bracket for each starting level, the one that starts at the smallest budget first."""
        return [paper_bracket(ladder, start) for start in range(len(ladder))]

    def next(self, brackets: Brackets) -> Start | Promote:
        """Return the waiting run with the smallest budget, the oldest bracket first; else opens the next bracket."""
        found = (next_move(bracket, brackets, refills=False) for bracket in brackets.open)
        moves = [move for move in found if move is not None]
        if not moves:
            return Start(len(brackets))
        return min(moves, key=lambda move: (brackets[move.bracket].plan.levels[move.rung], move.bracket))

    def start(self, brackets: Brackets) -> Start:
        """Return the oldest bracket that still takes new configurations, else the next one."""
        return oldest_start(brackets)

    def is_over(self, bracket: Bracket, brackets: Brackets) -> bool:
        """Whether the bracket can never give work again."""
        return is_over(bracket, brackets, refills=False)


def oldest_start(brackets: Brackets) -> Start:
    """Return the oldest bracket that still takes new configurations, else the next one."""
    return Start(next((bracket.index for bracket in brackets.open if takes_new(bracket, brackets)), len(brackets)))


def takes_new(bracket: Bracket, brackets: Brackets) -> bool:
    """Whether the bracket's first rung has a place left, nobody left it yet, and there is a configuration for it."""
    return not (bracket.is_full(0) or _is_left(bracket)) and brackets.may_start(bracket.rungs[0].level)


def _is_left(bracket: Bracket) -> bool:
    """Whether somebody left the first rung."""
    return any(rung.entered for rung in bracket.rungs[1:])


def num_places(bracket: Bracket, rung: int) -> int:
    """Return how many configurations a rung takes: the plan's size, in proportion if the first rung fell short.

    The first rung falls short only where a finite space ran out of new configurations.
    """
    sizes, first = bracket.plan.sizes, len(bracket.rungs[0].entered)
    return sizes[rung] if first >= sizes[0] else max(sizes[rung] * first // sizes[0], 1)


def next_move(bracket: Bracket, brackets: Brackets, *, refills: bool) -> Start | Promote | None:
    """Return what the bracket could evaluate now, or None if it has nothing.

    Failures are never promoted. A rung with too few successes sends fewer, and the bracket ends without any; or, if it
    refills, new configurations take the empty places in the rung above.
    """
    if takes_new(bracket, brackets):
        return Start(bracket.index)
    for number in range(1, len(bracket.rungs)):
        below, rung = bracket.rungs[number - 1], bracket.rungs[number]
        if below.num_pending:
            return None
        if len(rung.entered) < num_places(bracket, number):
            if below.waiting:
                return Promote(bracket.index, number, below.waiting[0][1])
            if refills and brackets.may_start(rung.level):
                return Start(bracket.index, number)
    return None


def is_over(bracket: Bracket, brackets: Brackets, *, refills: bool) -> bool:
    """Whether the bracket can never give work again: nothing is pending, nothing can go on, nothing can start."""
    if not (bracket.is_full(0) or _is_left(bracket)) or any(rung.num_pending for rung in bracket.rungs):
        return False
    return next_move(bracket, brackets, refills=refills) is None and _is_final(bracket, brackets, refills=refills)


def _is_final(bracket: Bracket, brackets: Brackets, *, refills: bool) -> bool:
    """Whether the bracket can never receive another new configuration.

    In a finite space one that was told outside the brackets may start later, as long as the first rung takes any.
    """
    if brackets.capacity is None:
        return True
    if refills:
        return all(map(bracket.is_full, range(len(bracket.rungs))))
    return bracket.is_full(0) or _is_left(bracket)
