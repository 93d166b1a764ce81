"""A run ends when it has enough, or when something is wrong with all of it."""

import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bohb
from bohb.runner import RunStarted, TrialEnded, TrialStarted

SPACE = {"x": (0.0, 1.0)}


def make_optimizer(seed: int = 0, preset: str = "hyperband") -> bohb.Optimizer:
    return bohb.Optimizer(SPACE, budgets=bohb.geometric(1, 9, eta=3), seed=seed, preset=preset)


def loss_of(trial: bohb.Trial) -> float:
    return trial.config["x"] + 1 / trial.budget


def run(optimizer: bohb.Optimizer, objective: Callable[[bohb.Trial], Any] = loss_of, **options: Any) -> Any:
    return bohb.run(objective, optimizer, **({"max_trials": 300, "progress": False} | options))


@given(st.integers(0, 1000), st.floats(0.15, 2.0), st.sampled_from(["fast", "hyperband", "asha", "random"]))
def test_a_run_stops_at_the_first_full_result_that_reaches_the_target(seed, target, preset):
    optimizer = make_optimizer(seed, preset)
    report = run(optimizer, target=target, max_trials=60)
    reached = [result.trial.budget == 9 and result.loss <= target for result in optimizer.results]
    assert not any(reached[:-1])
    assert reached[-1] == (report.stopped_by == "target")
    again = run(optimizer, target=target, max_trials=1)
    assert (again.num_trials, again.stopped_by) == ((0, "target") if reached[-1] else (1, again.stopped_by))


@given(st.integers(0, 1000), st.floats(0.5, 4.0), st.sampled_from(["fast", "hyperband", "asha", "random"]))
def test_patience_is_what_is_spent_without_improvement(seed, patience, preset):
    optimizer, spent, waits = make_optimizer(seed, preset), [0.0], []

    def note(record: Any) -> None:
        if isinstance(record, TrialEnded):
            if record.incumbent == record.result:
                spent.append(record.spent)
            waits.append(record.spent - spent[-1])

    report = run(optimizer, patience=patience, callbacks=[note])
    assert report.stopped_by == "patience"
    assert all(wait < 9 * patience for wait in waits[:-1])
    assert waits[-1] >= 9 * patience


def test_the_target_is_in_the_users_words():
    optimizer = bohb.Optimizer(SPACE, [1, 3, 9], seed=0, preset="hyperband", objectives={"accuracy": "maximize"})
    report = run(optimizer, lambda trial: trial.config["x"], target=0.9)
    assert report.stopped_by == "target"
    full = [result.metrics["accuracy"] for result in optimizer.results if result.trial.budget == 9]
    assert all(value < 0.9 for value in full[:-1])
    assert full[-1] >= 0.9


def test_enough_is_limit_enough():
    assert run(make_optimizer(), max_trials=None, patience=2).stopped_by == "patience"
    assert run(make_optimizer(), max_trials=None, target=0.5).stopped_by == "target"
    with pytest.raises(bohb.SettingError, match="at least one of"):
        run(make_optimizer(), max_trials=None, max_failures=3)


@pytest.mark.parametrize(
    "options",
    [{"target": math.nan}, {"target": "low"}, {"target": True}, {"patience": 0}, {"max_failures": 0.5}],
)
def test_limits_that_mean_nothing_are_refused(options):
    with pytest.raises(bohb.SettingError, match=next(iter(options))):
        run(make_optimizer(), **options)


@pytest.mark.parametrize("name", ["target", "patience", "max_trials", "max_seconds", "max_budget", "trial_seconds"])
@pytest.mark.parametrize("scalar", [np.float32, np.float64, np.int64, np.array, lambda value: np.array([[value]])])
def test_a_limit_may_be_a_number_of_numpy(name, scalar):
    """As everything that a user hands over: `target=scores.max()` is the number in it."""
    limits = {"max_trials": 3, name: scalar(2.0)}
    seen = []
    report = run(make_optimizer(), callbacks=[seen.append], **limits)
    assert report.num_trials <= 3
    given = next(event.limits for event in seen if isinstance(event, RunStarted))
    assert all(type(value) in (int, float) for value in given.values())
    assert given.get(name, 2) == 2


@pytest.mark.parametrize("record", [RunStarted, TrialStarted, TrialEnded])
def test_a_callback_ends_the_run(record, caplog):
    """Every callback still gets the record, and nothing is logged."""
    seen = []

    def stop(event: Any) -> None:
        if isinstance(event, record):
            raise bohb.StopRun("good enough")

    report = run(make_optimizer(), callbacks=[stop, seen.append])
    assert report.stopped_by == "good enough"
    assert report.num_trials == (0 if record is RunStarted else 1)
    assert any(isinstance(event, record) for event in seen)
    assert not caplog.records


def test_another_exception_in_a_callback_does_not_end_the_run(caplog):
    def fail(event: Any) -> None:
        raise StopIteration

    assert run(make_optimizer(), callbacks=[fail], max_trials=3).num_trials == 3
    assert caplog.records


def mistyped(trial: bohb.Trial) -> float:
    return float(trial.config["learning_rate"])


def test_a_run_whose_first_trials_fail_alike_stops_and_says_why(caplog):
    caplog.set_level(logging.ERROR, "bohb.runner")
    optimizer = make_optimizer()
    report = run(optimizer, mistyped)
    assert report.num_trials == 8
    assert report.stopped_by == "the first 8 trials all failed with KeyError"
    assert "learning_rate" in caplog.text
    assert "mistyped" in report.last_traceback
    assert "mistyped" in str(report)
    assert "mistyped" in report._repr_html_()
    for result in optimizer.results:
        optimizer.retry(result.trial)
    assert not run(optimizer, max_trials=20).num_failures


def test_it_waits_for_two_trials_of_each_worker():
    report = run(make_optimizer(), mistyped, workers=6)
    assert report.stopped_by == "the first 12 trials all failed with KeyError"
    assert 12 <= report.num_trials <= 17


def test_failures_that_differ_do_not_end_a_run():
    """Nor do those that come after a success, nor losses of nan: they may be the configurations' fault."""

    def differ(trial: bohb.Trial) -> float:
        raise (KeyError if trial.id % 2 else ValueError)("x")

    def fail_later(trial: bohb.Trial) -> float:
        return 0.5 if trial.id == 0 else mistyped(trial)

    for objective in (differ, fail_later, lambda _: math.nan):
        report = run(make_optimizer(), objective, max_trials=40)
        assert (report.num_trials, report.stopped_by) == (40, "max_trials")
        assert report.last_traceback is None


@given(st.integers(1, 30))
def test_max_failures_is_the_limit_that_was_given(limit):
    report = run(make_optimizer(), mistyped, max_failures=limit)
    assert (report.num_failures, report.stopped_by) == (limit, "max_failures")
    assert "mistyped" in report.last_traceback
    half = run(make_optimizer(), lambda trial: 0.5 if trial.id % 2 else math.nan, max_failures=limit)
    assert half.num_trials == 2 * limit - 1
