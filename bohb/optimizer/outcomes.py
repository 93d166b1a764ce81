"""Read and check what a user tells."""

import json
import math
import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from bohb._json import MAX_CHARACTERS, check_limits
from bohb._plain import Keeper, scalar
from bohb._text import brief, describe_error, shortened
from bohb.errors import BohbWarning, OutcomeError, TellConflict, UnknownTrial
from bohb.optimizer.events import Told
from bohb.trials import Failure, Result, Status, Trial

Kept = TypeVar("Kept", Result, Told)

EXPECTED_LOSS = "expected a loss that float() accepts, a mapping with 'loss', a Failure or an exception"
OWN_NAMES = ("loss", "checkpoint", "info")
"""The names in a mapping that have a meaning of their own; every other one goes to the info."""
MAX_CHECKPOINT = 2**16
"""How many characters a checkpoint may have."""
MAX_ERROR = 20_000
"""How many characters of the text of a failure are kept: its beginning and its end."""


def read_trial_id(trial: Any) -> int:
    """Return the id of a trial, which is given as a trial or as its id.

    Raises:
        UnknownTrial: If it is neither.
    """
    trial_id = trial.id if isinstance(trial, Trial) else trial
    if isinstance(trial_id, bool) or not hasattr(trial_id, "__index__"):
        raise UnknownTrial(
            f"expected a trial or its id, got {type(trial).__name__} {brief(trial)}; pass what ask returned"
        )
    return int(trial_id.__index__())


def unknown_trial(trial_id: int, num_asked: int) -> UnknownTrial:
    """Return the error for the id of a trial that was never asked."""
    return UnknownTrial(f"expected one of the {num_asked} trials asked so far, got {trial_id}; ask first")


class Answer(NamedTuple):
    """What a user told, in plain Python values.

    Attributes:
        outcome: The loss, finite or not; or why there is none.
        checkpoint: The checkpoint, or None.
        info: What JSON can keep of everything else.
        dropped: What was told and cannot be kept, one text each.
    """

    outcome: float | Failure
    checkpoint: str | None
    info: dict[str, Any]
    dropped: tuple[str, ...]


def read_told(trial_id: int, outcome: Any, checkpoint: Any, info: Any) -> Told:
    """Return a tell as an event; warn of what cannot be kept.

    Raises:
        OutcomeError: If there is no loss in the outcome.
    """
    answer = read_answer(outcome, checkpoint, info)
    loss, status, facts = read_outcome(answer)
    return Told(trial_id, loss, status, answer.checkpoint, facts)


def read_answer(outcome: Any, checkpoint: Any = None, info: Any = None) -> Answer:
    """Return what a user told as plain values. Only the loss can be refused: it is what a training was spent on.

    Args:
        outcome: A number, a `Failure`, an exception, or a mapping with `"loss"` and, if wanted, `"checkpoint"`,
            `"info"` and anything else, which goes to the info.
        checkpoint: The checkpoint; it replaces the one in the outcome.
        info: Facts to keep, in addition to those in the outcome.

    Raises:
        OutcomeError: If there is no loss in the outcome.
    """
    if isinstance(outcome, BaseException):
        outcome = Failure.of(outcome)
    dropped: list[str] = []
    loss: float | Failure
    if isinstance(outcome, Failure):
        loss, facts = _read_failure(outcome, dropped), _read_info(info, dropped)
    elif not isinstance(outcome, Mapping):
        loss, facts = read_loss(outcome), _read_info(info, dropped)
    elif "loss" in outcome:
        loss, checkpoint = read_loss(outcome["loss"]), outcome.get("checkpoint") if checkpoint is None else checkpoint
        more = {name: value for name, value in outcome.items() if name not in OWN_NAMES}
        facts = _read_info(more, dropped) | _read_info(outcome.get("info"), dropped) | _read_info(info, dropped)
    else:
        raise OutcomeError(f"{EXPECTED_LOSS}, got the names {brief(list(outcome))}; add the loss under 'loss'")
    path = _read_checkpoint(checkpoint, dropped)
    return Answer(loss, path, _fitting(facts, dropped), tuple(dropped))


def warn_of(dropped: Iterable[str]) -> None:
    """Warn of each thing that cannot be kept."""
    for what in dropped:
        warnings.warn(f"the loss counts, but JSON cannot keep {what}; it is dropped", BohbWarning, stacklevel=2)


def read_outcome(answer: Answer) -> tuple[float, Status, dict[str, Any]]:
    """Return the (loss, status, info) of an answer; warn of what cannot be kept. The loss of a failure is infinite."""
    warn_of(answer.dropped)
    if isinstance(answer.outcome, Failure):
        return math.inf, Status.ERROR, {"error": answer.outcome.text} | answer.info
    if math.isfinite(answer.outcome):
        return answer.outcome, Status.OK, answer.info
    return math.inf, Status.NAN if math.isnan(answer.outcome) else Status.INFINITE, answer.info


def read_loss(outcome: Any) -> float:
    """Return a loss as a float, finite or not.

    Raises:
        OutcomeError: If it is not a number.
    """
    if outcome is None:
        raise OutcomeError(f"{EXPECTED_LOSS}, got None; return the loss from the objective")
    try:
        loss = scalar(outcome)
        if isinstance(loss, str | bytes | bytearray):
            raise OutcomeError(f"{EXPECTED_LOSS}, got the text {loss!r:.100}; convert it first")
        if getattr(loss, "shape", ()) != ():
            raise OutcomeError(f"{EXPECTED_LOSS}, got an array of shape {tuple(loss.shape)}; reduce it to one number")
        return float(loss)
    except OutcomeError:
        raise
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # RuntimeError: torch's
        raise OutcomeError(
            f"{EXPECTED_LOSS}, got {type(outcome).__name__} {brief(outcome)}: {describe_error(error)}"
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


def same_or_conflict(before: Kept, again: Told) -> Kept:
    """Return the earlier result if a second tell has the same loss, status and checkpoint. The info may differ.

    Raises:
        TellConflict: If the second tell says something else.
    """
    same_status = before.status in (again.status, Status.LATE)
    if before.loss == again.loss and same_status and before.checkpoint == again.checkpoint:
        return before
    raise TellConflict(
        f"expected the outcome that was told before for trial {again.trial_id}: loss {before.loss!r} "
        f"({before.status}), checkpoint {before.checkpoint!r}; got loss {again.loss!r} ({again.status}), "
        f"checkpoint {again.checkpoint!r}; the first one stays"
    )
