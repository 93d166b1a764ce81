"""The one loop: ask, submit, wait, tell. It is the same for every executor; see `executors/protocol.py`.

An exception in a future means that the executor failed, since what the objective raises comes back as data; see
`evaluation.py`.
"""

import math
import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from bohb.errors import ExecutorBroken, SettingError, SpaceExhausted
from bohb.objectives import Goal
from bohb.optimizer import Optimizer
from bohb.optimizer.outcomes import warn_of
from bohb.runner.checkpoints import without_lost
from bohb.runner.evaluation import Evaluation, Outcome, told_value, worker_name
from bohb.runner.executors.protocol import Features, Submitter
from bohb.runner.interface import AskTell, LeaseKeeper
from bohb.runner.limits import Limits, cost, resumed_from
from bohb.runner.records import Callback, Record, TrialEnded, TrialLost, TrialStarted, notify
from bohb.runner.report import Report, RunTotals
from bohb.runner.signals import Interrupts
from bohb.runner.stopping import Stopping
from bohb.trials import Failure, Result, Trial

SECONDS_TO_END = 10.0
"""How long an interrupted run waits for the trials that it ended."""
SECONDS_TO_CLOSE = 30.0
"""How long a training may take to end that is closed where its trial ended."""


@dataclass(slots=True)
class Running:
    """A running trial; `started_at` and `deadline` are on the monotonic clock.

    `before` is the trial whose training it continues in place.
    """

    trial: Trial
    cost: float
    started_at: float
    deadline: float
    is_overdue: bool = False
    before: Trial | None = None


