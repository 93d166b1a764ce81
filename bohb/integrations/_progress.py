"""What the callbacks of all trainers share: a training reaches a budget, and goes on in place or stops.

A trainer calls its callback after each epoch, or each boosting round. The callback passes on how far the training is
and what it monitors; `TrainingProgress` reports that to the search, and decides at a budget with `proceed`. The search
is an optimizer or a study in a loop of the user's own. In `bohb.run` it is a `Line` to the runner, which may be in
another process: `pausable` makes an objective of a function that trains, by running it in a thread that waits at each
budget.
"""

import contextvars
import logging
import os
import warnings
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Literal, Protocol

from bohb._text import brief
from bohb.errors import OutcomeError, SettingError
from bohb.objectives import RESERVED, Direction, goal_of
from bohb.runner.training import BUDGET_NAMES
from bohb.trials import Trial

log = logging.getLogger("bohb.integrations")

Mode = Literal["min", "max"]
DIRECTIONS: dict[str, Direction] = {"min": "minimize", "max": "maximize"}


class Search(Protocol):
    """What a callback needs of an optimizer or a study."""

    def report(self, trial: Trial, budget: Any, outcome: Any) -> Any:
        """Record what a trial has reached below its budget."""

    def proceed(self, trial: Trial, outcome: Any, *, checkpoint: Any = None) -> Trial | None:
        """Tell a trial, and return the next one if it continues the same training."""

    def tell(self, trial: Trial, outcome: Any, *, budget: Any = None) -> Any:
        """Tell a trial whose training stopped itself."""


