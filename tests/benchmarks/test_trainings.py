"""The real trainings: what is resumed, what is held out, and the table."""

from functools import partial

import numpy as np
import pytest

from benchmarks.problems.spaces import sample
from benchmarks.protocol import Run
from benchmarks.settings import changed, setting_of
from benchmarks.trainings.__main__ import table
from benchmarks.trainings.problems import Boosting, Perceptron, RealTraining, SupportVectors, perform
from tests.benchmarks.worlds import record

rng = partial(np.random.default_rng, 0)


def mlp() -> dict[str, object]:
    return {
        "learning_rate": 1e-2,
        "units": 8,
        "batch_size": 64,
        "l2": 1e-4,
        "activation": "relu",
        "optimizer": "sgd",
        "momentum": 0.9,
    }


def test_a_resumed_training_ends_as_one_in_one_go() -> None:
    resumed, straight = Perceptron(), Perceptron()
    resumed.evaluate(mlp(), 1, rng())
    assert resumed.evaluate(mlp(), 3, np.random.default_rng(1)) == straight.evaluate(mlp(), 3, rng())
    assert resumed.regret(mlp()) == straight.regret(mlp())


def test_a_second_training_up_to_the_same_budget_starts_anew() -> None:
    problem = Perceptron()
    first = problem.evaluate(mlp(), 3, rng())
    assert problem.evaluate(mlp(), 3, rng()) == first
    assert problem.evaluate(mlp(), 3, np.random.default_rng(1)) != first


def test_a_training_that_diverged_has_no_loss() -> None:
    problem = Perceptron()
    assert np.isnan(problem.evaluate({**mlp(), "learning_rate": 1e8, "momentum": 0.99}, 9, rng()).loss)


@pytest.mark.parametrize("make", [Boosting, SupportVectors])
def test_more_rows_cost_more_and_their_share_is_the_cost(make: type[RealTraining]) -> None:
    problem = make()
    config = sample(problem.space, 2)[0]
    few = problem.evaluate(config, problem.ladder[0], rng())
    held_out = problem.regret(config)
    assert np.isfinite([few.loss, held_out]).all()
    assert few.loss != held_out
    assert few.cost == problem.ladder[0] / problem.ladder[-1]
    problem.evaluate(config, problem.ladder[1], rng())
    assert problem.regret(config) != held_out


def test_two_searches_share_no_checkpoint() -> None:
    run = Run("mlp", "random", 0, changed(setting_of("1"), total=2))
    first, second = perform(run), perform(run)
    assert first.incumbents == second.incumbents
    assert first.incumbents[-1][1] == 27
    assert first.error is None


def test_the_table_compares_the_default_seed_by_seed() -> None:
    records = [
        record("svm", name, seed, [1.0, loss + seed])
        for name, loss in (("bohb-default", 0.25), ("random", 0.5))
        for seed in range(3)
    ]
    _, _, ours, other = table(records)
    assert ours.startswith("| svm | `bohb-default` |")
    assert "| 3 of 3 |" in other
