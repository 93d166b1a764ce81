"""For programs that already run on several ranks, under `horovodrun`, `torchrun` or `mpirun`.

    report = spmd.run(objective, make_study, max_trials=100)    # the same line on every rank

Rank 0 owns the search and runs the usual loop in a thread of its own; the main thread of each rank evaluates, since
that is where collectives, CUDA and signals are at home:

    rank 0, loop:  ask ---> submit                                   tell <--- future
    rank 0, main:                 broadcast(trial) -> objective -> votes --^
    other ranks:                  broadcast(trial) -> objective -> vote, and wait for the next

Broadcasts have names: Horovod names objects by their type otherwise, and ranks that wait for different names wait for
ever. How the trial went is not exchanged by collectives: after an exception on one rank the others may wait for it
inside the objective. It goes over lines of our own (`ranks/votes.py`), and what cannot be saved ends on all ranks, with
an error: a rank that died, ranks that are out of step. The launcher starts the program again; a study goes on from
there, and the trial that was cut off is asked again when its lease runs out.
"""

import os
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from bohb.errors import SettingError
from bohb.runner.evaluation import Evaluation, Objective, Outcome
from bohb.runner.interface import Search
from bohb.runner.launch import run as run_loop
from bohb.runner.limits import check_positive
from bohb.runner.ranks.reports import on_rank
from bohb.runner.ranks.votes import Chair, Member
from bohb.runner.records import Callback
from bohb.runner.report import Report
from bohb.trials import Trial

Launcher = Literal["horovod", "torchrun", "mpi"]

SIGNS: dict[Launcher, tuple[str, ...]] = {
    "horovod": ("HOROVOD_RANK",),
    "torchrun": ("TORCHELASTIC_RUN_ID",),
    "mpi": ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"),
}
"""The environment variables that show which launcher started the program; the first that is found counts."""


class Group(Protocol):
    """The ranks, as one of the libraries knows them."""

    @property
    def rank(self) -> int:
        """Which one this is."""

    @property
    def size(self) -> int:
        """How many there are."""

    def broadcast(self, value: Any, name: str) -> Any:
        """Returns rank 0's value on every rank."""

    def close(self) -> None:
        """Ends what was made for us, on every rank."""


def run(
    objective: Objective,
    optimizer_or_study: Search | Callable[[], Search] | None,
    *,
    launcher: Launcher | None = None,
    max_trials: int | None = None,
    max_seconds: float | None = None,
    max_budget: float | None = None,
    trial_seconds: float | None = None,
    patience: float = 60.0,
    directory: str | Path | None = None,
    keep: Literal["all", "releasable"] = "all",
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
) -> Report:
    """Evaluates trials on all ranks together until a limit is reached; to be called on every rank.

    Every rank calls the objective with the same trial; what rank 0 returns counts. If the objective raises on any rank,
    the trial is a failure, and all go on with the next one together.

    Args:
        objective: As for `bohb.run`.
        optimizer_or_study: What to ask and tell, or a function that makes it. Only rank 0 looks at it or calls it.
        launcher: What started the program; by default the environment says.
        max_trials: As for `bohb.run`, as are all that are not explained here.
        max_seconds: When to start no more trials.
        max_budget: How much to spend.
        trial_seconds: After how many seconds a trial ends the program on all ranks, with an error: a call that hangs
            cannot be ended alone.
        patience: If one rank fails, how many seconds the others have to fail or finish too. After that the program
            ends on all ranks, with an error: they probably wait for the one that failed.
        directory: A folder that all ranks can reach.
        keep: Which checkpoints to keep.
        callbacks: Called on rank 0.
        progress: Whether rank 0 shows how the run goes.

    Returns:
        What the run did, the same on every rank.

    Raises:
        SettingError: If no launcher started this program, or a setting makes no sense.
        RuntimeError: On the other ranks, if rank 0 ended with an error.
    """
    for name, value in (("patience", patience), ("trial_seconds", trial_seconds)):
        if value is not None:
            check_positive(name, value)
    group = _group(launcher)
    if group.rank > 0:
        place = None if directory is None else Path(directory).absolute()
        return _follow(group, Evaluation(objective, directory=place))
    lead = _Lead(group, Chair(group.size, patience=patience), trial_seconds)

    def loop() -> Report:
        search = optimizer_or_study if hasattr(optimizer_or_study, "ask") else optimizer_or_study()  # type: ignore[misc]
        return run_loop(
            objective,
            search,  # type: ignore[arg-type]
            executor=lead.executor,
            max_trials=max_trials,
            max_seconds=max_seconds,
            max_budget=max_budget,
            directory=directory,
            keep=keep,
            callbacks=callbacks,
            progress=progress,
        )

    return lead.serve(loop)


