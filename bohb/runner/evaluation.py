"""One call of the objective, in any process, and its outcome as plain data.

The loop submits an `Evaluation` and a trial to every executor. Whatever the objective does (return a number, raise,
call `sys.exit`, return nonsense) comes back as an `Outcome`, with the traceback as text. So an exception in the future
always means that the executor failed: a lost worker, a broken pool. The loop can tell the two kinds of failure apart,
and no executor needs to pickle a user's exception.

This file is loaded in every worker process, so it imports nothing heavy.
"""

import functools
import math
import pickle
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bohb._text import describe_error
from bohb.errors import WorkerLost
from bohb.optimizer.outcomes import read_answer
from bohb.runner.workers import pickling, worker_main
from bohb.trials import Failure, Trial

Objective = Callable[[Trial], Any]
"""Takes a trial; returns its loss, or whatever else `tell` accepts as an outcome."""

MAX_TRACEBACK = 20_000
"""The number of characters of a traceback that are kept, from its end, which says what happened."""


@dataclass(frozen=True, slots=True)
class FolderTrial(Trial):
    """What the objective gets if `run` has a directory: the trial, with the folder of its configuration.

    Attributes:
        folder: `config-<config_id>` in the directory; it exists, and is the same for every trial of the configuration.
            Write each checkpoint under a name of its own (`trial.folder / f"{trial.id}.pt"`), so that a trial that is
            interrupted leaves the previous checkpoint intact. Return the path, and the next trial of this configuration
            finds it as `checkpoint`.
    """

    folder: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one call of the objective.

    Attributes:
        loss: The loss; infinite if there was an error.
        checkpoint: The checkpoint, or None.
        info: JSON-able facts.
        error: One line about the exception, or None.
        traceback: The traceback as text, or None.
        is_loaded: False if the worker could not even load the objective.
        is_answer: False if the objective returned something without a loss, which is the error.
        dropped: What the objective returned beside the loss and cannot be kept, one text each.
    """

    loss: float = math.inf
    checkpoint: str | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    traceback: str | None = None
    is_loaded: bool = True
    is_answer: bool = True
    dropped: tuple[str, ...] = ()


class Evaluation:
    """The objective, callable with a trial in any process.

    Args:
        objective: What to call.
        directory: The absolute path of the directory of the run; None for no folders.
        seconds: Run the objective in a process of its own, and end it after this many seconds; for executors that
            cannot end a trial. None to run it in this process.
        packed: What `pack` returned, if `objective` is None.
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
        """Return the objective as bytes; it is pickled once.

        Raises:
            SettingError: If it cannot be pickled.
        """
        if self._packed is None:
            self._packed = pickling.pack(self._objective, "an objective")
        return self._packed

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.pack(), self.directory, self.seconds)

    def __call__(self, trial: Trial) -> Outcome:
        """Call the objective; what it raises is part of the outcome.

        Raises:
            WorkerLost: If the process that the objective ran in died.
        """
        if self.seconds is not None:
            return self._call_in_process(trial, self.seconds)
        try:
            objective = self._load()
        except Exception as error:
            return _failed(error, is_loaded=False)
        given = _with_folder(trial, self.directory)
        with worker_main.output_kept(self.output, f"trial-{trial.id}"):
            return _call(objective, given)

    @property
    def output(self) -> Path | None:
        """The folder for what trials print, if there is a directory."""
        return None if self.directory is None else self.directory / "output"

    def _load(self) -> Objective:
        if self._objective is None:
            assert self._packed is not None, "there is an objective or a packed one"
            self._objective = _unpickle(self._packed)
        return self._objective

    def _call_in_process(self, trial: Trial, seconds: float) -> Outcome:
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
    """Return the objective, unpickled once per worker. The bytes came from our parent, through a pipe."""
    objective: Objective = pickle.loads(packed)  # noqa: S301
    return objective


def _with_folder(trial: Trial, directory: Path | None) -> Trial:
    """Return the trial with the folder of its configuration, after making the folder."""
    if directory is None:
        return trial
    folder = directory / f"config-{trial.config_id}"
    folder.mkdir(parents=True, exist_ok=True)
    return FolderTrial(**{name: getattr(trial, name) for name in Trial.__slots__}, folder=folder)


def _call(objective: Objective, trial: Trial) -> Outcome:
    try:
        returned = objective(trial)
    except WorkerLost:
        raise
    except (Exception, SystemExit) as error:  # a failure of the objective is data from here on
        return _failed(error)
    try:
        return read_returned(returned)
    except Exception as error:
        return replace(_failed(error), is_answer=False)


def read_returned(value: Any) -> Outcome:
    """Return what an objective returned as an outcome.

    Args:
        value: What `tell` accepts as an outcome, or an `Outcome`, which is returned as it is.

    Raises:
        OutcomeError: If there is no loss in it.
    """
    if isinstance(value, Outcome):
        return value
    outcome, checkpoint, info, dropped = read_answer(value)
    kept = Outcome(checkpoint=checkpoint, info=info, dropped=dropped)
    return replace(kept, error=outcome.text) if isinstance(outcome, Failure) else replace(kept, loss=outcome)


def _failed(error: BaseException, *, is_loaded: bool = True) -> Outcome:
    frames = error.__traceback__.tb_next if error.__traceback__ is not None else None  # without the frame of this file
    lines = traceback.format_exception(type(error), error, frames)
    text = "".join(lines)[-MAX_TRACEBACK:]
    return Outcome(error=describe_error(error), traceback=text, is_loaded=is_loaded)
