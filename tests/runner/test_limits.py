"""The limits of a run."""

import time

import bohb

SPACE = {"x": (0.0, 1.0)}


def make_optimizer(seed: int = 0) -> bohb.Optimizer:
    return bohb.Optimizer(SPACE, budgets=bohb.geometric(1, 9, eta=3), seed=seed, preset="hyperband")


def half(trial: bohb.Trial) -> float:
    return 0.5


def test_max_seconds_and_max_budget_end_the_run() -> None:
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
