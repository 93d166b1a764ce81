"""Search in programs that already run on several ranks, under `horovodrun`, `torchrun` or `mpirun`.

    report = spmd.run(objective, make_study, max_trials=100)    # the same line on every rank

Rank 0 owns the search and runs the usual loop in a thread of its own. The main thread of each rank evaluates, since
collectives, CUDA and signals belong there:

    rank 0, loop:  ask ---> submit                                   tell <--- future
    rank 0, main:                 broadcast(trial) -> objective -> votes --^
    other ranks:                  broadcast(trial) -> objective -> vote, and wait for the next

Every broadcast has a name, because Horovod otherwise names an object by its type, and ranks that wait for different
names wait forever. The ranks do not exchange outcomes by collectives: after an exception on one rank, the others may
still wait for it inside the objective. They use connections of their own (`ranks/votes.py`). If a rank dies, or the
ranks wait for each other, the program ends on all ranks with an error. Let the launcher start it again: a study
continues, and the trial that was interrupted is asked again when its lease expires.
"""

import os
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from bohb._checks import check_positive
from bohb._text import brief
from bohb.errors import SettingError
from bohb.objectives import advised
from bohb.runner.evaluation import Evaluation, Objective, Outcome
from bohb.runner.interface import AskTell
from bohb.runner.launch import run as run_loop
from bohb.runner.ranks.reports import on_rank
from bohb.runner.ranks.votes import VoteLeader, VoteMember
from bohb.runner.records import Callback
from bohb.runner.report import Report

Launcher = Literal["horovod", "torchrun", "mpi"]

SIGNS: dict[Launcher, tuple[str, ...]] = {
    "horovod": ("HOROVOD_RANK",),
    "torchrun": ("TORCHELASTIC_RUN_ID",),
    "mpi": ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"),
}
"""The environment variables that show which launcher started the program; the first that is set counts."""


class Group(Protocol):
    """The ranks of this program, as one of the libraries gives them."""

    @property
    def rank(self) -> int:
        """The number of this rank."""

    @property
    def size(self) -> int:
        """The number of ranks."""

    def broadcast(self, value: Any, name: str) -> Any:
        """Return rank 0's value on every rank."""

    def close(self) -> None:
        """Release what was made for this group, on every rank."""


@advised
def run(
    objective: Objective,
    optimizer_or_study: AskTell | Callable[[], AskTell] | None,
    *,
    launcher: Launcher | None = None,
    max_trials: int | None = None,
    max_seconds: float | None = None,
    max_budget: float | None = None,
    max_failures: int | None = None,
    target: float | None = None,
    patience: float | None = None,
    trial_seconds: float | None = None,
    straggler_seconds: float = 60.0,
    directory: str | Path | None = None,
    keep: Literal["all", "releasable"] = "all",
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
) -> Report:
    """Evaluate trials on all ranks together until a limit is reached; call it on every rank.

    Every rank calls the objective with the same trial; what rank 0 returns counts. If the objective raises on any rank,
    the trial is a failure, and all ranks continue with the next one.

    Args:
        objective: As for `bohb.run`.
        optimizer_or_study: What to ask and tell, or a function that makes it. Only rank 0 uses it.
        launcher: What started the program; by default this is read from the environment.
        max_trials: As for `bohb.run`.
        max_seconds: As for `bohb.run`.
        max_budget: As for `bohb.run`.
        max_failures: As for `bohb.run`.
        target: As for `bohb.run`.
        patience: As for `bohb.run`.
        trial_seconds: The seconds that a trial may take. A call that hangs cannot be ended alone, so after that
            the program ends on all ranks with an error.
        straggler_seconds: The seconds that the other ranks have to finish once one has failed. After that they probably
            wait for the failed one, and the program ends on all ranks with an error.
        directory: A folder that all ranks can reach.
        keep: As for `bohb.run`.
        callbacks: As for `bohb.run`; called on rank 0.
        progress: Whether rank 0 shows the progress of the run.

    Returns:
        What the run did, the same on every rank.

    Raises:
        SettingError: If no launcher started this program, or a setting is not valid.
        RuntimeError: On the other ranks, if rank 0 ended with an error.
    """
    for name, value in (("straggler_seconds", straggler_seconds), ("trial_seconds", trial_seconds)):
        if value is not None:
            check_positive(name, value)
    group = _group(launcher)
    if group.rank > 0:
        folder = None if directory is None else Path(directory).absolute()
        return _follow(group, Evaluation(objective, directory=folder, keeps_open=True, reads=False))
    leader = _LeadRank(group, VoteLeader(group.size, patience=straggler_seconds), trial_seconds)

    def loop() -> Report:
        search = optimizer_or_study if hasattr(optimizer_or_study, "ask") else optimizer_or_study()  # type: ignore[misc]
        return run_loop(
            objective,
            search,  # type: ignore[arg-type]
            executor=leader.executor,
            max_trials=max_trials,
            max_seconds=max_seconds,
            max_budget=max_budget,
            max_failures=max_failures,
            target=target,
            patience=patience,
            directory=directory,
            keep=keep,
            callbacks=callbacks,
            progress=progress,
        )

    return leader.serve(loop)


