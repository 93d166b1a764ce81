"""The settings of a run, checked before it starts."""

from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import pytest

import bohb
from bohb.runner import RunStarted, SerialExecutor

SPACE = {"x": (0.0, 1.0)}


def make_optimizer(seed: int = 0) -> bohb.Optimizer:
    return bohb.Optimizer(SPACE, budgets=bohb.geometric(1, 9, eta=3), seed=seed, preset="hyperband")


def half(trial: bohb.Trial) -> float:
    return 0.5


@pytest.mark.parametrize(("executor", "number"), [(SerialExecutor(), 1), (ThreadPoolExecutor(3), 3)])
def test_workers_default_to_those_of_the_executor(executor: Executor, number: int) -> None:
    started: list[RunStarted] = []
    with executor:
        bohb.run(half, make_optimizer(), executor=executor, max_trials=1, callbacks=[started.append], progress=False)
    assert started[0].workers == number


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
def test_invalid_settings_are_refused_before_the_first_ask(arguments: dict[str, Any]) -> None:
    optimizer = make_optimizer()
    with pytest.raises(bohb.SettingError, match="expected"):
        bohb.run(half, optimizer, progress=False, **arguments)
    assert not optimizer.events


def test_swapped_arguments_are_refused() -> None:
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0)
    for objective, search in [(optimizer, lambda trial: 0.5), (lambda trial: 0.5, {}), ("objective", optimizer)]:
        with pytest.raises(bohb.SettingError, match=r"run\(objective, optimizer_or_study\)"):
            bohb.run(objective, search, max_trials=1, progress=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("objective", [lambda: 0.5, lambda config, budget: 0.5, lambda *, trial: 0.5])
def test_an_objective_that_cannot_take_a_trial_is_refused_before_the_first_ask(objective: Any) -> None:
    optimizer = make_optimizer()
    with pytest.raises(bohb.SettingError, match="takes one trial"):
        bohb.run(objective, optimizer, max_trials=1, progress=False)
    assert not optimizer.events


def test_a_space_is_no_optimizer() -> None:
    with pytest.raises(bohb.SettingError, match=r"bohb\.Optimizer\(space, budgets\)"):
        bohb.run(half, SPACE, max_trials=1, progress=False)  # type: ignore[arg-type]
