"""Laws of the loop that do not depend on the executor."""

import os
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.runner import ProcessExecutor, SerialExecutor, cost
from bohb.runner.evaluation import worker_name

SPACE = {"x": (0.0, 1.0)}


def make_optimizer(seed: int = 0, preset: str = "hyperband") -> bohb.Optimizer:
    return bohb.Optimizer(SPACE, budgets=bohb.geometric(1, 9, eta=3), seed=seed, preset=preset)


def half(trial: bohb.Trial) -> float:
    return 0.5


class Unreliable(Executor):
    """Runs calls in a random order in a thread of its own, and loses some of them."""

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
def test_lost_workers_change_neither_the_number_of_trials_nor_of_workers(
    seed: int, workers: int, max_trials: int, lost: float
) -> None:
    """Exactly `max_trials` are told, at most `workers` run at once, and no trial stays pending."""
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


def test_as_many_trials_are_pending_as_there_are_workers() -> None:
    """Every worker is busy, and no trial is asked in advance."""
    optimizer, together, seen = make_optimizer(), threading.Barrier(4, timeout=600), []

    def objective(trial):
        together.wait()  # passes only if four trials run at once
        seen.append(len(optimizer.pending))
        together.wait()
        return 0.5

    with ThreadPoolExecutor(8) as executor:
        bohb.run(objective, optimizer, executor=executor, workers=4, max_trials=16, progress=False)
    assert set(seen) == {4}


def test_results_are_told_before_the_next_ask() -> None:
    """A blocking executor has one trial at a time, whatever `workers` says."""
    optimizer, known = make_optimizer(), []
    original = optimizer.ask
    optimizer.ask = lambda: known.append(len(optimizer.results)) or original()  # type: ignore[method-assign]
    bohb.run(half, optimizer, executor=SerialExecutor(), workers=5, max_trials=10, progress=False)
    assert known == list(range(10))


# Lost workers.


class LosesAll(Executor):
    in_process = True

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(OSError("the cable is cut"))
        return future


def test_a_lost_trial_is_asked_again_and_fails_in_the_end() -> None:
    """Any exception of the executor is a lost worker: asked again `retries` times, then a failure."""
    optimizer = make_optimizer()
    report = bohb.run(half, optimizer, executor=LosesAll(), max_trials=2, retries=2, progress=False)
    assert (report.num_trials, report.num_failures, report.num_lost) == (2, 2, 6)
    asked = Counter(event.trial.config_id for event in optimizer.events if hasattr(event, "facts"))
    assert asked == {0: 3, 1: 3}
    assert optimizer.results[0].info["error"] == "OSError: the cable is cut"
    assert "the cable is cut" in str(report)


def test_an_executor_that_was_shut_down_leaves_no_trial_pending() -> None:
    executor, optimizer = ThreadPoolExecutor(1), make_optimizer()
    executor.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        bohb.run(half, optimizer, executor=executor, max_trials=2, progress=False)
    assert not optimizer.pending


def test_an_objective_that_workers_cannot_load_ends_the_run() -> None:
    """No configuration is to blame, and every trial would fail."""

    def unloadable():
        raise ImportError("no such library here")

    class Objective:
        def __reduce__(self):
            return unloadable, ()

        def __call__(self, trial):
            return 0.5

    optimizer = make_optimizer()
    with pytest.raises(bohb.SettingError, match=r"(?s)workers that can load.*no such library here"):
        bohb.run(Objective(), optimizer, workers=2, max_trials=5, progress=False)
    assert not optimizer.pending
    assert not optimizer.results


# What objectives return.


def test_no_loss_from_the_first_trial_stops_the_run_and_gives_the_trial_back() -> None:
    optimizer = make_optimizer()
    with pytest.raises(bohb.SettingError, match=r"returns a loss.*got None; return the loss"):
        bohb.run(lambda trial: None, optimizer, max_trials=5, progress=False)
    assert (optimizer.results, optimizer.pending) == ((), ())
    report = bohb.run(half, optimizer, max_trials=5, progress=False)
    assert (report.num_trials, report.num_failures) == (5, 0)


