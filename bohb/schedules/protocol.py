"""The protocols that a schedule implements, and the moves that it returns.

A schedule reads the brackets and returns `Start`, `Exploit` or `Promote`, or offers several moves to the model
(`MoveOffer`).
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
    """Evaluate a configuration that is new at its budget, in this rung of this bracket.

    The bracket is opened if it is the next one. If a finite space has no new configuration, the best one that was
    evaluated outside the brackets enters the rung instead.

    Attributes:
        bracket: The number of the bracket.
        rung: The number of the rung.
        prefers_known: Whether the best one that succeeded outside the brackets enters also if there is a new one.
    """

    bracket: int
    rung: int = 0
    prefers_known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploit(Start):
    """Start a new configuration in a higher rung: it goes on from the checkpoint of another one in the rung below.

    Attributes:
        source: The id of the configuration in the rung below whose checkpoint it takes over.
        replaces: The id of the configuration in the rung below that stops there in its favour.
    """

    source: int
    replaces: int


@dataclass(frozen=True, slots=True)
class Promote:
    """Evaluate a configuration of rung `rung - 1` in `rung` of the same bracket."""

    bracket: int
    rung: int
    config_id: int


@dataclass(frozen=True, slots=True)
class MoveOffer:
    """The moves that the model may choose from.

    Attributes:
        promotions: The possible promotions.
        start: Where a new configuration may start instead, or None if one of the promotions is due.
    """

    promotions: tuple[Promote, ...]
    start: Start | None

    @property
    def default(self) -> Start | Promote:
        """The move if the model does not choose: the start, else the first promotion."""
        return self.promotions[0] if self.start is None else self.start


class Schedule(Protocol):
    """Decides how long to train. A schedule holds only its settings; everything that changes is in the brackets."""

    def cycle(self, ladder: Ladder) -> Sequence[BracketPlan]:
        """Return the plans of the brackets of one cycle, in the order in which they open."""
        ...

    def next(self, brackets: "Brackets") -> Start | Promote:
        """Return the next move. There is always one: at least a start in the next bracket."""
        ...

    def start(self, brackets: "Brackets") -> Start:
        """Return where a new configuration would start now, even if a promotion is due."""
        ...


@runtime_checkable
class OfferingSchedule(Schedule, Protocol):
    """A schedule that lets a `PromotingModel` choose between moves. Its `next` returns the default of its offer."""

    def offer(self, brackets: "Brackets") -> MoveOffer:
        """Return the moves that the model may choose from, at least one."""
        ...
