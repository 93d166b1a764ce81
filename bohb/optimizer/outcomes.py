"""Read and check what a user tells."""

import json
import math
import os
from collections.abc import Mapping
from typing import Any, TypeVar

from bohb.errors import OutcomeError, TellConflict, UnknownTrial
from bohb.optimizer.events import Told
from bohb.trials import Failure, Result, Status, Trial

Kept = TypeVar("Kept", Result, Told)


def read_trial_id(trial: Any) -> int:
    """Return the id of a trial, which is given as a trial or as its id.

    Raises:
        UnknownTrial: If it is neither.
    """
    trial_id = trial.id if isinstance(trial, Trial) else trial
    if isinstance(trial_id, bool) or not hasattr(trial_id, "__index__"):
        raise UnknownTrial(f"expected a trial or its id, got {type(trial).__name__} {trial!r}; pass what ask returned")
    return int(trial_id.__index__())


def unknown_trial(trial_id: int, num_asked: int) -> UnknownTrial:
    """Return the error for the id of a trial that was never asked."""
    return UnknownTrial(f"expected one of the {num_asked} trials asked so far, got {trial_id}; ask first")


def read_told(trial_id: int, outcome: Any, checkpoint: Any, info: Mapping[str, Any] | None) -> Told:
    """Return a tell as an event.

    Raises:
        OutcomeError: If the outcome, checkpoint or info is not valid.
    """
    loss, status, facts = read_outcome(outcome, info)
    return Told(trial_id, loss, status, read_checkpoint(checkpoint), facts)


def read_outcome(outcome: Any, info: Mapping[str, Any] | None) -> tuple[float, Status, dict[str, Any]]:
    """Return the (loss, status, info) of an outcome. The loss of a failure is infinite.

    Args:
        outcome: A number, a `Failure`, or an exception.
        info: JSON-able facts to keep with the outcome.

    Raises:
        OutcomeError: If the outcome is not a number, a `Failure` or an exception, or if the info is not JSON-able.
    """
    facts = read_info(info)
    if isinstance(outcome, BaseException):
        outcome = Failure.of(outcome)
    if isinstance(outcome, Failure):
        return math.inf, Status.ERROR, {"error": str(outcome.text)} | facts
    loss = read_loss(outcome)
    if math.isnan(loss):
        return math.inf, Status.NAN, facts
    return (loss, Status.OK, facts) if math.isfinite(loss) else (math.inf, Status.INFINITE, facts)


def read_loss(outcome: Any) -> float:
    """Return a loss as a float, finite or not.

    Raises:
        OutcomeError: If it is not a number.
    """
    expected = "expected a loss that float() accepts, a Failure or an exception"
    if outcome is None:
        raise OutcomeError(f"{expected}, got None; return the loss from the objective")
    if isinstance(outcome, str | bytes | bytearray):
        raise OutcomeError(f"{expected}, got the text {outcome!r}; convert it first")
    if getattr(outcome, "shape", ()) != ():
        raise OutcomeError(f"{expected}, got an array of shape {tuple(outcome.shape)}; reduce it to one number")
    try:
        return float(outcome)
    except (TypeError, ValueError, OverflowError) as error:
        raise OutcomeError(f"{expected}, got {type(outcome).__name__} {outcome!r:.100}: {error}") from error


def read_info(info: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a private copy of the info.

    Raises:
        OutcomeError: If it is not a mapping of JSON-able values.
    """
    if info is None:
        return {}
    if not isinstance(info, Mapping):
        raise OutcomeError(f"expected info to be a mapping of names to JSON-able values, got {type(info).__name__}")
    try:
        copy: dict[str, Any] = json.loads(json.dumps(dict(info), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise OutcomeError(f"expected info that JSON can carry, got {dict(info)!r:.200}: {error}") from error
    return copy


def read_checkpoint(checkpoint: Any) -> str | None:
    """Return a checkpoint as a string.

    Raises:
        OutcomeError: If it is neither a string nor a path.
    """
    if checkpoint is None or isinstance(checkpoint, str):
        return checkpoint
    if isinstance(checkpoint, os.PathLike):
        return os.fsdecode(checkpoint)
    raise OutcomeError(f"expected the checkpoint as a string or a path, got {type(checkpoint).__name__} {checkpoint!r}")


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