_Call = tuple[Any, ...]
"""The arguments of an evaluation: the trial, from where it resumes, and whether it goes on in place."""


@dataclass(frozen=True, slots=True)
class _Stop:
    """What is broadcast instead of a trial, at the end of the run."""

    report: Report | None
    error: str


class _AllRanksExecutor(Executor):
    """The executor of the loop on rank 0; the main thread takes what is submitted from `calls`."""

    workers = 1
    in_process = True

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[tuple[Future[Outcome], Evaluation, _Call] | None] = queue.SimpleQueue()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand an evaluation and a trial to the main thread."""
        assert isinstance(fn, Evaluation), "made for the loop, which submits evaluations"
        assert not kwargs
        future: Future[Outcome] = Future()
        self.calls.put((future, fn, args))
        return future


class _LeadRank:
    """The main thread of rank 0."""

    def __init__(self, group: Group, leader: VoteLeader, trial_seconds: float | None) -> None:
        self.executor = _AllRanksExecutor()
        self._group = group
        self._leader = leader
        self._trial_seconds = trial_seconds
        self._number = 0
        self._ended: Future[Report] = Future()
        group.broadcast(leader.address, "bohb.address")

    def serve(self, loop: Callable[[], Report]) -> Report:
        """Evaluate what the loop submits on all ranks until the loop ends; return or raise what the loop does."""
        threading.Thread(target=self._run, args=(loop,), daemon=True).start()
        while (call := self.executor.calls.get()) is not None:
            future, evaluation, arguments = call
            if future.set_running_or_notify_cancel():
                future.set_result(self._evaluate(evaluation, arguments))
        error = self._ended.exception()
        last = _Stop(self._ended.result(), "") if error is None else _Stop(None, f"{type(error).__name__}: {error}")
        self._leader.finish()  # before the broadcast, after which the other ranks may end at any time
        self._broadcast(last)
        self._leader.close()
        self._group.close()
        return self._ended.result()

    def _run(self, loop: Callable[[], Report]) -> None:
        try:
            self._ended.set_result(loop())
        except BaseException as error:  # it is raised in the main thread
            self._ended.set_exception(error)
        self.executor.calls.put(None)

    def _evaluate(self, evaluation: Evaluation, call: _Call) -> Outcome:
        self._leader.begin(self._trial_seconds)
        self._broadcast(call)
        own = _call(evaluation, call)
        others = self._leader.collect(own_failed=own.error is not None)
        if own.error is not None:
            return own
        failed = next(((rank, outcome) for rank, outcome in others if outcome is not None), None)
        if failed is None:
            return own
        rank, outcome = failed
        return on_rank(rank, self._group.size, outcome)

    def _broadcast(self, value: _Call | _Stop) -> None:
        self._number += 1
        self._group.broadcast(value, f"bohb.{self._number}")


def _follow(group: Group, evaluation: Evaluation) -> Report:
    """Evaluate every trial that rank 0 broadcasts, on another rank."""
    member = VoteMember(group.broadcast(None, "bohb.address"), group.rank)
    number = 1
    while not isinstance(value := group.broadcast(None, f"bohb.{number}"), _Stop):
        outcome = _call(evaluation, value)
        has_failed = outcome.error is not None and outcome.is_answer  # rank 0 has the loss, and this one need not
        member.vote(outcome if has_failed else None, has_failed=has_failed)
        number += 1
    evaluation.close()
    member.close()
    group.close()
    if value.report is None:
        raise RuntimeError(f"rank 0 ended with an error: {value.error}")
    return value.report


def _call(evaluation: Evaluation, call: _Call) -> Outcome:
    """Evaluate on this rank. A training waits only until the next call, on all ranks alike."""
    if call[-1] == "start":
        evaluation.close()
    return evaluation(*call)


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
        f"expected a program under horovodrun, torchrun or mpirun, got launcher={brief(launcher)} and none of their "
        "environment variables; start it with one of them, name it with launcher=, or use bohb.run"
    )