class TrainingProgress:
    """How far the training of a configuration has come, and whether it goes on.

    Budgets are numbers of the unit that the trainer counts: epochs, steps or boosting rounds.

    Args:
        search: An optimizer, a study, or what `pausable` passed to the function that trains.
        trial: The trial with which the training begins.
        mode: Whether the monitored value is minimised or maximised. None for what the search does: the direction of its
            objective, or `"min"`. Without an objective, a value to maximise is told as its negative.

    Attributes:
        trial: The trial that runs now, or ran last. If the training raises, tell the error of this one.
        is_over: Whether the training should stop.
        start: How much was trained before, which the checkpoint saved.
        at: How much was trained in all.
        in_place: The sum of the budgets at which the training went on: what that saved, compared with a training
            that begins from scratch for each budget.

    Raises:
        SettingError: If the search or the trial is none, the budget is not a number, or the mode is not the direction
            of the objective.
    """

    def __init__(self, search: Search, trial: Trial, *, mode: Mode | None = None) -> None:
        if not isinstance(trial, Trial):
            raise SettingError(f"expected a trial that ask returned as the second argument, got {brief(trial)}")
        if isinstance(trial.budget, bool) or not isinstance(trial.budget, int | float):
            raise SettingError(
                f"expected a trial whose budget is a number of epochs or the like, got the budget {brief(trial.budget)}"
            )
        if not callable(getattr(search, "proceed", None)):
            raise SettingError(
                f"expected an optimizer, a study or what pausable passes as the search, got {brief(search)}; open a "
                "study with bohb.Study.open"
            )
        self.trial = trial
        self.is_over = False
        self.start: float = 0
        self.at: float = 0
        self.in_place: float = 0
        self._search, self._goal = search, goal_of(search)
        self._is_negated = _is_negated(mode, self._goal.objectives)
        self._last: dict[str, Any] | None = None
        self._process: int | None = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy keeps: a trained model with its callbacks can be saved, and the copy has no search."""
        return {**self.__dict__, "_search": None, "_last": None, "_process": None}

    @property
    def trained(self) -> float:
        """How much was trained here."""
        return self.at - self.start

    def use_mode(self, mode: Mode) -> None:
        """Minimise or maximise the value, where only the trainer knows which; an objective keeps its direction."""
        if not self.has_objective:
            self._is_negated = mode == "max"

    @property
    def has_objective(self) -> bool:
        """Whether the search has an objective, which says what is better."""
        return self._goal.is_declared

    def begin(self, at: float) -> None:
        """Say that a training begins, and how much was trained before, where it resumes from a checkpoint.

        Raises:
            SettingError: If the callback has served a training, or is a copy, or the training is beyond the budget.
        """
        if self._process != os.getpid():
            raise SettingError(
                "expected a training with the callback that was made for it, got one with a copy of it, or in another "
                "process, where the search would not hear of it; make the callback where the training runs"
            )
        if self.is_over:
            raise SettingError(
                f"expected a new callback for each training, got one whose training of trial {self.trial.id} is over; "
                "ask a trial and make a callback for it"
            )
        if self.trial.checkpoint is None and at >= self.trial.budget:
            raise SettingError(
                f"expected a training that begins below the budget {brief(self.trial.budget)} of trial "
                f"{self.trial.id}, got one that begins at {at:g}; budgets count what the model was trained before, "
                "too: raise them, or begin with a new model"
            )
        self.start = self.at = at

    def advance(
        self,
        at: float,
        value: Any,
        *,
        metrics: Mapping[str, Any] | None = None,
        checkpoint: Callable[[Trial], Any] | None = None,
    ) -> bool:
        """Say what a training has reached, and return whether it goes on.

        Args:
            at: How much was trained in all.
            value: The monitored value.
            metrics: Further values by name; they are kept.
            checkpoint: Writes a checkpoint for a trial and returns its path. It is called at a budget only.
        """
        self.at, self._last = at, self._outcome(value, metrics or {})
        try:
            if at < self.trial.budget:
                self._search.report(self.trial, at, self._last)
            while not self.is_over and at >= self.trial.budget:
                self._decide(self._last, checkpoint)
        except TrainingClosed:
            self.is_over = True
        return not self.is_over

    def end(self) -> None:
        """Say that the trainer stops. If nobody told it to, what it has reached is the result of its trial.

        Raises:
            OutcomeError: If it has reported nothing.
        """
        if self.is_over:
            return
        self.is_over = True
        if self._last is None:
            raise OutcomeError(
                f"expected a training that reports a value up to the budget {brief(self.trial.budget)} of trial "
                f"{self.trial.id}, got one that ended after {self.at:g} without any; train longer, or evaluate earlier"
            )
        self._search.tell(self.trial, self._last, budget=self.at)

    def warn_if_short(self, most: float, setting: str) -> None:
        """Warn of a training that has reached the most that its trainer trains, and not the budget of its trial.

        Args:
            most: How much the trainer trains. Not above 0 if there is no such limit.
            setting: The argument that sets it.
        """
        if not self.is_over and 0 < most <= self.at:
            warnings.warn(
                f"the training ended after {setting}={most:g}, below the budget {brief(self.trial.budget)}; raise "
                f"{setting} to the largest budget",
                stacklevel=3,
            )

    def _decide(self, outcome: dict[str, Any], checkpoint: Callable[[Trial], Any] | None) -> None:
        """Tell the trial, and go on with the next one if the search wants it."""
        path = None if checkpoint is None else checkpoint(self.trial)
        following = self._search.proceed(self.trial, outcome, checkpoint=path)
        if following is None:
            self.is_over = True
            return
        self.trial = following
        self.in_place += self.at

    def _outcome(self, value: Any, metrics: Mapping[str, Any]) -> dict[str, Any]:
        name = self._goal.name
        more = {key: each for key, each in metrics.items() if key not in (name, *RESERVED, *BUDGET_NAMES)}
        return {name: -value if self._is_negated else value, **more}


def _is_negated(mode: str | None, objectives: Mapping[str, str] | None) -> bool:
    """Return whether the monitored value is told as its negative: it is maximised, and the search minimises a loss."""
    if mode is not None and mode not in DIRECTIONS:
        raise SettingError(f"expected 'min' or 'max' as mode, got {brief(mode)}")
    if objectives is None:
        return mode == "max"
    ((name, direction),) = objectives.items()
    if mode is not None and DIRECTIONS[mode] != direction:
        raise SettingError(f"expected the mode of a search with {name!r}: {direction!r}, got {mode!r}; leave it out")
    return False


def mode_of(maximize: bool | None) -> Mode | None:
    """Return the mode that a trainer's `maximize` asks for; None for the direction of the search."""
    if maximize is None:
        return None
    return "max" if maximize else "min"


