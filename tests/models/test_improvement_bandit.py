"""The bandit over improvements learns which configuration a training should go on with, and when."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.models.improvement_bandit import _learning_size, _within
from bohb.models.training_steps import steps_of
from bohb.trials import Origin

NUM_BUDGETS = 10


def train(preset, best_at, seed, *, num_trials=240, scale=1.0, shift=0.0):
    """Train populations whose loss falls by 1, less the squared distance from the best value, in each step."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, range(1, NUM_BUDGETS + 1), seed=seed, preset=preset)
    losses = {}
    for _ in range(num_trials):
        trial = optimizer.ask()
        before = losses.get(trial.previous, 20.0)
        losses[trial.id] = before - 1 + (trial.config["x"] - best_at(trial.budget)) ** 2
        optimizer.tell(trial, scale * losses[trial.id] + shift, checkpoint=f"{trial.id}")
    return optimizer


def distances(optimizer, best_at):
    """Return how far the later half of the exploited configurations are from the best value at their budget."""
    exploited = [result.trial for result in optimizer.results if result.trial.origin is Origin.EXPLOITED]
    return [abs(trial.config["x"] - best_at(trial.budget)) for trial in exploited[len(exploited) // 2 :]]


@pytest.mark.parametrize(
    "best_at", [lambda _: 0.3, lambda budget: 0.9 - 0.08 * budget], ids=["the best stays", "the best moves"]
)
def test_it_comes_closer_to_the_best_value_than_perturbation(best_at):
    found = {
        preset: np.mean(
            [distance for seed in range(4) for distance in distances(train(preset, best_at, seed), best_at)]
        )
        for preset in ("population", "pb2")
    }
    assert found["pb2"] < found["population"]


@given(st.integers(0, 2**32 - 1), st.sampled_from([-1000, -3, 3, 1000]))
@settings(max_examples=8, deadline=None, derandomize=True)
def test_it_does_not_depend_on_the_unit_of_losses(seed, exponent):
    """The factors are powers of two, which change no rounding."""
    one, other = (
        train("pb2", lambda _: 0.3, seed, num_trials=60, scale=scale) for scale in (1.0, math.ldexp(1.0, exponent))
    )
    assert [result.trial for result in one.results] == [result.trial for result in other.results]


def test_it_serves_losses_as_large_as_numbers_can_be():
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 2, 3], seed=0, preset="pb2")
    for number in range(60):
        trial = optimizer.ask()
        optimizer.tell(trial, 1.7e308 * math.sin(number), checkpoint=f"{number}")
    assert any(optimizer.explain(result.trial).facts.get("surrogate") for result in optimizer.results)


def test_a_step_leads_from_the_result_that_was_resumed_to_the_trials_own():
    optimizer = train("population", lambda _: 0.3, 0, num_trials=60)
    by_id = {result.trial.id: result for result in optimizer.results}
    expected = [
        (result.trial.config_id, by_id[result.trial.previous].loss, result.loss)
        for result in optimizer.results
        if result.trial.previous is not None
    ]
    steps = steps_of(optimizer._history.observations)
    assert [(step.config_id, step.before, step.after) for step in steps] == expected


def test_a_failure_is_no_step_and_can_be_taken_back():
    optimizer = train("pb2", lambda _: 0.3, 0, num_trials=20)
    trial = optimizer.ask()
    assert trial.previous is not None
    before = list(steps_of(optimizer._history.observations))
    optimizer.tell(trial, RuntimeError("out of memory"))
    assert list(steps_of(optimizer._history.observations)) == before
    optimizer.retry(trial)
    optimizer.tell(optimizer.ask(), 0.0)
    assert [*before, steps_of(optimizer._history.observations)[-1]] == steps_of(optimizer._history.observations)


def test_explain_says_what_the_process_learned_from():
    optimizer = train("pb2", lambda _: 0.3, 0)
    trial = [result.trial for result in optimizer.results if result.trial.origin is Origin.EXPLOITED][-1]
    text = str(optimizer.explain(trial))
    assert "Gaussian process" in text
    assert f"trial {trial.previous}" in text
    assert optimizer.explain(trial).facts["points"] > 100


def test_the_number_to_learn_from_never_exceeds_the_steps_and_grows_by_at_most_a_quarter():
    sizes = [_learning_size(range(num), 6) for num in range(6, 1000)]
    assert all(size <= num < size + max(2, size // 4) for num, size in zip(range(6, 1000), sizes, strict=True))


def test_values_are_compared_within_their_rung():
    levels, values = np.array([1, 1, 2, 2, 3]), np.array([1.0, 3.0, 100.0, 100.0, 7.0])
    assert _within(levels, values).tolist() == [-1.0, 1.0, 0.0, 0.0, 0.0]
