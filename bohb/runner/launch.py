"""`run`: checks what the user gave, chooses what was left open, and starts the loop."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from bohb.errors import BohbError, SettingError
from bohb.runner.checkpoints import Keeper
from bohb.runner.evaluation import Evaluation, Objective
from bohb.runner.executors.serial import SerialExecutor
from bohb.runner.interface import Search
from bohb.runner.limits import Limits, check_positive
from bohb.runner.loop import Loop
from bohb.runner.records import Callback, RunEnded, RunStarted, notify
from bohb.runner.report import Report


def run(
    objective: Objective,
    optimizer_or_study: Search,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    max_trials: int | None = None,
    max_seconds: float | None = None,
    max_budget: float | None = None,
    trial_seconds: float | None = None,
    retries: int = 0,
    directory: Any = None,
    keep: Literal["all", "releasable"] = "all",
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
) -> Report:
    """Evaluates trials until a limit is reached, and tells every outcome.

    No trial starts once a limit is reached; what runs is waited for and told. Ctrl-C and SIGTERM end what runs, and it
    is asked again by the next run; `run` then returns as usual, and its report says why it ended.

    Args:
        objective: Takes a trial, returns its loss, or a mapping with `"loss"` and, if wanted, `"checkpoint"` and
            `"info"`. Whatever it raises makes the trial a failure, with the traceback in `info["traceback"]`.
        optimizer_or_study: What to ask and tell.
        executor: Where to evaluate, any PEP 3148 executor. It is not shut down. By default, one trial at a time is
            evaluated in this process; several, trials with a time limit and trials of a shared study (which must hear
            from us while they run) in a `ProcessExecutor`.
        workers: How many trials run at the same time; by default as many as the executor has workers, or 1.
        max_trials: How many trials to tell.
        max_seconds: After how many seconds to start no more.
        max_budget: How much to spend in all, in units of the ladder's costs; a promotion that resumes pays the
            difference only. The last trial to start may exceed it.
        trial_seconds: After how many seconds to end a trial, with every process it started, and tell it as a failure.
            The start of a process counts. With an executor that cannot end a trial, each trial runs in a process of
            its own below the worker, which costs its start.
        retries: How often to ask a configuration again, at one budget, whose worker was lost. After that, the
            trial is a failure. An exception in the objective is never retried.
        directory: A folder for the run. Then `trial.folder` is a folder of the trial's configuration, the same at
            every budget; and where the executor keeps the output of the trials, it does so here. See `FolderTrial`.
        keep: `"releasable"` deletes checkpoints inside `directory` once no promotion can need them.
        callbacks: Called with a record of each thing that happens, see `bohb.runner.records`.
        progress: Whether to show how the run goes, on stderr or in the notebook.

    Returns:
        What the run did.

    Raises:
        SettingError: If there is no limit, a limit is not positive, or the objective cannot be sent to the workers;
            nothing has run then.
        ExecutorBroken: If the executor can run nothing more. Nothing is lost: call `run` again with a new one.
    """
    limits = Limits(max_trials, max_seconds, max_budget)
    _check(workers=workers, trial_seconds=trial_seconds, retries=retries, keep=keep, directory=directory)
    place = None if directory is None else Path(directory).absolute()
    keeper = None if place is None or keep == "all" else Keeper(optimizer_or_study, place)
    shown = [*callbacks, *([_display()] if progress else [])]
    with _engine(executor, workers, trial_seconds, optimizer_or_study) as engine:
        can_end = hasattr(engine, "end")
        evaluation = Evaluation(objective, directory=place, seconds=None if can_end else trial_seconds)
        if evaluation.seconds is not None or not _is_in_process(engine):
            evaluation.pack()
        loop = Loop(
            evaluation=evaluation,
            search=optimizer_or_study,
            engine=engine,
            workers=workers or _num_workers(engine),
            limits=limits,
            trial_seconds=trial_seconds if can_end else None,
            retries=retries,
            callbacks=shown,
            after_tell=keeper or _keep_all,
        )
        notify(shown, _started(loop))
        try:
            stopped_by = loop.run()
        except BaseException as error:
            with contextlib.suppress(BohbError):  # a search that cannot be read any more; the error says why
                notify(shown, RunEnded(loop.report(f"{type(error).__name__}: {error}")))
            raise
    if keeper is not None:
        keeper.release()
    report = loop.report(stopped_by)
    notify(shown, RunEnded(report))
    return report


def _check(*, workers: Any, trial_seconds: Any, retries: Any, keep: Any, directory: Any) -> None:
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise SettingError(f"expected a positive integer as workers, got {workers!r}")
    if trial_seconds is not None:
        check_positive("trial_seconds", trial_seconds)
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise SettingError(f"expected how often to retry, an integer from 0, as retries, got {retries!r}")
    if keep not in ("all", "releasable"):
        raise SettingError(f"expected 'all' or 'releasable' as keep, got {keep!r}")
    if keep == "releasable" and directory is None:
        raise SettingError("expected a directory with keep='releasable', got none; nothing outside it is ever deleted")


@contextlib.contextmanager
def _engine(
    executor: Executor | None, workers: int | None, trial_seconds: float | None, search: Search
) -> Iterator[Executor]:
    """Gives the user's executor, or one of our own that ends with the run."""
    if executor is not None:
        yield executor
    elif (workers or 1) == 1 and trial_seconds is None and not hasattr(search, "heartbeat"):
        yield SerialExecutor()
    else:
        from bohb.runner.executors.processes import ProcessExecutor

        with ProcessExecutor(workers or 1) as own:
            yield own


def _is_in_process(engine: Executor) -> bool:
    return isinstance(engine, ThreadPoolExecutor) or bool(getattr(engine, "in_process", False))


def _num_workers(engine: Executor) -> int:
    """Returns how many trials an executor says it runs at the same time; the standard library's pools say it too."""
    number = getattr(engine, "workers", None) or getattr(engine, "_max_workers", None)
    return number if isinstance(number, int) else 1


def _keep_all() -> None:
    """Deletes nothing."""


def _display() -> Callback:
    """Returns the progress display, loaded only if it is wanted."""
    from bohb.runner.progress import Progress

    return Progress()


def _started(loop: Loop) -> RunStarted:
    limits: Mapping[str, float] = {
        name: value for name in type(loop.limits).__slots__ if (value := getattr(loop.limits, name)) is not None
    }
    return RunStarted(loop.workers, limits, tuple(loop.search.results), loop.search.incumbent)
