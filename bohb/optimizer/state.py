"""The whole state of an optimizer as JSON-able data: its arguments and its events."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from bohb._plain import entries
from bohb._text import brief
from bohb.budgets import Ladder
from bohb.errors import BohbError, StateError
from bohb.models import Model
from bohb.optimizer import events
from bohb.optimizer.findings import Findings
from bohb.optimizer.presets import own_parts
from bohb.schedules import Schedule
from bohb.space import Space

FORMATS = (1, 2, 3)
"""The versions of what `describe` returns: the second has objectives and the third repetitions, which an older bohb
would ignore."""


class Replayer(Protocol):
    """What replays the events of a state: an optimizer."""

    @property
    def space(self) -> Space:
        """The search space."""

    @property
    def ladder(self) -> Ladder:
        """The ladder of budgets."""

    def apply(self, event: events.Event) -> None:
        """Replay an event."""

    def catch_up(self) -> None:
        """Sort all results after the last event."""


R = TypeVar("R", bound=Replayer)


def describe(search: Findings, custom: Any) -> dict[str, Any]:
    """Return the whole state as JSON-able data.

    Args:
        search: What the optimizer knows.
        custom: The user's own parts, as `own_parts` describes them.
    """
    pairs = (events.to_json(event, search.space) for event in search.events)
    return {
        "format": FORMATS[2] if search.repeats else FORMATS[0] if search.objectives is None else FORMATS[1],
        "space": search.space.to_json(),
        "ladder": search.ladders[0].to_json(),
        "seed": search.seed,
        "preset": search.preset,
        "custom": custom,
        **({} if search.objectives is None else {"objectives": dict(search.objectives)}),
        **({"repeats": True} if search.repeats else {}),
        "events": [{"kind": kind, **facts} for kind, facts in pairs],
    }


def restore(make: Callable[..., R], state: Any, schedule: Schedule | None, model: Model | None) -> R:
    """Return the optimizer that `describe` described.

    Args:
        make: The class of the optimizer.
        state: What `describe` returned.
        schedule: The user's own schedule, or None.
        model: The user's own model, or None.

    Raises:
        StateError: If the state is damaged or of another format, or if the wrong parts are given.
    """
    given = entries(state)
    if given is None or type(given.get("format")) is not int or given["format"] not in FORMATS:
        raise StateError(
            f"expected a state of format {FORMATS[0]} to {FORMATS[-1]} as `to_state` returns it, "
            f"got {brief(state):.100}"
        )
    state, own = given, own_parts(schedule, model)
    if own != state.get("custom"):
        raise StateError(
            f"expected the parts that the optimizer was made with, {brief(state.get('custom'))}, got {own}; pass those"
        )
    try:
        space, ladder = Space.from_json(state["space"]), Ladder.from_json(state["ladder"])
        parts = {"seed": state["seed"], "preset": state["preset"], "objectives": state.get("objectives")}
        parts["repeats"] = state.get("repeats", False)
        optimizer = make(space, ladder, schedule=schedule, model=model, **parts)
        for data in state["events"]:
            optimizer.apply(events.from_json(data["kind"], data, optimizer.space, optimizer.ladder))
        optimizer.catch_up()
    except StateError:
        raise
    except (BohbError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise StateError(f"expected a state as `to_state` returns it, got a damaged one: {error!r}") from error
    return optimizer
