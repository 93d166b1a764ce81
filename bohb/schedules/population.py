"""Populations: members train side by side, and one that does badly goes on from the checkpoint of one that does well.

Jaderberg et al. 2017, "Population Based Training of Neural Networks" (arXiv 1711.09846), with truncation selection. A
bracket is a population, and every rung of the ladder a moment to compare its members. A member that ranks among the
worst of its rung is replaced there: a new configuration starts in the rung above, from the checkpoint of one of the
best. All others go on as they are. So the hyperparameters of a training change on its way.

No worker waits. A member leaves its rung once more than half of the population has a result there. Those that do well
leave first, and the members that are behind run first. So those that do badly are compared with nearly all others,
although nothing is synchronised. Meanwhile a free worker trains another member; if there is none, one of the next
population.

The size of a population is twice the number of workers, at least 8 and at most 64, unless it is given: it grows until
its first member moves up a rung. With twice as many members as workers there is always one to train. When all members
have reached the largest budget, the next population begins.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bohb._checks import check_share, positive_integer
from bohb.budgets import Ladder
from bohb.errors import BudgetError
from bohb.schedules.bracket_sizes import BracketPlan
from bohb.schedules.brackets import Bracket, Brackets, Entry, Rung
from bohb.schedules.protocol import Exploit, Promote, Start

MIN_MEMBERS, MAX_MEMBERS = 8, 64
"""The limits of a size that follows the workers; 8 is the smallest size of which a quarter is more than one member."""
MEMBERS_PER_WORKER = 2
"""With as many members for each worker, one is always ready to be trained."""


@dataclass(frozen=True)
class Population:
    """One population after the other, each of them a bracket.

    Attributes:
        size: The number of members; None for twice as many as there are workers, from `MIN_MEMBERS` to `MAX_MEMBERS`.
            A finite space of fewer configurations has smaller populations.
        share: The share of a rung that is replaced, the worst, and that replaces it, the best, in (0, 0.5]. In a
            complete rung of at least two it is at least one member. A failure is always replaced.
    """

    size: int | None = None
    share: float = 0.25

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            SettingError: If a setting is out of its range.
        """
        if self.size is not None:
            positive_integer("size", self.size)
        check_share("share", self.share, most=0.5)

    def cycle(self, ladder: Ladder) -> Sequence[BracketPlan]:
        """Return the largest population over the whole ladder.

        Raises:
            BudgetError: If the ladder has one budget, at which nothing could change any more.
        """
        if len(ladder) < 2:
            raise BudgetError(
                f"expected at least two budgets for a population, got {list(ladder)}: its members change their "
                "hyperparameters between two budgets; give more of them, such as range(10, 101, 10)"
            )
        return [BracketPlan(tuple(range(len(ladder))), (self.size or MAX_MEMBERS,) * len(ladder))]

    def longer(self, plan: BracketPlan, ladder: Ladder) -> BracketPlan:
        """Return the plan of a population that goes on, with all its members, on a longer ladder."""
        num_new = len(ladder) - 1 - plan.levels[-1]
        return BracketPlan(
            plan.levels + tuple(range(len(ladder) - num_new, len(ladder))), plan.sizes + plan.sizes[-1:] * num_new
        )

    def next(self, brackets: Brackets) -> Start | Promote:
        """Return the next member of a population that grows, else a step of the member that is furthest behind."""
        for bracket in brackets.ready:
            if self._grows(bracket, brackets) and brackets.may_start(bracket.rungs[0].level):
                return self._start_in(bracket.index)
            step = next(self._steps(bracket, brackets), None)
            if step is not None:
                return step
        return self.start(brackets)

    def start(self, brackets: Brackets) -> Start:
        """Return a start in the population that grows, else in the next one."""
        growing = (bracket.index for bracket in brackets.ready if self._grows(bracket, brackets))
        return self._start_in(next(growing, len(brackets)))

    def is_over(self, bracket: Bracket, brackets: Brackets) -> bool:  # noqa: ARG002 - its own members say it
        """Whether no member can move any more."""
        is_small = not self._is_closed(bracket) and len(bracket.rungs[0].entered) < (self.size or MIN_MEMBERS)
        if is_small or any(bracket.rungs[number].num_pending for number in [*_lower(bracket), -1]):
            return False
        return not any(_may_move(bracket, number) for number in _lower(bracket))

    def is_waiting(self, bracket: Bracket, brackets: Brackets) -> bool:  # noqa: ARG002 - its own members say it
        """Whether no member can move until one of them has a result."""
        return self._is_closed(bracket) and not any(_may_move(bracket, number) for number in _lower(bracket))

    def may_inherit(self, bracket: Bracket, rung: int, entry: Entry) -> bool:
        """Whether a new configuration may still start from the checkpoint of this (loss, id) in a rung.

        It may while a member has yet to leave the rung. Further results only worsen the rank of the entry.
        """
        is_closed, num_members = self._is_closed(bracket), len(bracket.rungs[0].entered)
        if bracket.is_full(rung + 1) or (is_closed and len(bracket.rungs[rung + 1].entered) >= num_members):
            return False
        most = num_members if is_closed else bracket.plan.sizes[0]
        return math.isfinite(entry[0]) and bracket.rungs[rung].rank(entry) < max(1, math.floor(self.share * most))

    def _start_in(self, index: int) -> Start:
        """Return a start; results that the user gave join the first population."""
        return Start(index, prefers_known=index == 0)

    def _grows(self, bracket: Bracket, brackets: Brackets) -> bool:
        """Whether the population takes one more member now."""
        num_workers = brackets.num_at_work + 1
        wanted = self.size or min(max(MEMBERS_PER_WORKER * num_workers, MIN_MEMBERS), MAX_MEMBERS)
        return not self._is_closed(bracket) and len(bracket.rungs[0].entered) < wanted

    def _is_closed(self, bracket: Bracket) -> bool:
        """Whether the population can take no more members, however many workers there are."""
        return bool(bracket.rungs[1].entered) or bracket.is_full(0)

    def _steps(self, bracket: Bracket, brackets: Brackets) -> Iterator[Start | Promote]:
        """Yield the possible steps, those of the lowest rung first."""
        for number in _lower(bracket):
            below = bracket.rungs[number]
            if not bracket.is_full(number + 1) and _may_leave(bracket, number, brackets):
                has_room = brackets.has_room(bracket.rungs[number + 1].level)
                yield from self._steps_from(bracket, number, below, has_room=has_room)

    def _steps_from(self, bracket: Bracket, number: int, below: Rung, *, has_room: bool) -> Iterator[Start | Promote]:
        for entry in [*self._in_order(bracket, number), *_stuck(below)]:
            source = self._source(bracket, number, entry) if has_room else None
            if source is not None:
                yield Exploit(bracket.index, number + 1, source=source, replaces=entry[1])
            elif math.isfinite(entry[0]):
                yield Promote(bracket.index, number + 1, entry[1])

    def _in_order(self, bracket: Bracket, number: int) -> list[Entry]:
        """Return the (loss, id) of the members that wait in a rung, in the order in which they leave.

        Those come first that no later result can make one of the worst: the last to enter before the others, because
        its training may still be in memory. The others follow by their losses.
        """
        below, above = bracket.rungs[number : number + 2]
        num_left = math.floor(self.share * len(bracket.rungs[0].entered))
        num_safe = len(below.finished) - max(num_left, 1)
        waiting = [entry for entry in below.waiting if entry[1] not in above.entered]
        if bracket.plan.sizes[number + 1] < len(bracket.rungs[0].entered):  # the best of former populations go on alone
            return waiting
        safe = {entry[1]: entry for entry in waiting if below.rank(entry) < num_safe}
        latest_first = [safe[config_id] for config_id in reversed(list(below.entered)) if config_id in safe]
        return latest_first + [entry for entry in waiting if entry[1] not in safe]

    def _source(self, bracket: Bracket, number: int, entry: Entry) -> int | None:
        """Return the configuration from which another goes on in place of this (loss, id); None if it does well.

        The best ones take turns.
        """
        below, above = bracket.rungs[number : number + 2]
        num = self._num_replaced(bracket, below)
        has_failed = not math.isfinite(entry[0])
        if not has_failed and below.rank(entry) < len(below.finished) - num:
            return None
        best = [config_id for loss, config_id in below.finished[: max(num, 1)] if loss < entry[0]]
        num_before = len(above.entered - below.entered)
        return best[num_before % len(best)] if best else None

    def _num_replaced(self, bracket: Bracket, rung: Rung) -> int:
        """Return how many of those that have a result in a rung do badly, and as many do well."""
        num_finished = len(rung.finished)
        is_complete = num_finished >= max(len(bracket.rungs[0].entered), 2)
        return max(math.floor(self.share * num_finished), int(is_complete))


