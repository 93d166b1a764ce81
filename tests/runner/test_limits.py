"""The limits of a run."""

import time
from types import SimpleNamespace

import pytest

import bohb
from bohb.runner import loop
from bohb.testing.executor_runs import HOUR

SPACE = {"x": (0.0, 1.0)}


def make_optimizer(seed: int = 0) -> bohb.Optimizer:
    return bohb.Optimizer(SPACE, budgets=bohb.geometric(1, 9, eta=3), seed=seed, preset="hyperband")


def half(trial: bohb.Trial) -> float:
    return 0.5


def test_max_seconds_and_max_budget_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock of the run, each trial takes an hour."""
    optimizer = make_optimizer()
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + HOUR * len(optimizer.results), time=time.time)
    monkeypatch.setattr(loop, "time", clock)
    report = bohb.run(half, optimizer, max_seconds=3.5 * HOUR, progress=False)
    assert report.stopped_by == "max_seconds"
    assert report.num_trials == 4
    report = bohb.run(half, optimizer, max_budget=20, progress=False)
    assert report.stopped_by == "max_budget"
    assert 20 <= report.spent < 20 + 9


def test_a_finite_space_ends_the_run() -> None:
    space = {"x": [1, 2]}
    report = bohb.run(half, bohb.Optimizer(space, budgets=[1, 3], seed=0), max_trials=100, progress=False)
    assert report.stopped_by == "space exhausted"
    assert report.num_trials == 4
