"""`run`: check the settings, choose an executor, and start the loop."""

import contextlib
import inspect
import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Literal

from bohb._checks import MOST_WORKERS, check_positive, has_method, integer, positive_integer
from bohb._plain import scalar
from bohb._text import brief
from bohb.errors import BohbError, SettingError
from bohb.objectives import advised, goal_of
from bohb.runner.checkpoints import CheckpointCleaner
from bohb.runner.evaluation import Evaluation, Objective
from bohb.runner.executors.protocol import Submitter, features
from bohb.runner.executors.serial import SerialExecutor
from bohb.runner.interface import AskTell
from bohb.runner.limits import Limits
from bohb.runner.loop import Loop
from bohb.runner.records import Callback, RunEnded, RunStarted, notify
from bohb.runner.report import Report
from bohb.runner.workers.temporary import folder_path

log = logging.getLogger("bohb.runner")


@advised
def run(
    objective: Objective,
    optimizer_or_study: AskTell,
    *,
    executor: Submitter | None = None,
    workers: int | None = None,
    max_trials: int | None = None,
    max_seconds: float | None = None,
    max_budget: float | None = None,
    max_failures: int | None = None,
    target: float | None = None,
    patience: float | None = None,
    trial_seconds: float | None = None,
    retries: int = 0,
    directory: Any = None,
    keep: Literal["all", "releasable"] = "all",
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
) -> Report:
    """Evaluate trials until a limit is reached, and tell every outcome.

    At least one of `max_trials`, `max_seconds`, `max_budget`, `target` and `patience` is needed. Once a limit is
    reached no trial starts, and the run waits for those that are running. Ctrl-C and SIGTERM end the running trials,
    which the next run asks again; `run` then returns as usual, and its report says why it ended.

    Args:
        objective: Takes a trial and returns its loss, or a mapping with `"loss"` and, if wanted, `"checkpoint"`,
            `"info"` and more names, as `tell` accepts them. With `objectives` it returns the value of your metric, or a
            mapping with its name. An exception makes the trial a failure, with the traceback in `info["traceback"]`.
            It may be a generator that yields `(epoch, loss)`, or a mapping with `"loss"` and `"epoch"`, after each
            epoch. What it yields is reported; it goes on in place from one budget to the next as long as the search
            wants it to, and is closed then.
        optimizer_or_study: What to ask and tell.
        executor: Where to evaluate: any PEP 3148 executor. It is not shut down. By default one trial at a time is
            evaluated in this process. Several workers, a time limit for trials, or a shared study (whose leases must be
            renewed while trials run) bring a `ProcessExecutor`.
        workers: How many trials run at the same time; by default as many as the executor has workers, or 1.
        max_trials: How many trials to tell.
        max_seconds: After how many seconds to start no more trials. A trial that runs then is waited for; see
                `trial_seconds`.
        max_budget: How much to spend in all, in units of the ladder's costs. A promotion that resumes pays only the
            difference. The last trial to start may exceed the limit.
        max_failures: How many trials may fail. By default there is no limit, but a run stops whose first trials, at
            least 8 and two for each worker, all fail with one type of exception: that is a fault of the program or the
            machine. Mend it, and take the failures back with `retry`.
        target: Stop when the incumbent has at most this loss at the full budget, or at least this value of a metric to
            maximise, also if another process told it.
        patience: Stop when this many full trainings' worth of budget was spent since the incumbent last changed.
        trial_seconds: After how many seconds to end a trial with every process it started, and tell it as a failure.
            The start of a worker process counts. If the executor cannot end a trial, each trial runs in a process of
            its own below the worker, which takes time to start.
        retries: How often to ask a configuration again at one budget if its worker is lost. After that the trial is a
            failure. An exception in the objective is never retried.
        directory: A folder for the run. With it, `trial.folder` is a folder of the trial's configuration, the same at
            every budget; see `FolderTrial`. An executor that keeps what trials print keeps it here, in `output`.
        keep: `"releasable"` deletes checkpoints inside `directory` once no promotion can need them.
        callbacks: Called with a record of each thing that happens; see `bohb.runner.records`. One that raises
            `bohb.StopRun("why")` ends the run.
        progress: Whether to show the progress of the run, on stderr or in the notebook.

    Returns:
        What the run did.

    Raises:
        SettingError: If there is no limit, a limit is not positive, or the objective cannot take a trial or be sent to
            the workers: nothing has run then. Also if the first trial to end returned no loss; it is given back.
        ExecutorBroken: If the executor can run nothing more. No result is lost: call `run` again with a new one.
    """
    _check_roles(objective, optimizer_or_study)
    limits = Limits(max_trials, max_seconds, max_budget, target, patience, max_failures)
    trial_seconds = None if trial_seconds is None else check_positive("trial_seconds", scalar(trial_seconds))
    _check(workers=workers, retries=retries, keep=keep, directory=directory)
    if executor is not None and not has_method(executor, "submit"):
        raise SettingError(f"expected an executor with submit, or None, got {brief(executor)}")
    folder = None if directory is None else folder_path("directory", directory)
    cleaner = None if folder is None or keep == "all" else CheckpointCleaner(optimizer_or_study, folder)
    shown = [*_callbacks(callbacks), *([_display()] if progress else [])]
    with _chosen(executor, workers, trial_seconds, optimizer_or_study) as chosen:
        offered = features(chosen)
        goal, seconds = goal_of(optimizer_or_study), None if offered.end else trial_seconds
        keeps_open = offered.go_on is not None and seconds is None
        evaluation = Evaluation(objective, directory=folder, seconds=seconds, goal=goal, keeps_open=keeps_open)
        if evaluation.seconds is not None or not offered.in_process:
            evaluation.pack()
        loop = Loop(
            evaluation=evaluation,
            search=optimizer_or_study,
            executor=chosen,
            features=offered,
            workers=workers or offered.workers,
            limits=limits,
            trial_seconds=trial_seconds if offered.end else None,
            retries=retries,
            callbacks=shown,
            after_tell=cleaner or _delete_nothing,
        )
        loop.notify(_started(loop))
        try:
            stopped_by = loop.run()
        except BaseException as error:
            with contextlib.suppress(BohbError):  # the search cannot be read any more; `error` says why
                notify(shown, RunEnded(loop.report(f"{type(error).__name__}: {error}")))
            raise
    if cleaner is not None:
        cleaner.release()
    report = loop.report(stopped_by)
    if loop.stopping.by_failures:
        log.error(
            "the run stopped: %s; %s; mend it, and take the failures back with retry", stopped_by, report.first_failure
        )
    notify(shown, RunEnded(report))
    return report


