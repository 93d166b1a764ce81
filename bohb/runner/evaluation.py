"""One call of the objective, in any process, and its outcome as plain data.

The loop submits an `Evaluation` and a trial to every executor. Whatever the objective does (return a number, raise,
call `sys.exit`, return nonsense) comes back as an `Outcome`, with the traceback as text. So an exception in the future
always means that the executor failed: a lost worker, a broken pool. The loop can tell the two kinds of failure apart,
and no executor needs to pickle a user's exception.

This file is loaded in every worker process, so it imports nothing heavy.
"""

import contextlib
import functools
import math
import os
import pickle
import socket
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from bohb._text import describe_error, traceback_of
from bohb.errors import OutcomeError, SettingError, WorkerLost
from bohb.objectives import LOSS, Goal
from bohb.optimizer.outcomes import read_answer
from bohb.runner.training import Order, Stretch, Training
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
            A repetition has `config-<config_id>-repeat-<repeat>`, because it starts from scratch.
            Write each checkpoint under a name of its own (`trial.folder / f"{trial.id}.pt"`), so that a trial that is
            interrupted leaves the previous checkpoint intact. Return the path, and the next trial of this configuration
            finds it as `checkpoint`.
    """

    folder: Path = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one call of the objective.

    Attributes:
        loss: The loss, to be minimised; infinite if there was an error.
        checkpoint: The checkpoint, or None.
        info: JSON-able facts.
        error: One line about the exception, or None.
        traceback: The traceback as text, or None.
        is_loaded: False if the worker could not even load the objective, or make the folder and the files of the trial.
        is_answer: False if the objective returned something without a loss, which is the error.
        dropped: What the objective returned beside the loss and cannot be kept, one text each.
        metrics: The metrics by name, if the search has objectives.
        curve: What a generator yielded below the budget, as pairs of a budget and the outcome there.
        used: How much of the budget a generator used that ended before; None for all of it.
        is_open: Whether a generator waits at the budget, in the process where it runs, to go on or to be closed.
        in_place: Whether a generator that waited went on, so that nothing was trained again.
        worker: The host on which it ran, and its devices; None if it did not run.
    """

    loss: float = math.inf
    checkpoint: str | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    traceback: str | None = None
    is_loaded: bool = True
    is_answer: bool = True
    dropped: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    curve: "tuple[tuple[Any, Outcome], ...]" = ()
    used: Any = None
    is_open: bool = False
    in_place: bool = False
    worker: str | None = None