@dataclass(slots=True)
class Loop:
    """One run: its settings, its running trials, and its totals."""

    evaluation: Evaluation
    search: AskTell
    executor: Submitter
    features: Features
    workers: int
    limits: Limits
    trial_seconds: float | None
    retries: int
    callbacks: Sequence[Callback]
    after_tell: Callable[[], None]
    interrupts: Interrupts = field(default_factory=Interrupts)
    running: dict[Future[Outcome], Running] = field(default_factory=dict)
    waiting: dict[Future[Outcome], Trial] = field(default_factory=dict)
    done: queue.SimpleQueue[Future[Outcome]] = field(default_factory=queue.SimpleQueue)
    totals: RunTotals = field(default_factory=RunTotals)
    started_at: float = field(default_factory=time.monotonic)
    leases: LeaseKeeper = field(init=False)
    stopping: Stopping = field(init=False)

    def __post_init__(self) -> None:
        self.leases = LeaseKeeper(self.search, is_blocking=self.features.is_blocking)
        goal = self.evaluation.goal
        self.stopping = Stopping(self.limits, self.search.ladder, self.workers, self.search.incumbent, goal)

    def run(self) -> str:
        """Run until a limit is reached and no trial is running, or until a signal comes; return why the run ended."""
        with self.interrupts:
            try:
                return self.run_to_limit()
            except KeyboardInterrupt:
                return self.interrupts.reason or "interrupted"
            finally:
                self.close()

    def run_to_limit(self) -> str:
        """Keep every worker busy and tell each outcome as it arrives; return the limit that was reached."""
        while True:
            reason = self.fill()
            if reason is not None and not self.running:
                return reason
            for future in self.wait():
                self.finish(future)
            self.end_overdue()
            self.leases.beat(entry.trial for entry in self.running.values())

    def fill(self) -> str | None:
        """Start trials while a worker is free and no outcome waits; return the limit reached, or None."""
        while self.waiting and self.done.empty():
            self.go_on(next(iter(self.waiting)))
        while len(self.running) < self.workers and self.done.empty():
            reason = self.limit_reached() or self.start()
            if reason is not None:
                return reason
        return None

    def limit_reached(self) -> str | None:
        """Return the limit that is reached if the running trials count, or None."""
        num_trials = len(self.totals.results) + len(self.running)
        spent = self.totals.spent + sum(entry.cost for entry in self.running.values())
        return self.stopping.reason or self.limits.reached(num_trials, self.seconds, spent)

    def go_on(self, waited: Future[Outcome]) -> None:
        """Let the training of a told trial go on in place if that is the next step of the search, or else close it."""
        before = self.waiting[waited]
        trial = self.leases.go_on(before) if self.limit_reached() is None else None
        del self.waiting[waited]
        if trial is None:
            self.close_training(waited, before)
        else:
            self.begin(trial, self.in_place(waited), before)

    def close_training(self, waited: Future[Outcome], trial: Trial) -> None:
        """Close the training of a told trial."""
        self.submit(partial(self.in_place(waited), seconds=SECONDS_TO_CLOSE), trial, 0, "close")

    def in_place(self, waited: Future[Outcome]) -> Callable[..., Future[Outcome]]:
        """Return what submits an evaluation to the process in which a training waits."""
        assert self.features.go_on is not None, "only then a training waits"
        return partial(self.features.go_on, waited, self.evaluation)

    def start(self) -> str | None:
        """Ask and submit one trial; return why there is none, or None."""
        try:
            trial = without_lost(self.leases.ask(), self.evaluation.directory)
        except SpaceExhausted:
            return "space exhausted"
        self.begin(trial, partial(self.executor.submit, self.evaluation), None)
        return None

    def begin(self, trial: Trial, submit: Callable[..., Future[Outcome]], before: Trial | None) -> None:
        """Submit a trial, which may continue the training of another one in place."""
        try:
            self.notify(TrialStarted(trial, self.seconds))
            now, spends = time.monotonic(), cost(self.search, trial, before=before)
            entry = Running(trial, spends, now, now + (self.trial_seconds or math.inf), before=before)
            start = resumed_from(self.search, trial) or 0
            future = self.submit(submit, trial, start, "start" if before is None else "go on")
        except BaseException:  # nobody runs it
            self.leases.give_back(trial)
            raise
        self.running[future] = entry
        future.add_done_callback(self.done.put)

    def submit(self, submit: Callable[..., Future[Outcome]], *arguments: Any) -> Future[Outcome]:
        """Submit an evaluation."""
        try:
            if not self.features.is_blocking:
                return submit(*arguments)
            with self.interrupts.allowed():
                return submit(*arguments)
        except BrokenExecutor as error:
            raise _broken(error) from error

    def wait(self) -> Sequence[Future[Outcome]]:
        """Return the futures that are done: at least one, unless a deadline or a heartbeat is due first."""
        due = min((entry.deadline for entry in self.running.values() if not entry.is_overdue), default=math.inf)
        seconds = min(due, self.leases.due_at) - time.monotonic()
        done = []
        try:
            with self.interrupts.allowed():
                done.append(self.done.get(timeout=max(0.0, seconds) if seconds < math.inf else None))
            while True:
                done.append(self.done.get_nowait())
        except queue.Empty:
            return sorted(done, key=lambda future: self.running[future].trial.id)

    def end_overdue(self) -> None:
        """End the trials that are past their deadline; each is told once its future is done."""
        for future, entry in self.running.items():
            if self.features.end is None or time.monotonic() < entry.deadline or entry.is_overdue:
                continue
            left = self.seconds_left(future)
            if left > 0:
                entry.deadline = time.monotonic() + left
            else:
                entry.is_overdue = True
                self.features.end(future)

    def seconds_left(self, future: Future[Outcome]) -> float:
        """Return how long a trial may still run that waited for a machine first; 0 if it did not wait."""
        if self.features.seconds_of is None or self.trial_seconds is None:
            return 0
        return self.trial_seconds - (self.features.seconds_of(future) or 0)

    def finish(self, future: Future[Outcome]) -> None:
        """Tell the outcome of a future, or give its trial back."""
        entry = self.running.pop(future)
        self.totals.busy_seconds += time.monotonic() - entry.started_at
        error = _executor_error(future)
        outcome = future.result() if error is None else Outcome(error=str(error))
        if outcome.is_open:
            self.waiting[future] = entry.trial
        if entry.is_overdue and outcome.error is not None:  # ended by SIGTERM, or by its own handler of it
            outcome = Outcome(error=f"TimeoutError: the trial took longer than {self.trial_seconds} s")
            self.tell(entry, outcome)
        elif error is not None:
            self.lose(entry, error)
        else:
            self.tell(entry, outcome)

    def tell(self, entry: Running, outcome: Outcome) -> None:
        """Tell an outcome, then notify the callbacks."""
        if not outcome.is_loaded:
            self.leases.give_back(entry.trial)
            raise SettingError(
                f"expected workers that can load the objective and write to their folders, got:\n{outcome.traceback}"
            )
        if not outcome.is_answer and not self.totals.results:  # every other trial would return the same nonsense
            self.leases.give_back(entry.trial)
            raise SettingError(f"expected an objective that returns a loss, but its first trial: {outcome.error}")
        warn_of(outcome.dropped)
        result = self.record(entry, outcome)
        if outcome.used is not None or (entry.before is not None and not outcome.in_place):
            before = entry.before if outcome.in_place else None
            entry.cost = cost(self.search, entry.trial, before=before, used=outcome.used)
        self.totals.results.append(result)
        self.totals.spent += entry.cost
        incumbent = self.search.incumbent
        self.stopping.take(self.totals.results, self.totals.spent, incumbent)
        self.after_tell()
        seconds = time.monotonic() - entry.started_at
        self.notify(
            TrialEnded(
                result,
                incumbent=incumbent,
                cost=entry.cost,
                spent=self.totals.spent,
                num_trials=len(self.totals.results),
                trial_seconds=seconds,
                seconds=self.seconds,
            ),
        )

    def record(self, entry: Running, outcome: Outcome) -> Result:
        """Tell the search an outcome. A study has a clock of its own, and an optimizer gets the time of this one."""
        if hasattr(self.search, "report"):
            for budget, point in outcome.curve:
                warn_of(point.dropped)
                reached = _reached(point, self.evaluation.goal)
                self.search.report(entry.trial, budget, reached, checkpoint=point.checkpoint)
        told = _told(self.with_worker(outcome), self.evaluation.goal)
        if isinstance(self.search, Optimizer):
            told |= {"seconds": time.monotonic() - entry.started_at, "finished_at": time.time()}
        return self.search.tell(entry.trial, **told)

    def with_worker(self, outcome: Outcome) -> Outcome:
        """Return the outcome with the name of its worker in the info, if others may differ and the user gave none."""
        is_told_apart = hasattr(self.search, "heartbeat") or outcome.worker != worker_name()
        if outcome.worker is None or not is_told_apart:
            return outcome
        return replace(outcome, info={"worker": outcome.worker, **outcome.info})

    def lose(self, entry: Running, error: BaseException) -> None:
        """Give a trial back whose worker was lost; after `retries` losses tell it as a failure."""
        if isinstance(error, BrokenExecutor):
            self.give_back(entry, str(error))
            raise _broken(error) from error
        key = (entry.trial.config_id, self.search.ladder.level(entry.trial.budget))
        self.totals.losses[key] += 1
        if self.totals.losses[key] > self.retries:
            self.tell(entry, Outcome(error=f"{type(error).__name__}: {error}"))
        else:
            self.search.forget(entry.trial)
            self.notify(TrialLost(entry.trial, f"{type(error).__name__}: {error}", self.seconds))

    def close(self) -> None:
        """Tell the trials that are done, end the others and give them back. Close the trainings that wait."""
        left = {future for future in self.running if not future.cancel() and not future.done()}
        if self.features.end is not None:
            for future in left:
                self.features.end(future)
            wait(left, timeout=SECONDS_TO_END)
        for future in list(self.running):
            if future.done() and _executor_error(future) is None and future.result().is_loaded:
                self.finish(future)
            else:
                entry = self.running.pop(future)
                self.totals.busy_seconds += time.monotonic() - entry.started_at
                self.give_back(entry, "the run was stopped")
        for waited, trial in self.waiting.items():
            with suppress(ExecutorBroken):
                self.close_training(waited, trial)
        self.waiting.clear()

    def give_back(self, entry: Running, reason: str) -> None:
        """Make a trial without a result available again."""
        self.leases.give_back(entry.trial)
        self.notify(TrialLost(entry.trial, reason, self.seconds))

    def notify(self, record: Record) -> None:
        """Call every callback with a record; one of them may end the run."""
        self.stopping.request(notify(self.callbacks, record))

    @property
    def seconds(self) -> float:
        """How long the run has taken."""
        return time.monotonic() - self.started_at

    @property
    def output(self) -> Path | None:
        """The folder of what the trials printed, if the executor kept anything."""
        folder = self.evaluation.output or self.features.output
        return folder if folder is not None and folder.exists() else None

    def report(self, stopped_by: str) -> Report:
        """Return what the run did."""
        report = self.totals.report(
            self.search, seconds=self.seconds, workers=self.workers, stopped_by=stopped_by, output=self.output
        )
        return replace(report, last_traceback=self.totals.last_traceback) if self.stopping.by_failures else report


def _executor_error(future: Future[Outcome]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        return error


def _reached(point: Outcome, goal: Goal) -> Any:
    """Return what to report of an outcome on the way."""
    if point.error is not None:
        return Failure(point.error)
    value = told_value(point, goal)
    return {"info": point.info, **(value if goal.is_declared else {goal.name: value})}


def _told(outcome: Outcome, goal: Goal) -> dict[str, Any]:
    """Return what to tell of an outcome, as the arguments of `tell`."""
    if outcome.error is None:
        used = {} if outcome.used is None else {"budget": outcome.used}
        more = {"checkpoint": outcome.checkpoint, "info": outcome.info, **used}
        return {"outcome": told_value(outcome, goal), **more}
    traceback = {} if outcome.traceback is None else {"traceback": outcome.traceback}
    return {"outcome": Failure(outcome.error), "info": {**outcome.info, "error": outcome.error} | traceback}


def _broken(error: BaseException) -> ExecutorBroken:
    return ExecutorBroken(
        f"expected an executor that survives a dead worker, got one that is broken for good: {error}; every trial that "
        "ended is told, the others will be asked again: make a new executor and call run again with the same search, "
        "or use bohb.runner.ProcessExecutor, which loses one trial with one worker"
    )