def _callbacks(callbacks: Any) -> list[Callback]:
    try:
        given = list(islice(callbacks, 1000))
    except Exception as error:  # whatever the user's own sequence raises
        raise SettingError(f"expected a sequence of callbacks, got {brief(callbacks)}") from error
    for one in given:
        if not callable(one):
            raise SettingError(f"expected callbacks that can be called with a record, got {brief(one)}")
    return given


def _check_roles(objective: Any, search: Any) -> None:
    """Check that the objective and the search are not swapped."""
    missing = [name for name in ("ask", "tell", "forget", "ladder") if not hasattr(search, name)]
    if not callable(objective) or missing:
        advice = "; make an optimizer of a space first: bohb.Optimizer(space, budgets)" if missing else ""
        raise SettingError(
            f"expected run(objective, optimizer_or_study): first a function of a trial, got {objective!r:.99}; "
            f"then an object to ask and tell, got {brief(search)}{advice}"
        )
    _check_signature(objective)


def _check_signature(objective: Any) -> None:
    """Check that the objective can be called with one trial."""
    try:
        signature = inspect.signature(objective)
    except ValueError:  # some builtins have none
        return
    try:
        signature.bind("trial")
    except TypeError as error:
        raise SettingError(
            f"expected an objective that takes one trial, got {brief(objective)} with the arguments {signature}: "
            f"{error}; trial.config has the configuration, and trial.budget the budget"
        ) from error


def _check(*, workers: Any, retries: Any, keep: Any, directory: Any) -> None:
    if workers is not None:
        positive_integer("workers", workers, most=MOST_WORKERS)
    if integer(retries) is None or retries < 0:
        raise SettingError(f"expected an integer from 0 as retries, got {brief(retries)}")
    if not isinstance(keep, str) or keep not in ("all", "releasable"):
        raise SettingError(f"expected 'all' or 'releasable' as keep, got {brief(keep)}")
    if keep == "releasable" and directory is None:
        raise SettingError("expected a directory with keep='releasable', got None; name the folder to clean")


@contextlib.contextmanager
def _chosen(
    executor: Submitter | None, workers: int | None, trial_seconds: float | None, search: AskTell
) -> Iterator[Submitter]:
    """Give the user's executor, or one of our own that is shut down at the end of the run."""
    if executor is not None:
        yield executor
    elif (workers or 1) == 1 and trial_seconds is None and not hasattr(search, "heartbeat"):
        yield SerialExecutor()
    else:
        from bohb.runner.executors.processes import ProcessExecutor

        with ProcessExecutor(workers or 1) as own:
            yield own


def _delete_nothing() -> None:
    """Delete nothing."""


def _display() -> Callback:
    """Return the progress display, which is loaded only if it is wanted."""
    from bohb.runner.progress import Progress

    return Progress()


def _started(loop: Loop) -> RunStarted:
    search, objectives = loop.search, loop.evaluation.goal.objectives
    return RunStarted(
        loop.workers, loop.limits.given, tuple(search.results), search.incumbent, objectives, search.ladder
    )
