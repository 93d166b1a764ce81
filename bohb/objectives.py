"""What a search optimises: the name of a metric, its direction, and how a loss becomes what is shown.

Inside, every search minimises a loss. People see the metric that they told, under its name and with its sign.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, TypeVar

from bohb._text import brief, significant
from bohb.errors import SettingError

P = ParamSpec("P")
T = TypeVar("T")

Direction = Literal["minimize", "maximize"]
DIRECTIONS: tuple[Direction, ...] = ("minimize", "maximize")
RESERVED = ("checkpoint", "info")
"""The names in a told mapping that have another meaning."""
SYNONYMS = ("maximize", "maximise", "minimize", "minimise", "mode", "direction", "directions")
"""What other libraries call the argument `objectives`."""
EXPECTED_OBJECTIVES = (
    "expected objectives={'accuracy': 'maximize'}: the name of your metric, and 'maximize' or 'minimize'"
)


@dataclass(frozen=True, slots=True)
class Goal:
    """The metric that a search optimises.

    Attributes:
        name: Its name, as it is told and shown.
        direction: `"minimize"` or `"maximize"`.
        is_declared: Whether the user named it. Other numbers that are told beside it are then kept as metrics.
    """

    name: str = "loss"
    direction: Direction = "minimize"
    is_declared: bool = False

    @property
    def objectives(self) -> dict[str, Direction] | None:
        """The argument `objectives` that means this goal; None if it was not declared."""
        return {self.name: self.direction} if self.is_declared else None

    @property
    def is_maximised(self) -> bool:
        """Whether a higher value is better."""
        return self.direction == "maximize"

    def loss(self, value: float) -> float:
        """Return the loss of a value of the metric: what the search minimises."""
        return -float(value) if self.is_maximised else float(value)

    def value(self, loss: float) -> float:
        """Return the value of the metric that has this loss: what was told, and what is shown."""
        return -loss if self.is_maximised else loss

    def text(self, loss: float) -> str:
        """Return the name and the value for people, such as `accuracy 0.93`; a failure has none."""
        if not math.isfinite(loss):
            return "a failure"
        return f"{self.name} {significant(self.value(loss))}"

    def shown(self, loss: float) -> float | None:
        """Return the value for JSON, CSV and frames; None for a failure, which has none."""
        return self.value(loss) if math.isfinite(loss) else None


LOSS = Goal()
"""The goal of a search without objectives: one loss, minimised."""


def read_goal(objectives: Any) -> Goal:
    """Return the goal that the argument `objectives` names; None stands for a loss.

    Raises:
        SettingError: If it is not a mapping of one name to a direction.
    """
    if objectives is None:
        return LOSS
    if not isinstance(objectives, Mapping):
        raise SettingError(f"{EXPECTED_OBJECTIVES}, got {brief(objectives)}")
    if len(objectives) != 1:
        raise SettingError(
            f"{EXPECTED_OBJECTIVES}, got {len(objectives)} entries in {brief(objectives)}; name one, and "
            "tell the other metrics beside it: they are kept"
        )
    ((name, direction),) = objectives.items()
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or name in RESERVED:
        raise SettingError(
            f"{EXPECTED_OBJECTIVES}, got the name {brief(name)}; {' and '.join(RESERVED)} have another meaning"
        )
    if not isinstance(direction, str) or direction not in DIRECTIONS:
        raise SettingError(f"{EXPECTED_OBJECTIVES}, got the direction {brief(direction)}")
    return Goal(str(name), "maximize" if direction == "maximize" else "minimize", is_declared=True)


def goal_of(search: Any) -> Goal:
    """Return the goal of an optimizer, a study, a snapshot, or anything else that has `objectives` or has none."""
    return read_goal(getattr(search, "objectives", None))


def advised(function: Callable[P, T]) -> Callable[P, T]:
    """Refuse the names that other libraries give to `objectives` with advice, not with a bare `TypeError`."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        found = [name for name in SYNONYMS if name in kwargs]
        if found:
            raise SettingError(
                f"{EXPECTED_OBJECTIVES}, got {found[0]}={brief(kwargs[found[0]])}; an optimizer or a study takes it: "
                "Optimizer(space, budgets, objectives=...), Study.open(target, space, budgets, objectives=...)"
            )
        return function(*args, **kwargs)

    return call
