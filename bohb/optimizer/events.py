"""The events of a search, as frozen records that convert to JSON and back.

The state of an optimizer derives from these events alone (see `history.py`). An event holds a decision and not how it
was made, so a replay computes no proposal again.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from bohb.budgets import Ladder
from bohb.errors import StateError
from bohb.facts import Facts, Lesson
from bohb.trials import NOTHING, Origin, ReadOnlyDict, Status, Trial

if TYPE_CHECKING:  # a space imports numpy, which a process that only tells does not need
    from bohb.space import Space


@dataclass(frozen=True, slots=True)
class Asked:
    """A trial was asked.

    Attributes:
        trial: The trial.
        facts: Why it was asked.
        learned: What the model learned when it was asked, by name.
        seen: The number of events that the model had seen when it advised this trial. None if it had seen all of them,
            or if no model was asked.
    """

    trial: Trial
    facts: Facts
    learned: Mapping[str, Lesson] = field(default_factory=dict)
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """A configuration entered a rung without a new trial: it is evaluated or pending at that budget already."""

    config_id: int
    bracket: int
    rung: int


@dataclass(frozen=True, slots=True)
class Told:
    """The outcome of a trial as it was told. `History` finds whether it counts.

    Attributes:
        trial_id: The id of the trial.
        loss: The loss, to be minimised; infinite for a failure.
        status: Whether there is a loss, or why not.
        checkpoint: Where training may resume, or None.
        info: Anything else that was told.
        budget: What the trial used, if that is less than its own budget.
        cost: What the trial cost, if that was told.
        metrics: The metrics by name, if the search has objectives.
        seconds: How long the trial took, if the caller measured it. A study takes this and `finished_at` from the
            times of its rows.
        finished_at: When it ended, in seconds since 1970, if the caller measured it.
    """

    trial_id: int
    loss: float
    status: Status
    checkpoint: str | None
    info: Mapping[str, Any]
    budget: Any = None
    cost: float | None = None
    metrics: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    seconds: float | None = field(default=None, compare=False)
    finished_at: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A trial was declared never to have run."""

    trial_id: int


@dataclass(frozen=True, slots=True)
class Retried:
    """A failure was taken back: it counts no more, and its configuration is asked again at its budget."""

    trial_id: int


@dataclass(frozen=True, slots=True)
class Enqueued:
    """A configuration was enqueued at `budget`, or, if that is None, where the schedule starts the next one."""

    config: Mapping[str, Any]
    budget: Any


@dataclass(frozen=True, slots=True)
class Observed:
    """A result from elsewhere. `info` has the text of a failure; `metrics` is as in `Told`, `repeat` as in a trial."""

    config: Mapping[str, Any]
    budget: Any
    loss: float
    status: Status
    info: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class Reported:
    """A result of a trial on its way, below its own budget. `History` finds whether it counts at a rung."""

    trial_id: int
    budget: Any
    loss: float
    status: Status
    checkpoint: str | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Extended:
    """The ladder became longer.

    Attributes:
        ladder: The longer ladder.
        released: The trials whose checkpoints were deleted before: their configurations start from scratch.
    """

    ladder: Ladder
    released: tuple[int, ...] = ()


_OPTIONAL = ("budget", "cost", "metrics", "seconds", "finished_at")
"""What the JSON form of a told event lacks if it was not told."""
MAX_EXPONENT = 1024
"""Integers of fewer bits than this have a float."""

Event = Asked | Joined | Told | Forgotten | Enqueued | Observed | Reported | Retried | Extended


def to_json(event: Event, space: "Space") -> tuple[str, dict[str, Any]]:
    """Return the kind of an event and its facts as JSON-able data; an infinite loss becomes null.

    A log keeps the two in columns of their own; `Optimizer.to_state` puts the kind before the facts.
    """
    match event:
        case Asked(trial, facts, learned, seen):
            fields = {name: getattr(trial, name) for name in Trial.__slots__ if name != "repeat" or trial.repeat}
            lessons = {"learned": {name: list(lesson) for name, lesson in learned.items()}} if learned else {}
            basis = {} if seen is None else {"seen": seen}
            return "asked", {**fields, "config": space.pack(trial.config), "why": facts.to_json(), **lessons, **basis}
        case Joined(config_id, bracket, rung):
            return "joined", {"config_id": config_id, "bracket": bracket, "rung": rung}
        case Told():
            return told_to_json(event)
        case Forgotten(trial_id):
            return "forgotten", {"id": trial_id}
        case Enqueued(config, budget):
            return "enqueued", {"config": space.pack(config), "budget": budget}
        case Observed(config, budget, loss, status, info, metrics, repeat):
            outcome = {"loss": _finite_or_none(loss, status), "status": str(status)}
            kept: dict[str, Any] = {"info": dict(info)} if info else {}  # old studies have no `info` here
            kept |= _present(metrics=dict(metrics) or None, repeat=repeat or None)
            return "observed", {"config": space.pack(config), "budget": budget, **outcome, **kept}
        case Reported():
            return reported_to_json(event)
        case Retried(trial_id):
            return "retried", {"id": trial_id}
        case Extended(longer, released):
            return "extended", longer.to_json() | ({"released": list(released)} if released else {})


def told_to_json(event: Told) -> tuple[str, dict[str, Any]]:
    """Return what `to_json` returns for a told event, which needs no space."""
    outcome = {"loss": _finite_or_none(event.loss, event.status), "status": str(event.status)}
    times = {"seconds": event.seconds, "finished_at": event.finished_at}
    more = _present(budget=event.budget, cost=event.cost, metrics=dict(event.metrics) or None, **times)
    return "told", {"id": event.trial_id, **outcome, "checkpoint": event.checkpoint, "info": dict(event.info), **more}


