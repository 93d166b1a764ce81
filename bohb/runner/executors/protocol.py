"""What the runner asks of an executor: `submit` of PEP 3148, and seven names more that it may have.

Every name but `submit` is optional. `features` is the only place that looks for them. Test an executor of your own with
`bohb.testing.executors.ExecutorContract`.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class Submitter(Protocol):
    """The part that every executor has. Any `concurrent.futures.Executor` has it.

    The runner submits an evaluation with one trial. What the objective raises is part of the evaluation's result. So an
    exception in the future always means that the executor failed:

    * `concurrent.futures.BrokenExecutor`: the executor can run nothing more, and the run ends with `ExecutorBroken`.
    * Any other exception, such as `bohb.WorkerLost`: this worker was lost, and `run(retries=...)` decides.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Schedule the call `fn(*args, **kwargs)`; return its future.

        Use `fn` as it is given, and pickle it with `pickle` or a superset of it.
        """


class FullExecutor(Submitter, Protocol):
    """An executor with every optional name. Implement the ones that apply to yours."""

    @property
    def workers(self) -> int:
        """How many trials run at the same time; the default of `run(workers=...)`. Without it, 1."""

    @property
    def output(self) -> Path | None:
        """The folder for what trials print if the run has no directory. Without it, output is not kept."""

    @property
    def in_process(self) -> bool:
        """Whether calls run in this process, so that nothing is pickled. Without it, False.

        If it is False, an objective that cannot be pickled is refused before anything runs.
        """

    @property
    def is_blocking(self) -> bool:
        """Whether `submit` returns only when the call has ended. Without it, False.

        If it is True, Ctrl-C reaches the objective, and the trials of a shared study have no lease.
        """

    def end(self, future: Future[Any]) -> None:
        """End a running trial with all its processes, without waiting; cancel one that has not started.

        The future of a trial that was running is done soon after, with `bohb.WorkerLost`. Without this method,
        `run(trial_seconds=...)` runs every trial in a process of its own, and an interrupted run leaves its trials
        running.
        """

    def go_on(
        self, future: Future[Any], fn: Callable[..., Any], /, *args: Any, seconds: float | None = None
    ) -> Future[Any]:
        """Schedule a call in the process that made the call of `future`, whose result has a true `is_open`.

        That process waits: the runner makes exactly one call of `go_on` after such a result. Without this method, an
        objective that is a generator is closed where its trial ends. An executor whose calls run in this process need
        not have it.

        Args:
            future: The future of the call before, which is done.
            fn: The same function.
            args: The arguments.
            seconds: After how many seconds the process may be ended; None for no limit.
        """

    def seconds_of(self, future: Future[Any]) -> float | None:
        """Return how long a call has run; None while it waits for a machine.

        Without this method, `run(trial_seconds=...)` counts from `submit` on.
        """


@dataclass(frozen=True, slots=True)
class Features:
    """What an executor offers beside `submit`, as in `FullExecutor`; a method that it does not have is None."""

    workers: int
    output: Path | None
    in_process: bool
    is_blocking: bool
    end: Callable[[Future[Any]], None] | None
    go_on: Callable[..., Future[Any]] | None = None
    seconds_of: Callable[[Future[Any]], float | None] | None = None


def features(executor: Submitter) -> Features:
    """Return what an executor offers; the thread and process pools of the standard library are known."""
    workers = getattr(executor, "workers", None) or getattr(executor, "_max_workers", None)
    in_process = isinstance(executor, ThreadPoolExecutor) or bool(getattr(executor, "in_process", False))

    def submit(_: Future[Any], fn: Callable[..., Any], /, *args: Any, seconds: float | None = None) -> Future[Any]:  # noqa: ARG001
        return executor.submit(fn, *args)

    return Features(
        workers=workers if isinstance(workers, int) else 1,
        output=getattr(executor, "output", None),
        in_process=in_process,
        is_blocking=bool(getattr(executor, "is_blocking", False)),
        end=getattr(executor, "end", None),
        go_on=getattr(executor, "go_on", submit if in_process else None),
        seconds_of=getattr(executor, "seconds_of", None),
    )
