"""Laws of the loop that do not depend on the engine: limits, slots, retries, leases, records, reports."""

import logging
import random
import threading
import time
from collections import Counter
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.runner import Report, RunEnded, RunStarted, SerialExecutor, TrialEnded, TrialLost, TrialStarted, cost
from bohb.runner import interface as searches

SPACE = {"x": (0.0, 1.0)}


def make_optimizer(seed: int = 0, preset: str = "hyperband") -> bohb.Optimizer:
    return bohb.Optimizer(SPACE, budgets=bohb.geometric(1, 9, eta=3), seed=seed, preset=preset)


def half(trial: bohb.Trial) -> float:
    return 0.5


class Unreliable(Executor):
    """Ends what is submitted in an order of its own, in other threads' time, and loses some of it."""

    in_process = True

    def __init__(self, seed: int, lost: float) -> None:
        self.rng, self.lost, self.waiting = random.Random(seed), lost, []
        self.most, self.lock, self.is_over = 0, threading.Lock(), False
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self.lock:
            self.waiting.append((future, fn, args))
            self.most = max(self.most, len(self.waiting))
        return future

    def work(self) -> None:
        while not self.is_over:
            with self.lock:
                chosen = self.waiting.pop(self.rng.randrange(len(self.waiting))) if self.waiting else None
            if chosen is None:
                time.sleep(0.0001)
            elif chosen[0].set_running_or_notify_cancel():
                if self.rng.random() < self.lost:
                    chosen[0].set_exception(bohb.WorkerLost("gone"))
                else:
                    chosen[0].set_result(chosen[1](*chosen[2]))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.is_over = True
        self.thread.join()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32), workers=st.integers(1, 9), max_trials=st.integers(1, 60), lost=st.sampled_from([0, 0.3])
)
def test_exactly_the_wanted_trials_are_told_whatever_is_lost(
    seed: int, workers: int, max_trials: int, lost: float
) -> None:
    """As many trials as asked for are told, no more run at once than there are workers, nothing stays pending."""
    optimizer = make_optimizer(seed)
    with Unreliable(seed, lost) as executor:
        report = bohb.run(
            half, optimizer, executor=executor, workers=workers, max_trials=max_trials, retries=99, progress=False
        )
    assert report.num_trials == len(optimizer.results) == max_trials
    assert not optimizer.pending
    assert executor.most <= workers
    assert report.num_failures == 0
    assert (report.num_lost > 0) <= (lost > 0)
    assert report.spent == sum(cost(optimizer, result.trial) for result in optimizer.results)


def test_every_worker_is_busy_and_nothing_is_asked_in_advance() -> None:
    """While trials run, as many are pending as there are workers: not fewer, not more."""
    optimizer, together, seen = make_optimizer(), threading.Barrier(4, timeout=60), []

    def objective(trial):
        together.wait()  # passes only if four trials run at once
        seen.append(len(optimizer.pending))
        together.wait()
        return 0.5

    with ThreadPoolExecutor(8) as executor:
        bohb.run(objective, optimizer, executor=executor, workers=4, max_trials=16, progress=False)
    assert set(seen) == {4}


def test_results_are_told_before_the_next_ask() -> None:
    """With one worker, each ask knows every result, also on an executor that says nothing of its size."""
    optimizer, known = make_optimizer(), []
    original = optimizer.ask
    optimizer.ask = lambda: known.append(len(optimizer.results)) or original()  # type: ignore[method-assign]
    bohb.run(half, optimizer, executor=SerialExecutor(), workers=5, max_trials=10, progress=False)
    assert known == list(range(10))


@pytest.mark.parametrize(("executor", "number"), [(SerialExecutor(), 1), (ThreadPoolExecutor(3), 3)])
def test_the_executor_says_how_many_workers_there_are(executor: Executor, number: int) -> None:
    started: list[RunStarted] = []
    with executor:
        bohb.run(half, make_optimizer(), executor=executor, max_trials=1, callbacks=[started.append], progress=False)
    assert started[0].workers == number


# Limits.


def test_max_seconds_and_max_budget_stop_the_run() -> None:
    optimizer = make_optimizer()
    report = bohb.run(lambda trial: time.sleep(0.05) or 0.5, optimizer, max_seconds=0.2, progress=False)
    assert report.stopped_by == "max_seconds"
    assert 1 <= report.num_trials <= 5
    report = bohb.run(half, optimizer, max_budget=20, progress=False)
    assert report.stopped_by == "max_budget"
    assert 20 <= report.spent < 20 + 9


def test_a_finite_space_ends_the_run() -> None:
    space = {"x": [1, 2]}
    report = bohb.run(half, bohb.Optimizer(space, budgets=[1, 3], seed=0), max_trials=100, progress=False)
    assert report.stopped_by == "space exhausted"
    assert report.num_trials == 4


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"max_trials": 0},
        {"max_seconds": float("nan")},
        {"max_trials": 1, "workers": 0},
        {"max_trials": 1, "retries": -1},
        {"max_trials": 1, "trial_seconds": 0},
        {"max_trials": 1, "keep": "none"},
        {"max_trials": 1, "keep": "releasable"},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_before_anything_runs(arguments: dict[str, Any]) -> None:
    optimizer = make_optimizer()
    with pytest.raises(bohb.SettingError, match="expected"):
        bohb.run(half, optimizer, progress=False, **arguments)
    assert not optimizer.events


# Lost workers.


class LosesAll(Executor):
    in_process = True

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(OSError("the cable is cut"))
        return future


