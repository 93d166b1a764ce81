"""Failures of the program, of a machine and of a region of the space are told apart, whatever the search is like."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.models import Proposal
from bohb.optimizer.faults import cause_of

SPACE = {"lr": (1e-4, 1.0, "log"), "depth": (1, 8), "opt": ["sgd", "adam", "lion"]}
PRESETS = st.sampled_from(["fast", "hyperband", "asha"])
SEEDS = st.integers(0, 10_000)

Outcome = Callable[[bohb.Trial], Any]


def searched(outcome: Outcome, num: int, *, preset: str = "hyperband", seed: int = 0, space: Any = SPACE) -> Any:
    """Return an optimizer after some trials; an outcome may be a pair with the name of the worker."""
    optimizer = bohb.Optimizer(space, [1, 3, 9], seed=seed, preset=preset)
    for _ in range(num):
        trial = optimizer.ask()
        told = outcome(trial)
        loss, info = (told[0], {"worker": told[1]}) if isinstance(told, tuple) else (told, None)
        optimizer.tell(trial, loss, info=info)
    return optimizer


def loss_of(trial: bohb.Trial) -> float:
    return abs(math.log(trial.config["lr"] / 0.01)) + 1 / trial.budget


@given(PRESETS, SEEDS, st.integers(1, 40))
def test_where_all_fail_alike_the_program_is_at_fault(preset, seed, num):
    health = searched(lambda _: KeyError("learning_rate"), num, preset=preset, seed=seed).health()
    assert health.failure_cause == "program"
    assert "all with KeyError: 'learning_rate'" in str(health)
    assert "narrow" not in str(health)


@settings(max_examples=30)
@given(PRESETS, SEEDS, st.integers(10, 40))
def test_a_fault_that_was_mended_is_the_programs(preset, seed, num):
    outcome = lambda trial: KeyError("learning_rate") if trial.id < num else loss_of(trial)  # noqa: E731
    health = searched(outcome, num + 25, preset=preset, seed=seed).health()
    assert health.failure_cause == "program"
    assert "retry" in str(health)
    assert "narrow" not in str(health)


@settings(max_examples=30)
@given(PRESETS, SEEDS, st.sampled_from(["lr", "opt", "depth"]))
def test_a_region_that_fails_is_the_spaces(preset, seed, name):
    """The message names the parameter, and the configurations there."""
    fails = {"lr": lambda v: v > 0.05, "opt": lambda v: v == "lion", "depth": lambda v: v >= 7}[name]
    outcome = lambda trial: MemoryError("no memory") if fails(trial.config[name]) else loss_of(trial)  # noqa: E731
    optimizer = searched(outcome, 80, preset=preset, seed=seed)
    num_failures = sum(result.is_failure for result in optimizer.results)
    cause = cause_of(optimizer.results)
    if num_failures >= 12:
        assert cause.kind == "space"
        assert f"with {name}" in cause.text
        assert "MemoryError" in cause.text


@settings(max_examples=30)
@given(PRESETS, SEEDS, st.floats(0.0, 0.4))
def test_a_worker_that_fails_is_the_machines(preset, seed, others):
    """Also if it is one of ten, so that few results are failures."""
    rng = np.random.default_rng(seed)

    def outcome(trial: bohb.Trial) -> Any:
        worker = int(rng.integers(10))
        failed = worker == 3 or rng.random() < others / 10
        return (RuntimeError("CUDA error") if failed else loss_of(trial)), f"host-{worker}"

    health = searched(outcome, 120, preset=preset, seed=seed).health()
    assert health.failure_cause == "machine"
    assert "on the worker host-3" in str(health)


def test_few_causes_are_found_where_there_are_none():
    """The control to all others: 200 searches with failures at random. Of these only their number is known."""
    found = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        outcome = lambda _, rng=rng: math.nan if rng.random() < 0.4 else 0.5  # noqa: E731
        health = searched(outcome, 60, preset="random", seed=seed).health()
        found += health.failure_cause != "unknown"
        assert ("see their info, narrow the space" in str(health)) == (health.failure_cause == "unknown")
    assert found <= 4


@pytest.mark.parametrize("num", [19, 20, 40])
def test_a_constant_loss_is_reported_however_many_budgets_share_the_trials(num):
    """On a long ladder no budget has many results for long."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [2**k for k in range(8)], seed=0, objectives={"acc": "maximize"})
    for number in range(num):
        optimizer.observe({"x": number / num}, 2 ** (number % 8), 0.5)
    found = optimizer.health()
    assert found.constant == (((None, num, "acc 0.5"),) if num >= 20 else ())
    assert any(f"all {num} results have acc 0.5" in text for text in found.messages) == (num >= 20)
    optimizer.observe({"x": 1.0}, 1, 0.6)
    assert optimizer.health().constant == ()


def test_a_constant_loss_is_reported():
    assert "all 40 results at budget 9 have loss 0.5" in str(searched(lambda _: 0.5, 40, preset="random").health())
    assert searched(lambda _: 0.5, 19, preset="random").health().constant == ()
    [(budget, num, text)] = searched(lambda _: 0.5, 20, preset="random").health().constant
    assert (budget, num, text) == (9, 20, "loss 0.5")
    mixed = searched(lambda trial: 0.5 + (trial.id == 7), 40, preset="random")
    assert mixed.health().constant == ()
    failing = searched(lambda trial: math.nan if trial.id % 4 == 0 else 0.5, 40, preset="random")
    assert failing.health().constant == ((9, 30, "loss 0.5"),)


@pytest.mark.parametrize("is_misled", [False, True])
def test_a_model_that_ranks_behind_random_choices_is_reported(is_misled):
    class Fixed:
        """Proposes the upper half of the space, or leaves the choice to chance."""

        def propose(self, observations: Any, space: Any, rng: np.random.Generator) -> Any:
            vectors = rng.uniform(0.5, 1.0, (1, 1)) if rng.random() < 0.5 else np.empty((0, 1))
            return Proposal(vectors)

    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0, model=Fixed(), preset="random")
    for _ in range(100):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["x"] if is_misled else -trial.config["x"])
    assert (optimizer.health().worse_than_chance == 1) == is_misled
    assert ("worse than random" in str(optimizer.health())) == is_misled
