"""What can happen to a search, as frozen records that go to JSON and back.

The state of an optimizer is a fold over these events and nothing else (see `history.py`). An event says what was
decided, never how, so that replaying it computes no proposal again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bohb.budgets import Ladder
from bohb.errors import StateError
from bohb.facts import Facts
from bohb.trials import Origin, ReadOnlyDict, Status, Trial

if TYPE_CHECKING:  # a space needs numpy, and a process that only tells should start without it
    from bohb.space import Space


@dataclass(frozen=True, slots=True)
class Asked:
    """A trial was handed out.

    Attributes:
        trial: The trial.
        facts: Why it was asked.
    """

    trial: Trial
    facts: Facts


@dataclass(frozen=True, slots=True)
class Joined:
    """A promotion or a start needed no trial: the configuration is evaluated, or pending, at that budget already."""

    config_id: int
    bracket: int
    rung: int


@dataclass(frozen=True, slots=True)
class Told:
    """The outcome of a trial, as it came; whether it counts is for the fold to find."""

    trial_id: int
    loss: float
    status: Status
    checkpoint: str | None
    info: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A trial never ran."""

    trial_id: int


@dataclass(frozen=True, slots=True)
class Enqueued:
    """A configuration is to be tried; at `budget`, or where the schedule starts the next one if that is None."""

    config: Mapping[str, Any]
    budget: Any


@dataclass(frozen=True, slots=True)
class Observed:
    """An outcome from elsewhere; `info` keeps the text of a failure."""

    config: Mapping[str, Any]
    budget: Any
    loss: float
    status: Status
    info: Mapping[str, Any] = field(default_factory=dict)


Event = Asked | Joined | Told | Forgotten | Enqueued | Observed


def to_json(event: Event, space: "Space") -> dict[str, Any]:
    """Return an event as JSON-able data; an infinite loss becomes null."""
    match event:
        case Asked(trial, facts):
            fields = {name: getattr(trial, name) for name in Trial.__slots__}
            return {"kind": "asked", **fields, "config": space.pack(trial.config), "why": facts.to_json()}
        case Joined(config_id, bracket, rung):
            return {"kind": "joined", "config_id": config_id, "bracket": bracket, "rung": rung}
        case Told():
            return told_to_json(event)
        case Forgotten(trial_id):
            return {"kind": "forgotten", "id": trial_id}
        case Enqueued(config, budget):
            return {"kind": "enqueued", "config": space.pack(config), "budget": budget}
        case Observed(config, budget, loss, status, info):
            outcome = {"loss": _finite_or_none(loss, status), "status": str(status)}
            kept = {"info": dict(info)} if info else {}  # the first versions of the format had none
            return {"kind": "observed", "config": space.pack(config), "budget": budget, **outcome, **kept}


def told_to_json(event: Told) -> dict[str, Any]:
    """Return what `to_json` returns for a told event, for which no space is needed."""
    outcome = {"loss": _finite_or_none(event.loss, event.status), "status": str(event.status)}
    return {
        "kind": "told",
        "id": event.trial_id,
        **outcome,
        "checkpoint": event.checkpoint,
        "info": dict(event.info),
    }


def from_json(data: Mapping[str, Any], space: "Space", ladder: Ladder) -> Event:
    """Return the event that `to_json` described.

    Raises:
        StateError: If the data describe no event.
    """
    try:
        return _from_json(data, space, ladder)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateError(f"expected an event as written by `to_state`, got {str(data)[:200]}: {error!r}") from error


def told_from_json(data: Mapping[str, Any]) -> Told:
    """Return the event that `told_to_json` described."""
    return Told(data["id"], _loss(data["loss"]), Status(data["status"]), data["checkpoint"], data["info"])


def _from_json(data: Mapping[str, Any], space: "Space", ladder: Ladder) -> Event:
    match data["kind"]:
        case "asked":
            return Asked(_trial_from_json(data, space, ladder), Facts.from_json(data["why"]))
        case "joined":
            return Joined(data["config_id"], data["bracket"], data["rung"])
        case "told":
            return told_from_json(data)
        case "forgotten":
            return Forgotten(data["id"])
        case "enqueued":
            budget = None if data["budget"] is None else ladder[ladder.level(data["budget"])]
            return Enqueued(ReadOnlyDict(space.unpack(data["config"])), budget)
        case "observed":
            budget = ladder[ladder.level(data["budget"])]
            config, status = ReadOnlyDict(space.unpack(data["config"])), Status(data["status"])
            return Observed(config, budget, _loss(data["loss"]), status, data.get("info", {}))
        case kind:
            raise StateError(f"expected a known kind of event, got {kind!r}; a newer version of bohb may know it")


def _trial_from_json(data: Mapping[str, Any], space: "Space", ladder: Ladder) -> Trial:
    return Trial(
        data["id"],
        ReadOnlyDict(space.unpack(data["config"])),
        ladder[ladder.level(data["budget"])],
        data["config_id"],
        data["bracket"],
        data["rung"],
        data["previous"],
        data["checkpoint"],
        Origin(data["origin"]),
    )


def _finite_or_none(loss: float, status: Status) -> float | None:
    return loss if status is Status.OK else None


def _loss(loss: float | None) -> float:
    return float("inf") if loss is None else float(loss)