class Evaluation:
    """The objective, callable with a trial in any process.

    Args:
        objective: What to call.
        directory: The absolute path of the directory of the run; None for no folders.
        seconds: Run the objective in a process of its own, and end it after this many seconds; for executors that
            cannot end a trial. None to run it in this process.
        packed: What `pack` returned, if `objective` is None.
        goal: What the objective returns.
        keeps_open: Whether a generator waits where its trial ends. If not, it is closed there, and started again for
            the next trial of its configuration.
        reads: Whether what a generator yields is read. Of the ranks of a program, it is on rank 0.
    """

    def __init__(
        self,
        objective: Objective | None,
        *,
        directory: Path | None = None,
        seconds: float | None = None,
        packed: bytes | None = None,
        goal: Goal = LOSS,
        keeps_open: bool = False,
        reads: bool = True,
    ) -> None:
        self._objective = objective
        self._keeps_open, self._reads = keeps_open, reads
        self._waiting: dict[int, Training[Outcome]] = {}  # by configuration id
        self._packed = packed
        self.directory = directory
        self.seconds = seconds
        self.goal = goal

    def pack(self) -> bytes:
        """Return the objective as bytes; it is pickled once.

        Raises:
            SettingError: If it cannot be pickled.
        """
        if self._packed is None:
            self._packed = pickling.pack(self._objective, "an objective")
        return self._packed

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.pack(), self.directory, self.seconds, self.goal, self._keeps_open)

    def __call__(self, trial: Trial, start: Any = 0, order: Order = "start") -> Outcome:
        """Call the objective; what it raises is part of the outcome.

        Args:
            trial: The trial.
            start: The budget of the checkpoint from which it resumes, if it does.
            order: Whether to start, or to go on with the generator of this configuration that waits in this process; if
                none does, it is started. Or whether to close that generator.

        Raises:
            WorkerLost: If the process that the objective ran in died.
        """
        if self.seconds is not None:
            return self._call_in_process(trial, start, self.seconds)
        waiting = self._waiting.pop(trial.config_id, None)
        if waiting is not None and order != "go on":
            waiting.close()
        if order == "close":
            return Outcome()
        process = os.getpid()
        with contextlib.ExitStack() as stack:
            try:
                objective, given = self._load(), _with_folder(trial, self.directory)
                stack.enter_context(worker_main.output_kept(self.output, f"trial-{trial.id}"))
            except Exception as error:
                return _failed(error, is_loaded=False)
            outcome = self._evaluate(objective, given, start, waiting if order == "go on" else None)
            if os.getpid() != process:
                _end_fork(outcome)
        return replace(outcome, worker=worker_name())

    def _evaluate(self, objective: Objective, trial: Trial, start: Any, waiting: Training[Outcome] | None) -> Outcome:
        """Go on with the generator that waits, if it has not ended, or call the objective."""
        if waiting is not None:
            stretch = waiting.advance(trial)
            if not stretch.is_empty:
                return replace(self._kept(waiting, stretch, trial), in_place=True)
        returned = _call(objective, trial)
        if not isinstance(returned, Generator):
            return _read(returned, self.goal)
        read = functools.partial(_read_yielded, goal=self.goal) if self._reads else _unread
        training = Training(returned, start, read)
        return self._kept(training, training.advance(trial), trial)

    def _kept(self, training: Training[Outcome], stretch: Stretch[Outcome], trial: Trial) -> Outcome:
        """Return the outcome of a stretch of a training, which waits if it can go on."""
        outcome = _of_stretch(stretch, trial, self.goal)
        if not outcome.is_open:
            return outcome
        if self._keeps_open:
            self._waiting[trial.config_id] = training
            return outcome
        training.close()
        return replace(outcome, is_open=False)

    def close(self) -> None:
        """Close every generator that waits in this process."""
        while self._waiting:
            self._waiting.popitem()[1].close()

    @property
    def output(self) -> Path | None:
        """The folder for what trials print, if there is a directory."""
        return None if self.directory is None else self.directory / "output"

    def _load(self) -> Objective:
        if self._objective is None:
            assert self._packed is not None, "there is an objective or a packed one"
            self._objective = _unpickle(self._packed)
        return self._objective

    def _call_in_process(self, trial: Trial, start: Any, seconds: float) -> Outcome:
        from bohb.runner.workers.timeout import call

        try:
            alone = _restore(self.pack(), self.directory, None, self.goal, False)
            outcome: Outcome = call(alone, trial, start, seconds=seconds)
        except TimeoutError as error:
            return Outcome(error=f"TimeoutError: {error}")
        return outcome


def _restore(packed: bytes, directory: Path | None, seconds: float | None, goal: Goal, keeps_open: bool) -> Evaluation:
    return Evaluation(None, directory=directory, seconds=seconds, packed=packed, goal=goal, keeps_open=keeps_open)


@functools.lru_cache(maxsize=1)
def _unpickle(packed: bytes) -> Objective:
    """Return the objective, unpickled once per worker. The bytes came from our parent, through a pipe."""
    objective: Objective = pickle.loads(packed)  # noqa: S301
    return objective


