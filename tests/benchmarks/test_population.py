"""The comparison of populations: its quadratic is what its docstring says, and its curves and tables are exact."""

from functools import partial

import numpy as np
import pytest

from benchmarks.population.__main__ import table
from benchmarks.population.methods import SIZE, Point, curve, fixed, ours
from benchmarks.population.problems import NUM_INTERVALS, Quadratic


def test_the_best_schedule_of_the_quadratic_ends_where_it_is_said_to_end() -> None:
    """Step by step with the best rate; a rate that differs by a fifth is worse."""
    problem = Quadratic()
    expected, other = problem.first, problem.first
    for _ in range(NUM_INTERVALS * problem.num_steps):
        rate = expected / (expected + problem.variance)
        expected = (1 - rate) ** 2 * expected + rate**2 * problem.variance
        rate = 0.8 * other / (other + problem.variance)
        other = (1 - rate) ** 2 * other + rate**2 * problem.variance
    assert expected == pytest.approx(problem.best_known(NUM_INTERVALS))
    assert expected < other


def test_a_state_that_goes_on_stays_as_it_was() -> None:
    problem = Quadratic()
    state = problem.start(0)
    one, other = (problem.advance(state, {"rate": 0.1}) for _ in range(2))
    assert problem.loss(state) == pytest.approx(problem.first)
    assert problem.loss(one) == problem.loss(other) < problem.first


@pytest.mark.parametrize("preset", ["population", "pb2"])
def test_a_population_comes_close_to_the_best_schedule_where_no_fixed_rate_does(preset: str) -> None:
    problem = Quadratic()
    found = np.median([curve(ours(preset, problem, seed))[-1] for seed in range(5)])
    alone = np.median([curve(fixed(SIZE, problem, seed))[-1] for seed in range(5)])
    best = problem.best_known(NUM_INTERVALS)
    assert found < 1.5 * best < alone


def test_methods_spend_the_same() -> None:
    assert len(ours("population", Quadratic(), 0)) == len(fixed(SIZE, Quadratic(), 0)) == SIZE * NUM_INTERVALS


def test_a_curve_shows_the_reported_loss_of_the_member_that_was_told_the_lowest() -> None:
    points = [(1, 0.5, "9"), (1, 0.4, "8"), (2, 0.1, "7"), (2, 0.2, "6")]
    assert curve([Point(age, told, partial(float, loss)) for age, told, loss in points]) == [8.0, 7.0]


def test_the_table_has_a_row_for_each_method() -> None:
    records = [
        {"problem": "quadratic", "method": "fixed", "seed": seed, "curve": [9.0, float(seed)], "intervals": 160}
        for seed in range(5)
    ]
    assert "| quadratic | `fixed` | 5 | 2 | 1 to 3 | 160 |" in table(records)
