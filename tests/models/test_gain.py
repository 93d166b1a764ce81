"""The knowledge gradient agrees with its closed form where there is one, and obeys its laws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bohb.models.acquisition import log_expected_improvement
from bohb.models.gain import gain, gains
from bohb.surrogates.gp_surrogate import LINEAR
from bohb.surrogates.protocol import Examples

COMMON = settings(max_examples=50, deadline=None, derandomize=True)
numbers = st.floats(min_value=-3, max_value=3)
arms = st.lists(st.tuples(numbers, st.floats(min_value=0, max_value=2)), min_size=1, max_size=6)


@given(numbers, numbers, st.floats(min_value=0.05, max_value=2))
@COMMON
def test_with_one_uncertain_arm_it_is_an_expected_improvement(one: float, other: float, slope: float) -> None:
    """Whether the arm that is trained is ahead or behind, the order may turn over by the distance of the means."""
    closed = math.exp(log_expected_improvement(np.array([abs(one - other)]), np.array([slope]), 0.0)[0])
    assert gain(np.array([one, other]), np.array([slope, 0.0])) == pytest.approx(closed, abs=2e-3 * slope)


@given(arms, numbers)
@COMMON
def test_it_is_not_negative_and_has_no_origin(found: list[tuple[float, float]], shift: float) -> None:
    """A training that moves all means alike says nothing about which one is the best."""
    means, slopes = (np.array(column) for column in zip(*found, strict=True))
    value = gain(means, slopes)
    assert value >= 0
    assert value == pytest.approx(gain(means + shift, slopes), abs=1e-9)
    assert gain(means, np.full(len(means), 0.7)) == pytest.approx(0, abs=1e-9)


def test_noise_makes_a_repetition_worth_its_while() -> None:
    """Where every value is exact, training a point again says nothing, and a new point says more."""
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.random(30), np.ones(30)])
    new = np.array([[0.5, 1.0]])
    worth = []
    for size in (0.0, 1.0):
        values = np.sin(6 * points[:, 0]) + size * rng.normal(size=30)
        examples = Examples(points, values, np.array([False, False]), np.zeros(30), np.arange(30))
        posterior = LINEAR.fit(examples, LINEAR.learn(examples))
        best = points[np.argsort(posterior.predict(points)[0])[:1]]
        worth.append(gains(posterior, np.concatenate([best, new, points]), 1, 1))
    exact, noisy = worth
    assert exact[0] < 1e-3
    assert noisy[0] > 10 * exact[0]
    assert np.all(noisy >= 0)
