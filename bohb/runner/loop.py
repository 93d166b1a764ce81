"""The one loop: ask, submit, wait, tell. It is the same for every executor; see `executors/protocol.py`.

An exception in a future means that the executor failed, since what the objective raises comes back as data; see
`evaluation.py`.
"""

import math
import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future, wait
from dataclasses import dataclass, field
from pathlib import Path

from bohb.errors import ExecutorBroken, SettingError, SpaceExhausted
from bohb.optimizer.outcomes import warn_of
from bohb.runner.evaluation import Evaluation, Outcome
from bohb.runner.executors.protocol import Features, Submitter
from bohb.runner.interface import AskTell, LeaseKeeper
from bohb.runner.limits import Limits, cost
from bohb.runner.records import Callback, TrialEnded, TrialLost, TrialStarted, notify
from bohb.runner.report import Report, RunTotals
from bohb.runner.signals import Interrupts
from bohb.trials import Failure, Result, Trial

SECONDS_TO_END = 10.0
"""How long an interrupted run waits for the trials that it ended."""


@dataclass(slots=True)
class Running:
    """A running trial; `started_at` and `deadline` are on the monotonic clock."""

    trial: Trial
    cost: float
    started_at: float
    deadline: float
    is_overdue: bool = False


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
    done: queue.SimpleQueue[Future[Outcome]] = field(default_factory=queue.SimpleQueue)
    totals: RunTotals = field(default_factory=RunTotals)
    started_at: float = field(default_factory=time.monotonic)
    leases: LeaseKeeper = field(init=False)

    def __post_init__(self) -> None:
        self.leases = LeaseKeeper(self.search, is_blocking=self.features.is_blocking)

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
        while len(self.running) < self.workers and self.done.empty():
            num_trials = len(self.totals.results) + len(self.running)
            spent = self.totals.spent + sum(entry.cost for entry in self.running.values())
            reason = self.limits.reached(num_trials, self.seconds, spent) or self.start()
            if reason is not None:
                return reason
        return None

    def start(self) -> str | None:
        """Ask and submit one trial; return why there is none, or None."""
        try:
            trial = self.leases.ask()
        except SpaceExhausted:
            return "space exhausted"
        try:
            notify(self.callbacks, TrialStarted(trial, self.seconds))
            now = time.monotonic()
            entry = Running(trial, cost(self.search, trial), now, now + (self.trial_seconds or math.inf))
            future = self.submit(trial)
        except BaseException:  # nobody runs it
            self.leases.give_back(trial)
            raise
        self.running[future] = entry
        future.add_done_callback(self.done.put)
        return None

    def submit(self, trial: Trial) -> Future[Outcome]:
        """Submit a trial."""
        try:
            if not self.features.is_blocking:
                return self.executor.submit(self.evaluation, trial)
            with self.interrupts.allowed():
                return self.executor.submit(self.evaluation, trial)
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
            if self.features.end is not None and time.monotonic() >= entry.deadline and not entry.is_overdue:
                entry.is_overdue = True
                self.features.end(future)

    def finish(self, future: Future[Outcome]) -> None:
        """Tell the outcome of a future, or give its trial back."""
        entry = self.running.pop(future)
        self.totals.busy_seconds += time.monotonic() - entry.started_at
        error = _executor_error(future)
        outcome = future.result() if error is None else Outcome(error=str(error))
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
            raise SettingError(f"expected an objective that the workers can load, got:\n{outcome.traceback}")
        if not outcome.is_answer and not self.totals.results:  # every other trial would return the same nonsense
            self.leases.give_back(entry.trial)
            raise SettingError(f"expected an objective that returns a loss, but its first trial: {outcome.error}")
        warn_of(outcome.dropped)
        result = _tell(self.search, entry.trial, outcome)
        self.totals.results.append(result)
        self.totals.spent += entry.cost
        self.after_tell()
        seconds = time.monotonic() - entry.started_at
        notify(
            self.callbacks,
            TrialEnded(
                result,
                incumbent=self.search.incumbent,
                cost=entry.cost,
                spent=self.totals.spent,
                num_trials=len(self.totals.results),
                trial_seconds=seconds,
                seconds=self.seconds,
            ),
        )

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
            notify(self.callbacks, TrialLost(entry.trial, f"{type(error).__name__}: {error}", self.seconds))

    def close(self) -> None:
        """Tell the trials that are done, end the others and give them back."""
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

    def give_back(self, entry: Running, reason: str) -> None:
        """Make a trial without a result available again."""
        self.leases.give_back(entry.trial)
        notify(self.callbacks, TrialLost(entry.trial, reason, self.seconds))

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
        return self.totals.report(
            self.search, seconds=self.seconds, workers=self.workers, stopped_by=stopped_by, output=self.output
        )


def _executor_error(future: Future[Outcome]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        return error


def _tell(search: AskTell, trial: Trial, outcome: Outcome) -> Result:
    if outcome.error is None:
        return search.tell(trial, outcome.loss, checkpoint=outcome.checkpoint, info=outcome.info)
    traceback = {} if outcome.traceback is None else {"traceback": outcome.traceback}
    return search.tell(trial, Failure(outcome.error), info={**outcome.info, "error": outcome.error} | traceback)


def _broken(error: BaseException) -> ExecutorBroken:
    return ExecutorBroken(
        f"expected an executor that survives a dead worker, got one that is broken for good: {error}; every trial that "
        "ended is told, the others will be asked again: make a new executor and call run again with the same search, "
        "or use bohb.runner.ProcessExecutor, which loses one trial with one worker"
    )