@dataclass(frozen=True, slots=True)
class _End:
    """What is broadcast in place of a trial, at the end."""

    report: Report | None
    error: str


class _OnAllRanks(Executor):
    """An executor for the loop on rank 0; the main thread takes what is submitted from `calls`."""

    workers = 1
    in_process = True

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[tuple[Future[Outcome], Evaluation, Trial] | None] = queue.SimpleQueue()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hands an evaluation and a trial to the main thread."""
        assert isinstance(fn, Evaluation), "made for the loop, which submits evaluations"
        assert not kwargs
        future: Future[Outcome] = Future()
        self.calls.put((future, fn, *args))
        return future


class _Lead:
    """The main thread of rank 0."""

    def __init__(self, group: Group, chair: Chair, trial_seconds: float | None) -> None:
        self.executor = _OnAllRanks()
        self._group = group
        self._chair = chair
        self._trial_seconds = trial_seconds
        self._number = 0
        self._ended: Future[Report] = Future()
        group.broadcast(chair.place, "bohb.place")

    def serve(self, loop: Callable[[], Report]) -> Report:
        """Evaluates what the loop submits, with all ranks, until the loop ends; returns or raises what it does."""
        threading.Thread(target=self._run, args=(loop,), daemon=True).start()
        while (call := self.executor.calls.get()) is not None:
            future, evaluation, trial = call
            if future.set_running_or_notify_cancel():
                future.set_result(self._evaluate(evaluation, trial))
        error = self._ended.exception()
        last = _End(self._ended.result(), "") if error is None else _End(None, f"{type(error).__name__}: {error}")
        self._broadcast(last)
        self._chair.close()
        self._group.close()
        return self._ended.result()

    def _run(self, loop: Callable[[], Report]) -> None:
        try:
            self._ended.set_result(loop())
        except BaseException as error:  # it is raised in the main thread
            self._ended.set_exception(error)
        self.executor.calls.put(None)

    def _evaluate(self, evaluation: Evaluation, trial: Trial) -> Outcome:
        self._chair.begin(self._trial_seconds)
        self._broadcast(trial)
        own = evaluation(trial)
        others = self._chair.collect(own_failed=own.error is not None)
        if own.error is not None:
            return own
        failed = next(((rank, outcome) for rank, outcome in others if outcome is not None), None)
        if failed is None:
            return own
        rank, outcome = failed
        return on_rank(rank, self._group.size, outcome)

    def _broadcast(self, value: Trial | _End) -> None:
        self._number += 1
        self._group.broadcast(value, f"bohb.{self._number}")


def _follow(group: Group, evaluation: Evaluation) -> Report:
    """Evaluates, on another rank, every trial that rank 0 shows."""
    member = Member(group.broadcast(None, "bohb.place"), group.rank)
    number = 1
    while not isinstance(value := group.broadcast(None, f"bohb.{number}"), _End):
        outcome = evaluation(value)
        has_failed = outcome.error is not None
        member.vote(outcome if has_failed else None, has_failed=has_failed)
        number += 1
    member.close()
    group.close()
    if value.report is None:
        raise RuntimeError(f"rank 0 ended with an error: {value.error}")
    return value.report


def _group(launcher: Launcher | None) -> Group:
    name = launcher or next((name for name, signs in SIGNS.items() if any(sign in os.environ for sign in signs)), None)
    if name == "horovod":
        from bohb.runner.ranks.horovod import HorovodGroup

        return HorovodGroup()
    if name == "torchrun":
        from bohb.runner.ranks.torchrun import TorchGroup

        return TorchGroup()
    if name == "mpi":
        from bohb.runner.ranks.mpi import MpiGroup

        return MpiGroup()
    raise SettingError(
        f"expected a program under horovodrun, torchrun or mpirun, got launcher={launcher!r} and none of their "
        "environment variables; start it with one of them, name it with launcher=, or use bohb.run"
    )