def _with_folder(trial: Trial, directory: Path | None) -> Trial:
    """Return the trial with the folder of its configuration, after making the folder."""
    if directory is None:
        return trial
    again = f"-repeat-{trial.repeat}" if trial.repeat else ""
    folder = directory / f"config-{trial.config_id}{again}"
    folder.mkdir(parents=True, exist_ok=True)
    return FolderTrial(**{name: getattr(trial, name) for name in Trial.__slots__}, folder=folder)


def _call(objective: Objective, trial: Trial) -> Any:
    """Return what the objective returns; if it raises, an outcome that says so."""
    try:
        return objective(trial)
    except WorkerLost:
        raise
    except (Exception, SystemExit) as error:  # a failure of the objective is data from here on
        return _failed(error)


def _end_fork(outcome: Outcome) -> NoReturn:
    """End a process that the objective forked and that returned in place of ending: the result is its parent's."""
    how = "returned" if outcome.error is None else f"raised {outcome.error}"
    text = f"bohb: a process that the objective forked {how}; it ends here: let it end with os._exit\n"
    with contextlib.suppress(OSError):
        os.write(2, text.encode(errors="backslashreplace"))
    os._exit(1)


def _read(returned: Any, goal: Goal) -> Outcome:
    try:
        return read_returned(returned, goal)
    except Exception as error:
        return replace(_failed(error), is_answer=False)


def _read_yielded(value: Any, goal: Goal) -> Outcome:
    if value is None:
        raise OutcomeError(
            f"expected an objective that yields its {goal.name} where the trial reaches its budget, got None; only "
            "before that may there be none"
        )
    return read_returned(value, goal)


def _unread(_: Any) -> Outcome:
    return Outcome()


def _of_stretch(stretch: Stretch[Outcome], trial: Trial, goal: Goal) -> Outcome:
    """Return the outcome of a trial whose objective is a generator: its last word, and its way there."""
    way, is_scale = stretch.way, isinstance(trial.budget, int | float)
    used = stretch.at if is_scale and 0 < stretch.at < trial.budget else None
    curve = tuple((at, outcome) for at, outcome in way if is_scale and at < trial.budget)
    if stretch.error is not None:
        last = replace(_failed(stretch.error), is_answer=not isinstance(stretch.error, OutcomeError | SettingError))
    elif stretch.returned is not None or not way:  # whoever returns a loss has trained as long as was asked
        last, used = _read(stretch.returned, goal), None
    else:
        last = way[-1][1]
    return replace(last, curve=curve, used=used, is_open=stretch.is_open)


def read_returned(value: Any, goal: Goal = LOSS) -> Outcome:
    """Return what an objective returned as an outcome.

    Args:
        value: What `tell` accepts as an outcome, or an `Outcome`, which is returned as it is.
        goal: What the objective returns.

    Raises:
        OutcomeError: If there is no loss in it.
    """
    if isinstance(value, Outcome):
        return value
    outcome, checkpoint, info, metrics, dropped = read_answer(value, goal=goal)
    kept = Outcome(checkpoint=checkpoint, info=info, dropped=dropped, metrics=metrics)
    return replace(kept, error=outcome.text) if isinstance(outcome, Failure) else replace(kept, loss=outcome)


def told_value(outcome: Outcome, goal: Goal) -> Any:
    """Return what to tell a search for an outcome without an error."""
    return {goal.name: goal.value(outcome.loss), **outcome.metrics} if goal.is_declared else outcome.loss


def worker_name() -> str:
    """Return what tells a machine, or a device of one, from the others."""
    devices = os.environ.get("CUDA_VISIBLE_DEVICES")
    return f"{socket.gethostname()} gpu {devices}" if devices else socket.gethostname()


def _failed(error: BaseException, *, is_loaded: bool = True) -> Outcome:
    frames = error.__traceback__.tb_next if error.__traceback__ is not None else None  # without the frame of this file
    text = traceback_of(error, frames)[-MAX_TRACEBACK:]
    return Outcome(error=describe_error(error), traceback=text, is_loaded=is_loaded)
