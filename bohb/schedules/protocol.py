"""What a schedule is, and the moves that it can make.

A schedule reads the brackets and answers with `Start` or `Promote`, or offers several moves to the model (`MoveOffer`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from bohb.budgets import Ladder
from bohb.schedules.bracket_sizes import BracketPlan

if TYPE_CHECKING:
    from bohb.schedules.brackets import Brackets


@dataclass(frozen=True, slots=True)
class Start:
    """Evaluate a configuration that is new at its budget, in this rung of this bracket (opening it if need be).

    Where a finite space holds none, the best that was told there outside of the brackets takes its place.
    """

    bracket: int
    rung: int = 0


@dataclass(frozen=True, slots=True)
class Promote:
    """Evaluate this configuration of this bracket's `rung - 1` in its `rung`."""

    bracket: int
    rung: int
    config_id: int


@dataclass(frozen=True, slots=True)
class MoveOffer:
    """Moves of which the model may choose one.

    Attributes:
        promotions: Promotions that could take place.
        start: Where a new configuration may start instead, or None if one of the promotions it has to be.
    """

    promotions: tuple[Promote, ...]
    start: Start | None

    @property
    def default(self) -> Start | Promote:
        """What takes place where no model chooses: the start, else the first of the promotions."""
        return self.promotions[0] if self.start is None else self.start


class Schedule(Protocol):
    """Who is promoted and what comes next. A schedule holds its settings only; all that changes is in the brackets."""

    def cycle(self, ladder: Ladder) -> Sequence[BracketPlan]:
        """Return the plans of one cycle over all brackets, in the order in which they are opened."""
        ...

    def next(self, brackets: "Brackets") -> Start | Promote:
        """Return what to evaluate next; always something, if need be the start of the next bracket."""
        ...

    def start(self, brackets: "Brackets") -> Start:
        """Return where a new configuration would start now, even if a promotion is due."""
        ...


@runtime_checkable
class OfferingSchedule(Schedule, Protocol):
    """A schedule that leaves to the model what it need not decide itself; `next` returns the default of its offer."""

    def offer(self, brackets: "Brackets") -> MoveOffer:
        """Return the moves of which the model may choose one; never none at all."""
        ...