def test_no_loss_after_the_first_result_is_a_failure() -> None:
    optimizer = make_optimizer()
    report = bohb.run(lambda trial: None if trial.id == 2 else 0.5, optimizer, max_trials=5, progress=False)
    assert (report.num_trials, report.num_failures) == (5, 1)


def test_an_objective_may_return_a_failure() -> None:
    optimizer = make_optimizer()
    bohb.run(lambda trial: bohb.Failure("diverged"), optimizer, max_trials=2, progress=False)
    assert [result.info["error"] for result in optimizer.results] == ["diverged", "diverged"]


def test_the_worker_is_recorded_where_workers_may_differ(tmp_path: Any) -> None:
    """Not where all of them are this machine; and what the objective says counts."""
    optimizer = make_optimizer()
    bohb.run(half, optimizer, max_trials=1, workers=2, progress=False)
    with bohb.Study.open(tmp_path / "s.db", SPACE, [1, 3], seed=0) as study:
        bohb.run(half, study, max_trials=1, progress=False)
        bohb.run(lambda _: {"loss": 0.5, "worker": "mine"}, study, max_trials=1, progress=False)
        bohb.run(lambda _: {}["x"], study, max_trials=1, progress=False)
        names = [result.info.get("worker") for result in [*optimizer.results, *study.results]]
    assert names == [None, worker_name(), "mine", worker_name()]


class WaitingExecutor:
    """Makes a call only after it was asked some times for how long the call has run."""

    is_blocking = False

    def __init__(self, num_waits: int) -> None:
        self.num_waits, self.ended = num_waits, 0

    def submit(self, fn, /, *args):
        self.call, self.future = (fn, args), Future()
        return self.future

    def seconds_of(self, future):
        self.num_waits -= 1
        if self.num_waits == 0:
            fn, args = self.call
            future.set_result(fn(*args))
        return None if self.num_waits >= 0 else 60.0

    def end(self, future):
        self.ended += 1
        future.set_exception(bohb.WorkerLost("ended"))


@pytest.mark.parametrize(("num_waits", "num_ended"), [(3, 0), (-1, 1)])
def test_the_time_of_a_trial_begins_when_it_runs(num_waits: int, num_ended: int) -> None:
    """A trial that waits for a machine is no failure; one that has run for too long is."""
    executor, optimizer = WaitingExecutor(num_waits), bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0)
    arguments = {"executor": executor, "max_trials": 1, "progress": False}
    report = bohb.run(lambda trial: 0.5, optimizer, trial_seconds=0.05, **arguments)
    assert (executor.ended, report.num_failures) == (num_ended, num_ended)


def forks_and_returns(trial):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return 1.0 if child else 0.0


def forks_and_exits(trial):
    child = os.fork()
    if not child:
        sys.exit()
    os.waitpid(child, 0)
    return 1.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no forks")
@pytest.mark.parametrize("objective", [forks_and_returns, forks_and_exits])
@pytest.mark.parametrize("make", [SerialExecutor, lambda: ProcessExecutor(1)], ids=["serial", "processes"])
def test_a_process_that_the_objective_forked_tells_nothing(tmp_path, objective, make):
    with bohb.Study.open(tmp_path / "s.db", {"x": (0.0, 1.0)}, [1], seed=0, preset="random") as study:
        bohb.run(objective, study, executor=make(), max_trials=3, progress=False)
        assert [result.loss for result in study.results] == [1, 1, 1]
        assert not study.pending


@pytest.mark.parametrize("place", ["file", "file/folder", "folder"])
@pytest.mark.parametrize("make", [SerialExecutor, lambda: ProcessExecutor(1)], ids=["serial", "processes"])
def test_a_folder_that_cannot_be_written_is_no_result(tmp_path, place, make):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "config-0").touch()
    with bohb.Study.open(tmp_path / "s.db", {"x": (0.0, 1.0)}, [1], seed=0, preset="random") as study:
        with pytest.raises(bohb.SettingError, match=r"(?s)write to their folders.*(NotADirectory|FileExists)Error"):
            bohb.run(lambda _: 1.0, study, executor=make(), max_trials=3, directory=tmp_path / place, progress=False)
        assert not study.results
        study.release(0)  # it was given back: it is not held by anybody
        assert study.ask().id == 1
