"""Transforms of losses: finite, in the order of the losses, and without the effect of outliers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.surrogates.transforms import cut_off, standardise


@pytest.mark.parametrize("scored", [standardise, cut_off])
@given(losses=st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=60))
def test_scores_are_finite_and_keep_the_order(scored, losses):
    values = np.array(losses)
    scores = scored(values)
    assert np.isfinite(scores).all()
    assert np.abs(scores).max() < 10
    order = np.argsort(values, kind="stable")
    assert (np.diff(scores[order]) >= -1e-9).all()
    np.testing.assert_array_equal(scores[values == values[0]], scores[0])


@pytest.mark.parametrize("scored", [standardise, cut_off])
def test_scores_do_not_depend_on_unit_or_offset(scored):
    losses = np.random.default_rng(0).lognormal(size=50)
    np.testing.assert_array_equal(scored(losses), scored(1024 * losses))
    np.testing.assert_allclose(scored(losses), scored(3 * losses + 100), atol=1e-9)


def test_cut_off_clips_only_outliers():
    losses = np.random.default_rng(0).random(40)
    far = np.append(losses, [50.0, 1e9])
    scores = cut_off(far)
    assert np.corrcoef(scores[:40], losses)[0, 1] == pytest.approx(1)
    assert scores[40] == scores[41] > scores[:40].max()
    assert np.ptp(scores[:40]) > 1  # without the clipping they would be nearly equal


@pytest.mark.parametrize("best", [0.1, 0.2, 0.3, 0.7, 1e300])
def test_standardise_is_centred_when_most_losses_tie(best):
    assert abs(standardise(np.array([best] * 61 + [3 * best] * 20)).mean()) < 0.05


@pytest.mark.parametrize("scored", [standardise, cut_off])
def test_reliable_losses_stay_distinct(scored):
    losses = np.append(np.linspace(5, 6, 8), np.linspace(0, 1, 40))
    blind, seeing = scored(losses)[:8], scored(losses, np.arange(48) < 8)[:8]
    assert seeing[6] - seeing[0] > blind[6] - blind[0] + 0.2  # the control does not know which are reliable
    lower = np.append(np.linspace(-6, -5, 8), np.linspace(0, 1, 40))
    np.testing.assert_array_equal(scored(lower), scored(lower, np.arange(48) < 8))  # the limit is high enough already


@pytest.mark.parametrize("scored", [standardise, cut_off])
@pytest.mark.parametrize("outlier", [1e6, 1e162, 1e300])
def test_an_outlier_does_not_hide_the_others(scored, outlier):
    losses = np.random.default_rng(0).random(40)
    scores = scored(np.append(losses, outlier))[:40]
    assert np.corrcoef(scores, losses)[0, 1] > 0.95
    assert np.ptp(scores) > 1


def test_standardise_keeps_the_lead_of_the_best():
    """Ranks alone could not tell the two cases apart."""
    close, far = np.arange(20.0), np.arange(20.0)
    far[0] = -15.0
    assert np.diff(standardise(far))[0] > 1.5 * np.diff(standardise(close))[0]
