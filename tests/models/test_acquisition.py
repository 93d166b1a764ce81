"""Expected improvement agrees with numerical integration."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from bohb.models.acquisition import log_expected_improvement


@given(st.floats(-30, 30), st.floats(1e-3, 1e3), st.floats(-8, 8))
@settings(deadline=None)
def test_expected_improvement_equals_the_integral(mean, deviation, ahead):
    best = mean + ahead * deviation
    score = log_expected_improvement(np.array([mean]), np.array([deviation]), best)[0]
    top = max(ahead, 0) + 10
    expected, _ = integrate.quad(lambda z: z * stats.norm.pdf(ahead - z), 0, top, limit=200, epsabs=0, epsrel=1e-9)
    assert score - math.log(deviation) == pytest.approx(math.log(expected), abs=1e-4)


def test_expected_improvement_falls_with_the_mean():
    means = np.sort(np.concatenate([np.linspace(-3, 3000, 1000), 1 + 1e-6 * np.arange(9), 1000 + 1e-4 * np.arange(9)]))
    scores = log_expected_improvement(means, np.ones(len(means)), 0.0)
    assert np.isfinite(scores).all()
    assert (np.diff(scores) < 0).all()
