"""The one loop: ask, submit, wait, tell. It is the same for every engine that follows `concurrent.futures`.

What an engine may offer beyond PEP 3148, each found by its name:

* `workers`: how many trials it runs at the same time.
* `end(future)`: ends a running trial with all its processes; its future is done soon after, with `WorkerLost`.
* `output`: the folder, a path, for what trials print if the run has no directory.
* `in_process`: it does not pickle what is submitted. `is_blocking`: it evaluates inside `submit`.

An exception in a future is the engine's, since the objective's own come back as data (see `evaluation.py`).
"""

import math
import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import dataclass, field
from pathlib import Path

from bohb.errors import ExecutorBroken, SettingError, SpaceExhausted
from bohb.runner.evaluation import Evaluation, Outcome
from bohb.runner.interface import Leases, Search
from bohb.runner.limits import Limits, cost
from bohb.runner.records import Callback, TrialEnded, TrialLost, TrialStarted, notify
from bohb.runner.report import Report, Tally
from bohb.runner.signals import Interrupts
from bohb.trials import Failure, Result, Trial

SECONDS_TO_END = 10.0
"""How long to wait, at the end of an interrupted run, for the trials that were ended."""


@dataclass(slots=True)
class Running:
    """A trial in flight; `deadline` is on the monotonic clock."""

    trial: Trial
    cost: float
    started_at: float
    deadline: float
    is_overdue: bool = False