def _lower(bracket: Bracket) -> list[int]:
    """Return the numbers of the rungs that hold members that have yet to leave: few of a long ladder."""
    return [number for number, rung in enumerate(bracket.rungs[:-1]) if rung.num_staying]


def _may_leave(bracket: Bracket, number: int, brackets: Brackets) -> bool:
    """Whether enough members have a result in a rung to compare them: more than half, or all that can come."""
    rungs = bracket.rungs[: number + 1]
    if 2 * len(rungs[-1].finished) > len(rungs[0].entered):
        return True
    return not any(config_id in rung.entered for rung in rungs for config_id in brackets.at_work(rung.level))


def _stuck(rung: Rung) -> Iterator[Entry]:
    """Yield the failures that nothing has replaced yet."""
    for entry in reversed(rung.finished):
        if math.isfinite(entry[0]):
            return
        if entry[1] not in rung.left:
            yield entry


def _may_move(bracket: Bracket, number: int) -> bool:
    """Whether a member may leave a rung in which nothing is pending: it succeeded, or failed where another did not."""
    below, above = bracket.rungs[number : number + 2]
    if bracket.is_full(number + 1):
        return False
    has_source = bool(below.finished) and math.isfinite(below.finished[0][0])
    waits = any(config_id not in above.entered for _, config_id in below.waiting)
    return waits or (has_source and next(_stuck(below), None) is not None)
