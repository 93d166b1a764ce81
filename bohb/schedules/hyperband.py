"""Synchronous Hyperband: every rung waits for its last result, but no worker waits.

Li et al. 2018, "Hyperband", Algorithm 1, in the parallel form of Falkner et al. 2018, "BOHB", section 4.2. While the
rungs of all open brackets wait, the next bracket opens. Of all possible trials, the one with the smallest budget goes
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
        """Return the move with the smallest budget, oldest bracket first, else a start in the next bracket."""
        found = (next_move(bracket, brackets, refills=False) for bracket in brackets.ready)
        moves = [move for move in found if move is not None]
        if not moves:
            return Start(len(brackets))
        return min(moves, key=lambda move: (brackets[move.bracket].plan.levels[move.rung], move.bracket))

    def start(self, brackets: Brackets) -> Start:
        """Return a start in the oldest bracket that takes new configurations, else in the next bracket."""
        return oldest_start(brackets)

    def is_over(self, bracket: Bracket, brackets: Brackets) -> bool:
        """Whether the bracket can never have a trial again."""
        return is_over(bracket, brackets, refills=False)

    def is_waiting(self, bracket: Bracket, brackets: Brackets) -> bool:
        """Whether the bracket has no move before one of its own trials ends."""
        return is_waiting(bracket, brackets, refills=False)


def oldest_start(brackets: Brackets) -> Start:
    """Return a start in the oldest bracket that takes new configurations, else in the next bracket."""
    return Start(next((bracket.index for bracket in brackets.ready if takes_new(bracket, brackets)), len(brackets)))


def takes_new(bracket: Bracket, brackets: Brackets) -> bool:
    """Whether the first rung is not full, has promoted no configuration, and there is a configuration to start."""
    return not _is_started(bracket) and brackets.may_start(bracket.rungs[0].level)


def _is_started(bracket: Bracket) -> bool:
    """Whether the first rung takes no more configurations: it is full, or has promoted one."""
    return bracket.is_full(0) or any(rung.entered for rung in bracket.rungs[1:])


def rung_size(bracket: Bracket, rung: int) -> int:
    """Return how many configurations a rung takes.

    It is the planned size. If a finite space had too few configurations for the first rung, later rungs shrink in
    proportion.
    """
    sizes, first = bracket.plan.sizes, len(bracket.rungs[0].entered)
    return sizes[rung] if first >= sizes[0] else max(sizes[rung] * first // sizes[0], 1)


def next_move(bracket: Bracket, brackets: Brackets, *, refills: bool) -> Start | Promote | None:
    """Return the next move of the bracket, or None if it has none now.

    Failures are never promoted. If a rung has too few successes it promotes fewer, and without a success the bracket
    ends. With `refills`, new configurations start in the rung above instead.
    """
    if takes_new(bracket, brackets):
        return Start(bracket.index)
    for number in range(1, len(bracket.rungs)):
        below, rung = bracket.rungs[number - 1], bracket.rungs[number]
        if below.num_pending:
            return None
        if len(rung.entered) < rung_size(bracket, number):
            if below.waiting:
                return Promote(bracket.index, number, below.waiting[0][1])
            if refills and brackets.may_start(rung.level):
                return Start(bracket.index, number)
    return None


def is_over(bracket: Bracket, brackets: Brackets, *, refills: bool) -> bool:
    """Whether the bracket can never have a trial again: none is pending, and no configuration can enter a rung."""
    if not _is_started(bracket) or any(rung.num_pending for rung in bracket.rungs):
        return False
    return next_move(bracket, brackets, refills=refills) is None and _is_final(bracket, brackets, refills=refills)


def is_waiting(bracket: Bracket, brackets: Brackets, *, refills: bool) -> bool:
    """Whether the bracket has no move before one of its own trials ends, whatever happens outside it."""
    lowest = next((number for number, rung in enumerate(bracket.rungs) if rung.num_pending), None)
    if lowest is None or not _is_started(bracket) or next_move(bracket, brackets, refills=refills) is not None:
        return False
    # A rung below takes a new configuration as soon as there is one.
    return not refills or all(map(bracket.is_full, range(1, lowest + 1)))


def _is_final(bracket: Bracket, brackets: Brackets, *, refills: bool) -> bool:
    """Whether the bracket can never receive another new configuration.

    In a finite space, a configuration that was evaluated outside the brackets may start later if there is room.
    """
    if brackets.capacity is None:
        return True
    if refills:
        return all(map(bracket.is_full, range(len(bracket.rungs))))
    return _is_started(bracket)