def checkpoint_path(trial: Trial, dirpath: Any, suffix: str) -> Path | None:
    """Return where to write the checkpoint of a trial; its folder exists. None if there is no place for checkpoints.

    Args:
        trial: The trial.
        dirpath: The folder; None for the folder that `bohb.run(..., directory=...)` gave the trial.
        suffix: The end of the name, such as `".ckpt"`.
    """
    folder = getattr(trial, "folder", None) if dirpath is None else Path(os.fsdecode(dirpath))
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    return Path(folder / f"config-{trial.config_id}-trial-{trial.id}{suffix}").absolute()


def saver(write: Callable[[Path], Any], dirpath: Any, suffix: str) -> Callable[[Trial], Path | None]:
    """Return a function that writes the checkpoint of a trial where `checkpoint_path` says, and returns its path."""

    def save(trial: Trial) -> Path | None:
        path = checkpoint_path(trial, dirpath, suffix)
        if path is not None:
            write(path)
        return path

    return save


class TrainingClosed(Exception):
    """The runner has closed the training."""


class Line:
    """A line from a training, in its thread, to the generator that the runner drives.

    Args:
        objectives: The objectives of the search, if it has any.
    """

    def __init__(self, objectives: Mapping[str, str] | None) -> None:
        self.objectives = objectives
        self.error: BaseException | None = None
        self.last_word: Any = None
        self._said: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._answers: SimpleQueue[Trial | None] = SimpleQueue()
        self._is_closed = False
        self._spoke_for: int | None = None

    def report(self, trial: Trial, budget: Any, outcome: Mapping[str, Any]) -> None:
        """Pass on what the training has reached below its budget."""
        self._say(trial, {**outcome, "budget": budget})

    def proceed(self, trial: Trial, outcome: Mapping[str, Any], *, checkpoint: Any = None) -> Trial:
        """Pass on what the training has reached at its budget, and wait for the next trial."""
        path = {} if checkpoint is None else {"checkpoint": checkpoint}
        return self._say(trial, {**outcome, **path, "budget": trial.budget})

    def tell(self, trial: Trial, outcome: Any, *, budget: Any = None) -> None:
        """Leave an outcome for the runner; of a training that stopped itself, only if none was passed on."""
        if isinstance(outcome, BaseException):
            self.error = outcome
        elif budget is None or self._spoke_for != trial.id:
            self.last_word = outcome

    def _say(self, trial: Trial, message: dict[str, Any]) -> Trial:
        if self._is_closed:
            raise TrainingClosed
        self._spoke_for = trial.id
        self._said.put(message)
        answer = self._answers.get()
        if answer is None:
            raise TrainingClosed
        return answer

    def train(self, function: Callable[["Line", Trial], Any], trial: Trial) -> None:
        """Train; what that raises is raised by the generator. Runs in the thread."""
        try:
            function(self, trial)
        except BaseException as error:  # it crosses to the other thread
            self.error = error
            if self._is_closed:
                log.exception("a training raised an error when it was closed; its results count")
        self._said.put(None)

    def listen(self) -> dict[str, Any] | None:
        """Wait for what the training says next; None if it has ended."""
        return self._said.get()

    def answer(self, trial: Trial) -> None:
        """Go on with a trial."""
        self._answers.put(trial)

    def close(self) -> None:
        """Let the training stop where it speaks next."""
        self._is_closed = True
        self._answers.put(None)


def pausable(
    train: Callable[[Any, Trial], Any], *, objectives: Mapping[str, str] | None = None
) -> Callable[[Trial], Generator[Any, Any, Any]]:
    """Return an objective for `bohb.run` that trains, waits at each budget, and goes on in place or stops.

    The training runs in a thread, which waits while the runner decides. Where the executor keeps no training, it stops
    there, and the next trial of its configuration resumes from the checkpoint.

    Args:
        train: Called with a search and a trial: trains one configuration, with a callback of `bohb.integrations` that
            gets both. What it returns is ignored. The same function serves a loop of your own, with an optimizer or a
            study: `train(optimizer, optimizer.ask())`.
        objectives: The objectives of the search, if it has any.
    """

    def objective(trial: Trial) -> Generator[Any, Any, Any]:
        line = Line(objectives)
        context = contextvars.copy_context()
        thread = Thread(target=context.run, args=(line.train, train, trial), name=f"trial-{trial.id}", daemon=True)
        thread.start()
        try:
            while (said := line.listen()) is not None:
                line.answer((yield said))
        finally:
            line.close()
            thread.join()
        if line.error is not None:
            raise line.error
        return line.last_word

    return objective
