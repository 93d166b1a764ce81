"""Equal distributions are rejected about as often as the level says, and different ones are detected."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.twosample import compare, same_choices, same_numbers, same_points

CHOICES = {"x": 0, "y": 0, "kind": 3}


def sample(rng, n=400, *, shift=0.0, odds=(0.5, 0.3, 0.2)):
    numbers = rng.beta(2 + shift, 2, size=(n, 2))
    return np.column_stack([numbers, rng.choice(3, size=n, p=odds)])


def test_samples_of_one_distribution_pass():
    rng = np.random.default_rng(0)
    tested = compare(sample(rng), sample(rng, 300), CHOICES, 0)
    assert list(tested.p_values) == ["x", "y", "kind", "jointly"]
    assert tested.p_value > 0.05


@pytest.mark.parametrize("change", [{"shift": 1.0}, {"odds": (0.2, 0.3, 0.5)}])
def test_a_different_column_is_detected(change):
    rng = np.random.default_rng(1)
    assert compare(sample(rng), sample(rng, **change), CHOICES, 0).p_value < 0.01


def test_a_different_dependence_is_detected_jointly():
    rng = np.random.default_rng(2)
    one = rng.random((500, 2))
    other = np.column_stack([one[:, 0], one[:, 0]])
    other = other[rng.permutation(500)]
    tested = compare(one, other, {"x": 0, "y": 0}, 0)
    assert tested.p_values["x"] == pytest.approx(1)
    assert tested.p_values["y"] > 0.01
    assert tested.p_values["jointly"] <= 0.002


def test_the_permutation_test_keeps_its_level():
    """p-values of equal distributions are uniform."""
    rng = np.random.default_rng(3)
    p_values = [same_points(rng.random((40, 2)), rng.random((30, 2)), seed) for seed in range(100)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_the_smallest_p_value_is_multiplied_by_the_tests():
    rng = np.random.default_rng(4)
    tested = compare(sample(rng), sample(rng), CHOICES, 0)
    assert tested.p_value == pytest.approx(min(1, 4 * min(tested.p_values.values())))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_of_samples_and_rows_has_no_effect(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.random(50), rng.random(60)
    assert same_numbers(one, other) == pytest.approx(same_numbers(other[::-1], one))
    choices = np.floor(3 * one), np.floor(3 * other)
    assert same_choices(*choices) == pytest.approx(same_choices(choices[1], choices[0][::-1]))


def test_a_constant_choice_is_no_difference():
    assert same_choices(np.zeros(5), np.zeros(7)) == 1.0


def test_samples_with_other_columns_are_refused():
    with pytest.raises(ValueError, match=r"columns x, y, kind, got \(4, 2\)"):
        compare(np.zeros((4, 2)), np.zeros((4, 3)), CHOICES, 0)
