"""Read and check what a user tells."""

import json
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from bohb._checks import integer
from bohb._json import MAX_CHARACTERS, check_limits
from bohb._plain import Keeper, entries, scalar
from bohb._text import brief, describe_error, shortened
from bohb._warning import warn
from bohb.errors import OutcomeError, TellConflict, UnknownTrial
from bohb.objectives import LOSS, RESERVED, Goal
from bohb.optimizer.events import Reported, Told, is_number
from bohb.trials import Failure, Result, Status, Trial

Kept = TypeVar("Kept", Result, Told, Reported)

MAX_CHECKPOINT = 2**16
"""How many characters a checkpoint may have."""
MAX_ERROR = 20_000
"""How many characters of the text of a failure are kept: its beginning and its end."""


def read_trial_id(trial: Any) -> int:
    """Return the id of a trial, which is given as a trial or as its id.

    Raises:
        UnknownTrial: If it is neither.
    """
    number = integer(trial.id if isinstance(trial, Trial) else trial)
    if number is None or number.bit_length() > 64:
        raise UnknownTrial(
            f"expected a trial or its id, got {type(trial).__name__} {brief(trial)}; pass what ask returned"
        )
    return number


def unknown_trial(trial_id: int, num_asked: int) -> UnknownTrial:
    """Return the error for the id of a trial that was never asked."""
    return UnknownTrial(f"expected one of the {num_asked} trials asked so far, got {trial_id}; ask first")


class Answer(NamedTuple):
    """What a user told, in plain Python values.

    Attributes:
        outcome: The loss to minimise, finite or not; or why there is none.
        checkpoint: The checkpoint, or None.
        info: What JSON can keep of everything else.
        metrics: The metrics by name, the objective's own first; empty if the search has no objectives.
        dropped: What was told and cannot be kept, one text each.
    """

    outcome: float | Failure
    checkpoint: str | None
    info: dict[str, Any]
    metrics: dict[str, float]
    dropped: tuple[str, ...]


def read_told(trial_id: int, outcome: Any, checkpoint: Any, info: Any, *, goal: Goal = LOSS, **amounts: Any) -> Told:
    """Return a tell as an event; warn of what cannot be kept.

    Args:
        trial_id: The id of the trial.
        outcome: As in `read_answer`.
        checkpoint: As in `read_answer`.
        info: As in `read_answer`.
        goal: What the number is.
        amounts: `cost`, `seconds` and `finished_at`, as far as they were told.

    Raises:
        OutcomeError: If there is no loss in the outcome.
    """
    answer = read_answer(outcome, checkpoint, info, goal=goal)
    loss, status, facts = read_outcome(answer)
    more = {name: _read_amount(name, amount) for name, amount in amounts.items()}
    return Told(trial_id, loss, status, answer.checkpoint, facts, metrics=answer.metrics, **more)


def _read_amount(name: str, amount: Any) -> float | None:
    """Return an amount as a number; warn of what is none, because no training is lost for it."""
    if amount is None:
        return None
    number = _read_info({name: amount}, []).get(name)
    if is_number(number) and number >= 0:
        return float(number)
    warn_of([f"a value of {name} that is not a finite number from 0, {brief(amount)}"])
    return None


def read_answer(outcome: Any, checkpoint: Any = None, info: Any = None, *, goal: Goal = LOSS) -> Answer:
    """Return what a user told as plain values. Only the loss can be refused: it is what a training was spent on.

    Args:
        outcome: A number, a `Failure`, an exception, or a mapping with the name of the goal and, if wanted,
            `"checkpoint"`, `"info"` and anything else. Other numbers are metrics if the goal is declared; the rest goes
            to the info.
        checkpoint: The checkpoint; it replaces the one in the outcome.
        info: Facts to keep, in addition to those in the outcome.
        goal: What the number is.

    Raises:
        OutcomeError: If there is no loss in the outcome.
    """
    if isinstance(outcome, BaseException):
        outcome = Failure.of(outcome)
    dropped: list[str] = []
    if isinstance(outcome, Failure):
        facts = _fitting(_read_info(info, dropped), dropped)
        return Answer(_read_failure(outcome, dropped), _read_checkpoint(checkpoint, dropped), facts, {}, tuple(dropped))
    named = (entries(outcome) or {}) if isinstance(outcome, Mapping) else {goal.name: outcome}
    if goal.name not in named:
        raise OutcomeError(f"{_expected(goal)}, got the names {brief(list(named))}; add the value under {goal.name!r}")
    value = read_value(named[goal.name], goal)
    checkpoint = named.get("checkpoint") if checkpoint is None else checkpoint
    more = _read_info({name: each for name, each in named.items() if name not in (goal.name, *RESERVED)}, dropped)
    metrics = {goal.name: value, **more} if goal.is_declared else {}
    metrics = {name: each for name, each in metrics.items() if is_number(each)}
    facts = {name: each for name, each in more.items() if name not in metrics}
    facts |= _read_info(named.get("info"), dropped) | _read_info(info, dropped)
    path = _read_checkpoint(checkpoint, dropped)
    return Answer(goal.loss(value), path, _fitting(facts, dropped), _fitting(metrics, dropped), tuple(dropped))