def test_a_configuration_is_asked_again_so_many_times_and_then_fails() -> None:
    """Whatever an engine raises is a lost worker: the same configuration again, `retries` times, then a failure."""
    optimizer = make_optimizer()
    report = bohb.run(half, optimizer, executor=LosesAll(), max_trials=2, retries=2, progress=False)
    assert (report.num_trials, report.num_failures, report.num_lost) == (2, 2, 6)
    asked = Counter(event.trial.config_id for event in optimizer.events if hasattr(event, "facts"))
    assert asked == {0: 3, 1: 3}
    assert optimizer.results[0].info["error"] == "OSError: the cable is cut"
    assert "the cable is cut" in str(report)


def test_an_executor_that_was_shut_down_loses_nothing() -> None:
    executor, optimizer = ThreadPoolExecutor(1), make_optimizer()
    executor.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        bohb.run(half, optimizer, executor=executor, max_trials=2, progress=False)
    assert not optimizer.pending


def test_an_objective_that_workers_cannot_load_stops_the_run() -> None:
    """That is no failure of a configuration, and would be the same for all."""

    def unloadable():
        raise ImportError("no such library here")

    class Objective:
        def __reduce__(self):
            return unloadable, ()

        def __call__(self, trial):
            return 0.5

    optimizer = make_optimizer()
    with pytest.raises(bohb.SettingError, match=r"(?s)workers can load.*no such library here"):
        bohb.run(Objective(), optimizer, workers=2, max_trials=5, progress=False)
    assert not optimizer.pending
    assert not optimizer.results


# A shared study.


class Leased(bohb.Optimizer):
    """An optimizer with the three verbs of a shared study, which notes how they are used."""

    def __init__(self) -> None:
        super().__init__(SPACE, budgets=[1, 3], seed=0)
        self.calls: Counter[str] = Counter()

    def ask(self, *, lease: float | None = None) -> bohb.Trial:
        self.calls["leased" if lease else "unleased"] += 1
        return super().ask()

    def heartbeat(self, trial: bohb.Trial) -> None:
        assert trial in self.pending
        self.calls["heartbeat"] += 1

    def release(self, trial: bohb.Trial) -> None:
        self.calls["release"] += 1
        self.forget(trial)


def test_running_trials_of_a_study_give_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "HEARTBEAT_SECONDS", 0.05)
    study = Leased()
    bohb.run(lambda trial: time.sleep(0.5) or 0.5, study, max_trials=2, progress=False)
    assert study.calls["leased"] == 2
    assert study.calls["heartbeat"] >= 4
    assert not study.calls["release"]


def test_a_blocking_executor_takes_no_lease_that_it_could_not_keep() -> None:
    study = Leased()
    bohb.run(half, study, executor=SerialExecutor(), max_trials=2, progress=False)
    assert study.calls == {"unleased": 2}


def test_what_is_left_of_a_study_is_released() -> None:
    study, executor = Leased(), ThreadPoolExecutor(1)

    class Breaks(LosesAll):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            raise RuntimeError("cannot start")

    with executor, pytest.raises(RuntimeError, match="cannot start"):
        bohb.run(half, study, executor=Breaks(), max_trials=2, progress=False)
    assert study.calls == {"leased": 1, "release": 1}
    assert not study.pending


# Records.


def test_callbacks_see_everything_in_order() -> None:
    """Start, then each trial's start and end after its tell, then the report that is returned."""
    optimizer, records = make_optimizer(), []
    seen_told = []

    def note(record):
        records.append(record)
        if isinstance(record, TrialEnded):
            seen_told.append(record.result in optimizer.results)

    report = bohb.run(half, optimizer, max_trials=3, callbacks=[note], progress=False)
    kinds = [type(record) for record in records]
    assert kinds == [RunStarted, *[TrialStarted, TrialEnded] * 3, RunEnded]
    assert seen_told == [True] * 3
    assert records[0].limits == {"max_trials": 3}
    assert records[-1].report is report
    assert [record.num_trials for record in records if isinstance(record, TrialEnded)] == [1, 2, 3]


def test_a_callback_that_raises_is_reported_and_costs_no_trial(caplog: pytest.LogCaptureFixture) -> None:
    records: list[object] = []

    def broken(record):
        raise ValueError("the tracker is down")

    with caplog.at_level(logging.ERROR, logger="bohb.runner"):
        report = bohb.run(half, make_optimizer(), max_trials=2, callbacks=[broken, records.append], progress=False)
    assert (report.num_trials, len(records)) == (2, 6)
    assert "the tracker is down" in caplog.text


def test_callbacks_hear_of_lost_trials() -> None:
    records: list[object] = []
    bohb.run(
        half, make_optimizer(), executor=LosesAll(), max_trials=1, retries=1, callbacks=[records.append], progress=False
    )
    (lost,) = (record for record in records if isinstance(record, TrialLost))
    assert (lost.trial.id, lost.reason) == (0, "OSError: the cable is cut")


# The report.


def test_the_report_counts_seconds() -> None:
    report = bohb.run(lambda trial: time.sleep(0.05) or 0.5, make_optimizer(), max_trials=4, progress=False)
    assert 0.2 <= report.busy_seconds <= report.seconds
    assert report.idle_seconds == pytest.approx(report.seconds - report.busy_seconds)


def test_the_report_can_be_read_in_a_terminal_and_in_a_notebook() -> None:
    """Every value is escaped: a configuration may hold any text."""
    hostile = "<script>alert(1)</script>\x1b[2J"
    optimizer = bohb.Optimizer({"x": [hostile, hostile + "!"]}, budgets=[1], seed=0)
    report = bohb.run(half, optimizer, max_trials=1, progress=False)
    assert "<script>" not in report._repr_html_()
    assert "&lt;script&gt;" in report._repr_html_()
    assert "\x1b" not in str(report) + report._repr_html_()
    assert "stopped by" in str(report)
    assert "no trial succeeded" in str(Report(None, (), 0, 0, 0, 0.0, 0.0, 0.0, 0.0, "max_seconds", None))
