"""What a user may tell, checked once, at the boundary."""

import json
import math
import os
from collections.abc import Mapping
from typing import Any

from bohb.errors import OutcomeError, TellConflict
from bohb.optimizer.events import Told
from bohb.trials import Failure, Result, Status


def read_outcome(outcome: Any, info: Mapping[str, Any] | None) -> tuple[float, Status, dict[str, Any]]:
    """Return (loss, status, info) of what was told; the loss of a failure is infinite.

    Args:
        outcome: A number, a `Failure`, or an exception.
        info: JSON-able facts to keep with it.

    Raises:
        OutcomeError: If the outcome is not a number, a `Failure` or an exception, or the info cannot be stored.
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
    """Return a told loss as a float, finite or not.

    Raises:
        OutcomeError: If it is no number.
    """
    expected = "expected a loss that float() accepts, a Failure or an exception"
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
        OutcomeError: If it is no mapping of JSON-able values.
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
    """Return a checkpoint as text.

    Raises:
        OutcomeError: If it is neither text nor a path.
    """
    if checkpoint is None or isinstance(checkpoint, str):
        return checkpoint
    if isinstance(checkpoint, os.PathLike):
        return os.fsdecode(checkpoint)
    raise OutcomeError(f"expected the checkpoint as a string or a path, got {type(checkpoint).__name__} {checkpoint!r}")


def is_same_outcome(before: Result | Told, again: Told) -> bool:
    """Whether a second tell says what the first one said; the info may differ."""
    same_status = before.status in (again.status, Status.LATE)
    return before.loss == again.loss and same_status and before.checkpoint == again.checkpoint


def same_or_conflict(before: Result, again: Told) -> Result:
    """Return the result that was told before, if this is the same tell.

    Raises:
        TellConflict: If it is another one.
    """
    if is_same_outcome(before, again):
        return before
    raise conflict(before.trial.id, before, again)


def conflict(trial_id: int, before: Result | Told, again: Told) -> TellConflict:
    """Return the error for a second tell that says something else."""
    return TellConflict(
        f"expected the outcome that was told before for trial {trial_id}: loss {before.loss!r} "
        f"({before.status}), checkpoint {before.checkpoint!r}; got loss {again.loss!r} ({again.status}), "
        f"checkpoint {again.checkpoint!r}; the first one stays"
    )
