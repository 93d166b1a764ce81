"""`run`: a worker for commands in any language and for Python objectives. `bohb.runner` has the loop."""

import contextlib
import shutil
import tempfile
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bohb._checks import positive_integer
from bohb.cli import exits
from bohb.cli.command_objective import Command
from bohb.cli.loading import load
from bohb.cli.output import give_up_stdout, print_json, print_remark, print_text, result_text
from bohb.cli.templates import check_words
from bohb.errors import SettingError, SpaceExhausted
from bohb.exchange.records import result_facts
from bohb.objectives import Goal, goal_of
from bohb.runner.records import Record, TrialEnded, TrialLost

if TYPE_CHECKING:
    from bohb.runner.evaluation import Objective
    from bohb.runner.interface import AskTell
    from bohb.study.study import Study
    from bohb.trials import Trial

LIMITS = ("max_trials", "max_seconds", "max_budget", "max_failures", "target", "patience")
"""The options that are arguments of `bohb.run`."""
FOREVER = 1e12
"""The seconds of a worker without limits: it ends by a signal, or when the space is exhausted."""


@dataclass(frozen=True)
class Until:
    """A study that is exhausted when it has `total` results, of all workers."""

    study: "Study"
    total: int

    def ask(self, *, lease: float | None = None) -> "Trial":
        """Return the next trial.

        Raises:
            SpaceExhausted: If the study has enough results.
        """
        if self.is_reached():
            raise SpaceExhausted(f"the study has {self.total} results")
        return self.study.ask(lease=lease)

    def is_reached(self) -> bool:
        """Whether the study has enough results."""
        return len(self.study.results) >= self.total

    def __getattr__(self, name: str) -> Any:
        return getattr(self.study, name)


def run(options: Namespace) -> int:
    """Evaluate trials until a limit is reached. Code 1 if all of them failed."""
    from bohb.study.study import Study

    with Study.open(options.study, lease=options.lease) as study:
        goal = goal_of(study)
        objective = _objective(options, study.space.names, goal)
        search = (
            study
            if options.total_trials is None
            else Until(study, positive_integer("--total-trials", options.total_trials))
        )
        shown = _Shown(partial(_show_json if options.json else _show_text, goal))
        report = _run(objective, cast("AskTell", search), options, shown)
        if isinstance(search, Until) and report.stopped_by not in exits.ENDS and search.is_reached():
            report = replace(report, stopped_by="total_trials")
        if options.directory is None:
            report = replace(report, output=None)  # the folder was temporary
    if not options.json and not shown.has_failed:
        print_text(str(report))
    if shown.has_failed and report.stopped_by not in exits.ENDS:
        return exits.OUTPUT
    has_failed = 0 < report.num_trials == report.num_failures
    return exits.ENDS.get(report.stopped_by, exits.NO if has_failed else exits.OK)


def _objective(options: Namespace, names: Sequence[str], goal: Goal) -> "Objective":
    if options.words is None:
        objective = load(options.objective, "an objective")
        if not callable(objective):
            raise SettingError(f"expected a callable objective at {options.objective}, got {objective!r:.100}")
        return cast("Objective", objective)
    check_words(options.words, names)
    if "{" not in options.words[0] and shutil.which(options.words[0]) is None:
        raise SettingError(f"expected a command on the PATH, got {options.words[0]!r}, which was not found")
    return Command(tuple(options.words), goal, options.metric)


def _run(objective: "Objective", search: "AskTell", options: Namespace, shown: "_Shown") -> Any:
    from bohb.runner.executors.processes import ProcessExecutor
    from bohb.runner.launch import run as run_trials

    limits = {name: getattr(options, name) for name in LIMITS}
    if all(limit is None for name, limit in limits.items() if name != "max_failures"):
        limits["max_seconds"] = FOREVER
    with contextlib.ExitStack() as stack:
        folder = options.directory or stack.enter_context(tempfile.TemporaryDirectory(prefix="bohb-run-"))
        engine = ProcessExecutor(
            positive_integer("--workers", options.workers),
            gpus_per_trial=options.gpus_per_trial,
            output=Path(folder) / "output",
            grace=options.grace,
        )
        return run_trials(
            objective,
            search,
            executor=stack.enter_context(engine),
            trial_seconds=options.trial_seconds,
            retries=options.retries,
            directory=options.directory,
            callbacks=[shown],
            progress=False,
            **limits,
        )


@dataclass
class _Shown:
    """Show records until that fails: the trials go on, and the command ends with the code for output."""

    show: Callable[[Record], None]
    has_failed: bool = False

    def __call__(self, record: Record) -> None:
        if self.has_failed:
            return
        try:
            self.show(record)
        except OSError as error:
            self.has_failed = True
            give_up_stdout()
            print_remark(f"results cannot be printed any more, and the run goes on: {error}")


def _show_json(goal: Goal, record: Record) -> None:
    match record:
        case TrialEnded(result):
            print_json(result_facts(result, goal))
        case TrialLost(trial, reason):
            print_remark(f"trial {trial.id} was given back: {reason}")


def _show_text(goal: Goal, record: Record) -> None:
    match record:
        case TrialEnded(result, incumbent):
            print_text(result_text(result, goal) + (" (the best so far)" if result == incumbent else ""))
        case TrialLost(trial, reason):
            print_remark(f"trial {trial.id} was given back: {reason}")
