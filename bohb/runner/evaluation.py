"""One call of the objective, wherever it runs, and what came of it as plain data.

The loop submits an `Evaluation` and a trial to every engine alike. Whatever the objective does (return a number, raise,
call `sys.exit`, return nonsense) comes back as an `Outcome`, with the traceback as text; so an exception that is in the
future is always the engine's: a lost worker, a broken pool. That is how the loop tells the two kinds of failure apart,
and why no engine needs to know how to pickle a user's exception.

This file is loaded in every worker process; it imports nothing heavy.
"""

import functools
import math
import pickle
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bohb.errors import OutcomeError, WorkerLost
from bohb.optimizer.outcomes import read_checkpoint, read_info, read_loss
from bohb.runner.workers import pickling, worker_main
from bohb.trials import Trial

Objective = Callable[[Trial], Any]
"""Takes a trial; returns its loss, or a mapping with `"loss"` and, if wanted, `"checkpoint"` and `"info"`."""

MAX_TRACEBACK = 20_000
"""Characters of a traceback to keep, the last ones: deep recursions are long, and the end says what happened."""


@dataclass(frozen=True, slots=True)
class FolderTrial(Trial):
    """What the objective gets if `run` was given a directory: the trial, and its configuration's folder.

    Attributes:
        folder: `config-<config_id>` in the directory; it exists, and is the same for every trial of the configuration.
            Write checkpoints here, each trial under a name of its own (`trial.folder / f"{trial.id}.pt"`), so that
            one that is cut off leaves the one before it whole; return the path, and the next trial of this
            configuration finds it as `checkpoint`.
    """

    folder: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call of the objective.

    Attributes:
        loss: The loss; infinite if there was an error.
        checkpoint: The checkpoint, or None.
        info: JSON-able facts.
        error: One line about the exception, or None.
        traceback: The traceback as text, or None.
        is_loaded: False if the worker could not even load the objective.
    """

    loss: float = math.inf
    checkpoint: str | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    traceback: str | None = None
    is_loaded: bool = True


class Evaluation:
    """The objective with what it needs, callable with a trial in any process.

    Args:
        objective: What to call.
        directory: Where the folders of the configurations are, absolute; None for no folders.
        seconds: Run the objective in a process of its own, and end that after so many seconds. For engines that
            cannot end a trial themselves.
        packed: What `pack` returned, in place of the objective.
    """

    def __init__(
        self,
        objective: Objective | None,
        *,
        directory: Path | None = None,
        seconds: float | None = None,
        packed: bytes | None = None,
    ) -> None:
        self._objective = objective
        self._packed = packed
        self.directory = directory
        self.seconds = seconds

    def pack(self) -> bytes:
        """Returns the objective as bytes, made once.

        Raises:
            SettingError: If it cannot be pickled.
        """
        if self._packed is None:
            self._packed = pickling.pack(self._objective, "an objective")
        return self._packed

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.pack(), self.directory, self.seconds)

    def __call__(self, trial: Trial) -> Outcome:
        """Calls the objective. What it raises is in the outcome; what is raised is the engine's doing.

        Raises:
            WorkerLost: If the process that the objective ran in died.
        """
        if self.seconds is not None:
            return self._call_in_child(trial, self.seconds)
        try:
            objective = self._load()
        except Exception as error:
            return _failed(error, is_loaded=False)
        placed = _place(trial, self.directory)
        with worker_main.output_kept(self.output, f"trial-{trial.id}"):
            return _call(objective, placed)

    @property
    def output(self) -> Path | None:
        """The folder for what trials print, if there is a directory."""
        return None if self.directory is None else self.directory / "output"

    def _load(self) -> Objective:
        if self._objective is None:
            assert self._packed is not None, "an evaluation has an objective or a packed one"
            self._objective = _unpickle(self._packed)
        return self._objective

    def _call_in_child(self, trial: Trial, seconds: float) -> Outcome:
        from bohb.runner.workers.timeout import call

        try:
            outcome: Outcome = call(_restore(self.pack(), self.directory, None), trial, seconds=seconds)
        except TimeoutError as error:
            return Outcome(error=f"TimeoutError: {error}")
        return outcome


def _restore(packed: bytes, directory: Path | None, seconds: float | None) -> Evaluation:
    return Evaluation(None, directory=directory, seconds=seconds, packed=packed)


@functools.lru_cache(maxsize=1)
def _unpickle(packed: bytes) -> Objective:
    """Returns the objective; a worker that is used again has it already. The bytes came from our parent, by a pipe."""
    objective: Objective = pickle.loads(packed)  # noqa: S301
    return objective


def _place(trial: Trial, directory: Path | None) -> Trial:
    """Returns the trial with the folder of its configuration, which then exists."""
    if directory is None:
        return trial
    folder = directory / f"config-{trial.config_id}"
    folder.mkdir(parents=True, exist_ok=True)
    return FolderTrial(**{name: getattr(trial, name) for name in Trial.__slots__}, folder=folder)


def _call(objective: Objective, trial: Trial) -> Outcome:
    try:
        return _read(objective(trial))
    except WorkerLost:
        raise
    except (Exception, SystemExit) as error:  # the objective's own failure, whatever it is: data from here on
        return _failed(error)


def _read(value: Any) -> Outcome:
    """Returns what an objective returned, checked where it was made; an `Outcome` was checked by whoever made it."""
    if isinstance(value, Outcome):
        return value
    if not isinstance(value, Mapping):
        return Outcome(loss=read_loss(value))
    unknown = sorted(set(value) - {"loss", "checkpoint", "info"}, key=str)
    if "loss" not in value or unknown:
        raise OutcomeError(
            f"expected a mapping with 'loss' and, if wanted, 'checkpoint' and 'info', got the keys {list(value)}; "
            "put everything else under 'info'"
        )
    checkpoint, info = read_checkpoint(value.get("checkpoint")), read_info(value.get("info"))
    return Outcome(loss=read_loss(value["loss"]), checkpoint=checkpoint, info=info)


def _failed(error: BaseException, *, is_loaded: bool = True) -> Outcome:
    frames = error.__traceback__.tb_next if error.__traceback__ is not None else None  # without this file's own
    lines = traceback.format_exception(type(error), error, frames)
    text = "".join(lines)[-MAX_TRACEBACK:]
    return Outcome(error=_describe(error), traceback=text, is_loaded=is_loaded)


def _describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # an exception whose text raises is still a failure, and its type says which
        return type(error).__name__
