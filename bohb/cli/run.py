"""`run`: a worker for commands in any language and for Python objectives. `bohb.runner` has the loop."""

import contextlib
import shutil
import tempfile
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
from bohb.runner.records import Record, TrialEnded, TrialLost

if TYPE_CHECKING:
    from bohb.runner.evaluation import Objective
    from bohb.runner.interface import AskTell
    from bohb.study.study import Study
    from bohb.trials import Trial

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
    """Evaluate trials until a limit is reached."""
    from bohb.study.study import Study

    with Study.open(options.study, lease=options.lease) as study:
        objective = _objective(options, study.space.names)
        search = (
            study
            if options.total_trials is None
            else Until(study, positive_integer("--total-trials", options.total_trials))
        )
        shown = _Shown(_show_json if options.json else _show_text)
        report = _run(objective, cast("AskTell", search), options, shown)
        if isinstance(search, Until) and report.stopped_by not in exits.ENDS and search.is_reached():
            report = replace(report, stopped_by="total_trials")
    if not options.json and not shown.has_failed:
        print_text(str(report))
    if shown.has_failed and report.stopped_by not in exits.ENDS:
        return exits.OUTPUT
    return exits.ENDS.get(report.stopped_by, exits.OK)


def _objective(options: Namespace, names: Sequence[str]) -> "Objective":
    if options.words is None:
        objective = load(options.objective, "an objective")
        if not callable(objective):
            raise SettingError(f"expected a callable objective at {options.objective}, got {objective!r:.100}")
        return cast("Objective", objective)
    check_words(options.words, names)
    if "{" not in options.words[0] and shutil.which(options.words[0]) is None:
        raise SettingError(f"expected a command on the PATH, got {options.words[0]!r}, which was not found")
    return Command(tuple(options.words))


def _run(objective: "Objective", search: "AskTell", options: Namespace, shown: "_Shown") -> Any:
    from bohb.runner.executors.processes import ProcessExecutor
    from bohb.runner.launch import run as run_trials

    limits = {name: getattr(options, name) for name in ("max_trials", "max_seconds", "max_budget")}
    if all(limit is None for limit in limits.values()):
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


def _show_json(record: Record) -> None:
    match record:
        case TrialEnded(result):
            print_json(result_facts(result))
        case TrialLost(trial, reason):
            print_remark(f"trial {trial.id} was given back: {reason}")


def _show_text(record: Record) -> None:
    match record:
        case TrialEnded(result, incumbent):
            print_text(result_text(result) + (" (the best so far)" if result == incumbent else ""))
        case TrialLost(trial, reason):
            print_remark(f"trial {trial.id} was given back: {reason}")