@dataclass(slots=True)
class Loop:
    """One run: what it was given, what is in flight, what is done."""

    evaluation: Evaluation
    search: Search
    engine: Executor
    workers: int
    limits: Limits
    trial_seconds: float | None
    retries: int
    callbacks: Sequence[Callback]
    after_tell: Callable[[], None]
    interrupts: Interrupts = field(default_factory=Interrupts)
    running: dict[Future[Outcome], Running] = field(default_factory=dict)
    done: queue.SimpleQueue[Future[Outcome]] = field(default_factory=queue.SimpleQueue)
    tally: Tally = field(default_factory=Tally)
    started_at: float = field(default_factory=time.monotonic)
    leases: Leases = field(init=False)

    def __post_init__(self) -> None:
        self.leases = Leases(self.search, is_blocking=getattr(self.engine, "is_blocking", False))

    def run(self) -> str:
        """Runs until a limit is reached and nothing is in flight, or a signal comes; returns why it ended."""
        with self.interrupts:
            try:
                return self.go_round()
            except KeyboardInterrupt:
                return self.interrupts.reason or "interrupted"
            finally:
                self.close()

    def go_round(self) -> str:
        """Keeps every worker busy, and tells each outcome as soon as it is there; returns the limit reached."""
        while True:
            reason = self.fill()
            if reason is not None and not self.running:
                return reason
            for future in self.wait():
                self.finish(future)
            self.end_overdue()
            self.leases.beat(entry.trial for entry in self.running.values())

    def fill(self) -> str | None:
        """Starts trials while a worker is free and nothing waits to be told; returns what forbids it, or None."""
        while len(self.running) < self.workers and self.done.empty():
            num_trials = len(self.tally.results) + len(self.running)
            spent = self.tally.spent + sum(entry.cost for entry in self.running.values())
            reason = self.limits.reached(num_trials, self.seconds, spent) or self.start()
            if reason is not None:
                return reason
        return None

    def start(self) -> str | None:
        """Asks and submits one trial; returns why not, or None."""
        try:
            trial = self.leases.ask()
        except SpaceExhausted:
            return "space exhausted"
        notify(self.callbacks, TrialStarted(trial, self.seconds))
        now = time.monotonic()
        entry = Running(trial, cost(self.search, trial), now, now + (self.trial_seconds or math.inf))
        future = self.submit(trial)
        self.running[future] = entry
        future.add_done_callback(self.done.put)
        return None

    def submit(self, trial: Trial) -> Future[Outcome]:
        """Hands a trial to the engine, or gives it back."""
        try:
            if not getattr(self.engine, "is_blocking", False):
                return self.engine.submit(self.evaluation, trial)
            with self.interrupts.allowed():
                return self.engine.submit(self.evaluation, trial)
        except BaseException as error:
            self.leases.give_back(trial)
            if isinstance(error, BrokenExecutor):
                raise _broken(error) from error
            raise

    def wait(self) -> Sequence[Future[Outcome]]:
        """Returns the futures that are done, at least one unless a clock ran out first."""
        due = min((entry.deadline for entry in self.running.values() if not entry.is_overdue), default=math.inf)
        patience = min(due, self.leases.due_at) - time.monotonic()
        done = []
        try:
            with self.interrupts.allowed():
                done.append(self.done.get(timeout=max(0.0, patience) if patience < math.inf else None))
            while True:
                done.append(self.done.get_nowait())
        except queue.Empty:
            return sorted(done, key=lambda future: self.running[future].trial.id)

    def end_overdue(self) -> None:
        """Ends the trials whose time is up; each is told once its future is done."""
        for future, entry in self.running.items():
            if time.monotonic() >= entry.deadline and not entry.is_overdue:
                entry.is_overdue = True
                self.engine.end(future)  # type: ignore[attr-defined]  # there are deadlines only if the engine can

    def finish(self, future: Future[Outcome]) -> None:
        """Tells what a future holds, or gives its trial back."""
        entry = self.running.pop(future)
        self.tally.busy_seconds += time.monotonic() - entry.started_at
        error = _engine_error(future)
        outcome = future.result() if error is None else Outcome(error=str(error))
        if entry.is_overdue and outcome.error is not None:  # died of SIGTERM, or of its own answer to it
            outcome = Outcome(error=f"TimeoutError: the trial took longer than {self.trial_seconds} s")
            self.tell(entry, outcome)
        elif error is not None:
            self.lose(entry, error)
        else:
            self.tell(entry, outcome)

    def tell(self, entry: Running, outcome: Outcome) -> None:
        """Tells an outcome, then shows it to the callbacks."""
        if not outcome.is_loaded:
            self.leases.give_back(entry.trial)
            raise SettingError(f"expected an objective that the workers can load, got:\n{outcome.traceback}")
        result = _tell(self.search, entry.trial, outcome)
        self.tally.results.append(result)
        self.tally.spent += entry.cost
        self.after_tell()
        seconds = time.monotonic() - entry.started_at
        totals = (self.tally.spent, len(self.tally.results), seconds, self.seconds)
        notify(self.callbacks, TrialEnded(result, self.search.incumbent, entry.cost, *totals))

    def lose(self, entry: Running, error: BaseException) -> None:
        """Gives a trial back whose worker was lost; if that happened too often, the configuration is to blame."""
        if isinstance(error, BrokenExecutor):
            self.give_back(entry, str(error))
            raise _broken(error) from error
        key = (entry.trial.config_id, self.search.ladder.level(entry.trial.budget))
        self.tally.losses[key] += 1
        if self.tally.losses[key] > self.retries:
            self.tell(entry, Outcome(error=f"{type(error).__name__}: {error}"))
        else:
            self.search.forget(entry.trial)
            notify(self.callbacks, TrialLost(entry.trial, f"{type(error).__name__}: {error}", self.seconds))

    def close(self) -> None:
        """Tells what is done by now, ends the rest and gives it back."""
        left = {future for future in self.running if not future.cancel() and not future.done()}
        if hasattr(self.engine, "end"):
            for future in left:
                self.engine.end(future)
            wait(left, timeout=SECONDS_TO_END)
        for future in list(self.running):
            if future.done() and _engine_error(future) is None and future.result().is_loaded:
                self.finish(future)
            else:
                entry = self.running.pop(future)
                self.tally.busy_seconds += time.monotonic() - entry.started_at
                self.give_back(entry, "the run was stopped")

    def give_back(self, entry: Running, reason: str) -> None:
        """Makes a trial that has no result available again."""
        self.leases.give_back(entry.trial)
        notify(self.callbacks, TrialLost(entry.trial, reason, self.seconds))

    @property
    def seconds(self) -> float:
        """How long the run has lasted."""
        return time.monotonic() - self.started_at

    @property
    def output(self) -> Path | None:
        """The folder of what the trials printed, if the engine kept it and there was anything."""
        folder: Path | None = self.evaluation.output or getattr(self.engine, "output", None)
        return folder if folder is not None and folder.exists() else None

    def report(self, stopped_by: str) -> Report:
        """Returns what the run did."""
        return self.tally.report(
            self.search, seconds=self.seconds, workers=self.workers, stopped_by=stopped_by, output=self.output
        )


def _engine_error(future: Future[Outcome]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        return error


def _tell(search: Search, trial: Trial, outcome: Outcome) -> Result:
    if outcome.error is None:
        return search.tell(trial, outcome.loss, checkpoint=outcome.checkpoint, info=outcome.info)
    traceback = {} if outcome.traceback is None else {"traceback": outcome.traceback}
    return search.tell(trial, Failure(outcome.error), info={**outcome.info, "error": outcome.error} | traceback)


def _broken(error: BaseException) -> ExecutorBroken:
    return ExecutorBroken(
        f"expected an executor that survives a dead worker, got one that is broken for good: {error}; everything that "
        "ended is told, the rest will be asked again: make a new executor and call run again with the same search, or "
        "use bohb.runner.ProcessExecutor, which loses one trial with one worker"
    )