def reported_to_json(event: Reported) -> tuple[str, dict[str, Any]]:
    """Return what `to_json` returns for a reported event, which needs no space."""
    outcome = {"loss": _finite_or_none(event.loss, event.status), "status": str(event.status)}
    more = _present(checkpoint=event.checkpoint, info=dict(event.info) or None, metrics=dict(event.metrics) or None)
    return "reported", {"id": event.trial_id, "budget": event.budget, **outcome, **more}


def _present(**fields: Any) -> dict[str, Any]:
    """Return the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def from_json(kind: str, facts: Mapping[str, Any], space: "Space", ladder: Ladder) -> Event:
    """Return the event that `to_json` described.

    Raises:
        StateError: If the facts do not describe an event of this kind.
    """
    try:
        event = _from_json(kind, facts, space, ladder)
        _check_types(event)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise StateError(
            f"expected the facts of an event of kind {kind!r}, got {str(facts)[:200]}: {error!r}"
        ) from error
    return event


def _check_types(event: Event) -> None:
    """Check the types that neither the JSON form nor the history checks; only forged data fail.

    Raises:
        ValueError: If a value has the wrong type, or a loss contradicts its status.
    """
    numbers: tuple[object, ...] = ()
    is_sound = True
    match event:
        case Asked(trial):
            sizes = (lesson.size for lesson in event.learned.values())
            places = (trial.bracket, trial.rung, trial.previous, trial.repeat)
            numbers = (trial.id, trial.config_id, *places, event.seen, *sizes)
            is_sound = _is_text(trial.checkpoint)
        case Told():
            numbers = (event.trial_id,)
            are_times = all(value is None or is_number(value) for value in (event.seconds, event.finished_at))
            is_sound = _is_outcome(event) and _is_text(event.checkpoint) and _is_cost(event.cost) and are_times
        case Observed():
            numbers = (event.repeat,)
            is_sound = _is_outcome(event)
        case Joined():
            numbers = (event.config_id, event.bracket, event.rung)
        case Forgotten():
            numbers = (event.trial_id,)
        case Reported():
            numbers = (event.trial_id,)
            is_sound = _is_outcome(event) and _is_text(event.checkpoint)
        case Retried():
            is_sound = type(event.trial_id) is int  # that of an observed trial is negative
        case Extended():
            numbers = event.released
    are_ids = all(number is None or (type(number) is int and number >= 0) for number in numbers)
    if not (is_sound and are_ids):
        raise ValueError("a value has the wrong type")


def _is_text(checkpoint: object) -> bool:
    return checkpoint is None or type(checkpoint) is str


def _is_cost(cost: object) -> bool:
    return cost is None or (is_number(cost) and cost >= 0)


def _is_outcome(event: Told | Observed | Reported) -> bool:
    """Whether the loss fits the status: a success has a finite loss, and `LATE` is for the history to find."""
    fits = math.isfinite(event.loss) == (event.status is Status.OK) and event.status is not Status.LATE
    are_numbers = all(type(name) is str and is_number(value) for name, value in event.metrics.items())
    return fits and isinstance(event.info, Mapping) and are_numbers


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a finite number that fits a float; true and false are none."""
    is_short = type(value) is int and value.bit_length() < MAX_EXPONENT
    return is_short or (type(value) is float and math.isfinite(value))


def told_from_json(facts: Mapping[str, Any]) -> Told:
    """Return the event that `told_to_json` described."""
    outcome = _loss(facts["loss"]), Status(facts["status"]), facts["checkpoint"], facts["info"]
    more = {name: facts[name] for name in _OPTIONAL if name in facts}
    return Told(facts["id"], *outcome, **more)


def _from_json(kind: str, facts: Mapping[str, Any], space: "Space", ladder: Ladder) -> Event:
    match kind:
        case "asked":
            learned = {name: Lesson(*lesson) for name, lesson in facts.get("learned", {}).items()}
            trial = _trial_from_json(facts, space, ladder)
            return Asked(trial, Facts.from_json(facts["why"]), learned, facts.get("seen"))
        case "joined":
            return Joined(facts["config_id"], facts["bracket"], facts["rung"])
        case "told":
            return told_from_json(facts)
        case "forgotten":
            return Forgotten(facts["id"])
        case "enqueued":
            budget = None if facts["budget"] is None else ladder[ladder.level(facts["budget"])]
            return Enqueued(ReadOnlyDict(space.unpack(facts["config"])), budget)
        case "observed":
            budget = ladder[ladder.level(facts["budget"])]
            config, status = ReadOnlyDict(space.unpack(facts["config"])), Status(facts["status"])
            loss, info, metrics = _loss(facts["loss"]), facts.get("info", {}), facts.get("metrics", NOTHING)
            return Observed(config, budget, loss, status, info, metrics, facts.get("repeat", 0))
        case "reported":
            outcome = _loss(facts["loss"]), Status(facts["status"]), facts.get("checkpoint"), facts.get("info", {})
            return Reported(facts["id"], facts["budget"], *outcome, facts.get("metrics", NOTHING))
        case "retried":
            return Retried(facts["id"])
        case "extended":
            return Extended(Ladder.from_json(dict(facts)), tuple(facts.get("released", ())))
        case _:
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
        data.get("repeat", 0),
    )


def _finite_or_none(loss: float, status: Status) -> float | None:
    return loss if status is Status.OK else None


def _loss(loss: float | None) -> float:
    return float("inf") if loss is None else float(loss)