def _expected(goal: Goal) -> str:
    what = f"a value of {goal.name}" if goal.is_declared else "a loss"
    return f"expected {what} that float() accepts, a mapping with {goal.name!r}, a Failure or an exception"


def warn_of(dropped: Iterable[str]) -> None:
    """Warn of each thing that cannot be kept."""
    for what in dropped:
        warn(f"the loss counts, but JSON cannot keep {what}; it is dropped")


def read_outcome(answer: Answer) -> tuple[float, Status, dict[str, Any]]:
    """Return the (loss, status, info) of an answer; warn of what cannot be kept. The loss of a failure is infinite."""
    warn_of(answer.dropped)
    if isinstance(answer.outcome, Failure):
        return math.inf, Status.ERROR, {**answer.info, "error": answer.outcome.text}
    if math.isfinite(answer.outcome):
        return answer.outcome, Status.OK, answer.info
    return math.inf, Status.NAN if math.isnan(answer.outcome) else Status.INFINITE, answer.info


def read_value(value: Any, goal: Goal = LOSS) -> float:
    """Return the value of a goal as a float, finite or not.

    Raises:
        OutcomeError: If it is not a number.
    """
    if value is None:
        raise OutcomeError(f"{_expected(goal)}, got None; return the {goal.name} from the objective")
    try:
        number = scalar(value)
        if goal.is_declared and isinstance(number, bool):
            raise OutcomeError(f"{_expected(goal)}, got {number}; a metric is neither true nor false")
        if isinstance(number, str | bytes | bytearray):
            raise OutcomeError(f"{_expected(goal)}, got the text {number!r:.100}; convert it first")
        if getattr(number, "shape", ()) != ():
            raise OutcomeError(
                f"{_expected(goal)}, got an array of shape {tuple(number.shape)}; reduce it to one number"
            )
        return float(number)
    except OutcomeError:
        raise
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # RuntimeError: torch's
        raise OutcomeError(
            f"{_expected(goal)}, got {type(value).__name__} {brief(value)}: {describe_error(error)}"
        ) from error


def _read_info(info: Any, dropped: list[str]) -> dict[str, Any]:
    """Return a private copy of what JSON can keep of the info; append the rest to `dropped`."""
    if info is None:
        return {}
    if not isinstance(info, Mapping):
        dropped.append(f"info of type {type(info).__name__}, which is not a mapping of names to values")
        return {}
    keeper = Keeper()
    kept = keeper.mapping(info, "info")
    dropped += keeper.dropped
    return kept


def _fitting(info: dict[str, Any], dropped: list[str]) -> dict[str, Any]:
    """Return the members of the info that fit into an event of a study; append the names of the others to `dropped`."""
    kept, room = {}, MAX_CHARACTERS
    for name, value in info.items():
        size = _size({name: value})
        if size <= room:
            kept[name] = value
            room -= size
        else:
            dropped.append(f"info[{name!r:.60}], for which there is no room in {MAX_CHARACTERS} characters")
    return kept


def _size(value: Any) -> int:
    """Return how many characters of JSON a value takes, or a number that exceeds every limit."""
    try:
        check_limits(value)
    except ValueError:
        return MAX_CHARACTERS + 1
    return len(json.dumps(value))


def _read_checkpoint(checkpoint: Any, dropped: list[str]) -> str | None:
    """Return a checkpoint as a string, or None if it cannot be kept; append that to `dropped`."""
    if checkpoint is None:
        return None
    what = f"a checkpoint of type {type(checkpoint).__name__}"
    try:
        if isinstance(checkpoint, str | os.PathLike):
            path = str(os.fsdecode(checkpoint))
            if len(path) <= MAX_CHECKPOINT:
                return path
            dropped.append(f"a checkpoint of {len(path)} characters, more than {MAX_CHECKPOINT}")
            return None
    except Exception as error:  # whatever the path's own conversion raises
        dropped.append(f"{what}, whose path is not readable: {describe_error(error)}")
        return None
    dropped.append(f"{what}, which is neither a string nor a path")
    return None


def _read_failure(failure: Failure, dropped: list[str]) -> Failure:
    """Return a failure whose text can be kept: a plain string that is not too long; append any other to `dropped`."""
    if isinstance(failure.text, str):
        return Failure(shortened(str.__str__(failure.text), MAX_ERROR))
    dropped.append(f"the text of a Failure of type {type(failure.text).__name__}, which is not a string")
    return Failure(f"a failure of type {type(failure.text).__name__}")


def same_or_conflict(before: Kept, again: Told | Reported, goal: Goal = LOSS) -> Kept:
    """Return the earlier result if a second tell has the same loss, status and checkpoint. The info may differ.

    Raises:
        TellConflict: If the second tell says something else.
    """
    same_status = before.status in (again.status, Status.LATE)
    if before.loss == again.loss and same_status and before.checkpoint == again.checkpoint:
        return before
    told, now = goal.shown(before.loss), goal.shown(again.loss)
    raise TellConflict(
        f"expected the outcome that was told before for trial {again.trial_id}: {goal.name} {told!r} "
        f"({before.status}), checkpoint {before.checkpoint!r}; got {goal.name} {now!r} ({again.status}), "
        f"checkpoint {again.checkpoint!r}; the first one stays"
    )
