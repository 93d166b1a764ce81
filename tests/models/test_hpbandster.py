"""HpBandSter's model against statsmodels' kernels and scipy's truncated normal."""

from math import inf

import numpy as np
import pytest
from ConfigSpace import Categorical, Integer, OrdinalHyperparameter
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bohb.models import HpBandSterModel
from bohb.models.hpbandster import FLOOR, _impute, _Kernels, _rank, _Scale
from bohb.space import Space
from tests.models.observed import floats, observed, sampled, statsmodels_kde
from tests.strategies import SPACES

MODEL = HpBandSterModel(random_fraction=0)


def propose(observations, space, model=MODEL, seed=0):
    return model.propose(observations, space, np.random.default_rng(seed))


# --- when it starts, good and bad -----------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 5])
def test_the_model_starts_at_twice_n_min_results(d):
    """Both sets need more than d rows, so the model needs 2 (d + 1) results, unlike the paper's d + 3."""
    space, n = floats(d), 2 * (d + 1)
    assert propose(sampled(space, np.arange(n - 1.0).tolist()), space).facts.reason == "too few results"
    facts = propose(sampled(space, np.arange(float(n)).tolist()), space).facts
    assert (facts.good, facts.bad) == (d + 1, d + 1)


@given(st.integers(1, 6), st.integers(0, 200))
def test_the_set_sizes_are_those_of_hpbandster(d, more):
    """n_good = max(N_min, 15 n // 100); n_bad = max(N_min, 85 n // 100), counted from the last good one."""
    n = 2 * (d + 1) + more
    space = floats(d)
    facts = propose(sampled(space, np.arange(float(n)).tolist()), space).facts
    n_good, n_bad = max(d + 1, 15 * n // 100), max(d + 1, 85 * n // 100)
    assert facts.good == n_good
    assert facts.bad == len(range(n)[n_good : n_good + n_bad])


def test_good_and_bad_do_not_overlap():
    """The score is that of two disjoint sets, fitted by statsmodels."""
    space, losses = floats(2), np.random.default_rng(1).random(40).tolist()
    observations = sampled(space, losses)
    ranked = sorted(range(40), key=lambda i: losses[i])
    sets = ranked[:6], ranked[6:40]
    of_good, of_bad = (statsmodels_kde(observations.vectors(each), "cc") for each in sets)
    answer = propose(observations, space)
    ratios = np.maximum(FLOOR, of_bad.pdf(answer.vectors)) / np.maximum(of_good.pdf(answer.vectors), FLOOR)
    assert (np.diff(ratios) >= -1e-9 * ratios[1:]).all()
    assert answer.facts.score == pytest.approx(-np.log(ratios[0]))


def test_a_failure_is_bad_and_never_good():
    space = floats(2)
    assert propose(sampled(space, [0.1, 0.2] + [inf] * 20), space).facts.reason == "too few results"
    facts = propose(sampled(space, [0.1, 0.2, 0.3] + [inf] * 30), space).facts
    assert facts.good == 3  # 15 % of 33 would be 4
    assert facts.bad == 28


def test_only_the_largest_budget_with_enough_results_counts():
    space = floats(1)
    vectors, _ = space.sample(np.random.default_rng(0), 30)
    for at_top, level in ((3, 0), (4, 1)):
        tells = [(0, i, float(i)) for i in range(30)] + [(1, i, float(i)) for i in range(at_top)]
        assert propose(observed(vectors, tells, num_levels=2), space).facts.level == level


# --- densities ------------------------------------------------------------------------------------------------------


def kernels(points, choices, minimum=1e-3):
    scale = _Scale(np.array(choices), np.zeros(len(choices)), np.ones(len(choices)))
    return _Kernels.fit(scale, np.asarray(points, dtype=float), minimum, np.random.default_rng(0))


@pytest.mark.parametrize("choices", [[0], [0, 0, 0], [2], [2, 0], [3, 0, 5], [10, 10], [4, 4, 0, 0]])
@pytest.mark.parametrize("seed", range(5))
def test_densities_are_those_of_statsmodels(choices, seed):
    """They agree to 1e-12, also for bandwidths above (c - 1) / c, which make densities negative.

    Both count only the choices in the data, not all that are declared.
    """
    rng = np.random.default_rng(seed)
    columns = [rng.integers(c, size=(2, 30)) if c else rng.random((2, 30)) for c in choices]
    points, queries = np.stack(columns, axis=-1).astype(float)
    mine = kernels(points, choices)
    kinds = "".join("u" if c else "c" for c in choices)
    theirs = statsmodels_kde(points, kinds)
    assert mine.bandwidths == pytest.approx(np.maximum(theirs.bw, 1e-3), rel=1e-14)
    assert mine.pdf(queries) == pytest.approx(theirs.pdf(queries), rel=1e-12, abs=1e-12)
    if max(choices) == 10:
        assert (mine.bandwidths > 0.9).all()
        assert (mine.pdf(queries) < 0).any()


def test_an_unseen_choice_beside_one_seen_has_infinite_density():
    """HpBandSter and statsmodels divide by the number of choices seen, minus one."""
    points = np.array([[1.0, 0.2], [1.0, 0.4], [1.0, 0.6]])
    queries = np.array([[1.0, 0.3], [2.0, 0.3]])
    mine = kernels(points, [3, 0])
    theirs = statsmodels_kde(points, "uc", mine.bandwidths)
    with np.errstate(divide="ignore"):
        expected = theirs.pdf(queries)
    assert expected[1] == inf
    assert mine.pdf(queries) == pytest.approx(expected)


def test_bandwidths_are_at_least_the_minimum():
    assert kernels(np.full((5, 2), 0.5), [0, 0], 1e-3).bandwidths.tolist() == [1e-3, 1e-3]
    assert kernels(np.full((5, 2), 0.5), [0, 0], 0.25).bandwidths.tolist() == [0.25, 0.25]


# --- candidates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("centre", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("bandwidth", [0.001, 0.1, 0.5])
def test_numbers_are_drawn_from_a_truncated_normal(centre, bandwidth):
    """Its scale is three bandwidths, on [0, 1]. Twice that scale does not fit."""
    drawn = _Kernels(np.array([[centre]]), np.array([bandwidth]), np.array([0])).sample(
        np.random.default_rng(1), 4000, 3.0
    )

    def truncnorm(scale):
        return stats.truncnorm(-centre / scale, (1 - centre) / scale, loc=centre, scale=scale).cdf

    assert stats.kstest(drawn[:, 0], truncnorm(3 * bandwidth)).pvalue > 0.01
    if bandwidth < 0.5:  # beyond, everything is nearly uniform
        assert stats.kstest(drawn[:, 0], truncnorm(6 * bandwidth)).pvalue < 1e-6
    assert ((drawn >= 0) & (drawn <= 1)).all()


@pytest.mark.parametrize("bandwidth", [0.001, 0.3, 0.8, 1.7])
def test_a_choice_is_kept_or_drawn_from_all(bandwidth):
    """It is kept with probability 1 - h, else uniform over all declared choices; h is not widened."""
    drawn = _Kernels(np.array([[2.0]]), np.array([bandwidth]), np.array([5])).sample(
        np.random.default_rng(1), 20000, 3.0
    )
    counts = np.bincount(drawn[:, 0].astype(int), minlength=5)

    def probabilities(h):
        moved = np.full(5, min(h, 1.0) / 5)
        moved[2] += 1 - min(h, 1.0)
        return moved * 20000

    assert counts.sum() == 20000
    assert stats.chisquare(counts, probabilities(bandwidth)).pvalue > 0.01
    if 0.1 < bandwidth < 1:  # the control: a widened bandwidth would make it uniform
        assert stats.chisquare(counts, probabilities(3 * bandwidth)).pvalue < 1e-6


def test_candidates_are_drawn_around_every_point_alike():
    points = np.linspace(0.05, 0.95, 10)[:, None]
    drawn = _Kernels(points, np.array([1e-3]), np.array([0])).sample(np.random.default_rng(1), 5000, 3.0)
    counts = np.bincount(np.abs(drawn - points.T).argmin(axis=1), minlength=10)
    assert stats.chisquare(counts).pvalue > 0.01


def test_grids_map_to_the_unit_interval_of_configspace():
    """The first and the last value map to exactly 0 and 1, and back."""
    space = Space(
        {
            "n": Integer("n", (3, 7)),
            "o": OrdinalHyperparameter("o", ["s", "m", "l"]),
            "x": (0.0, 1.0),
            "c": Categorical("c", ["a", "b"]),
        }
    )
    scale = _Scale.of(space)
    for i, n in enumerate(range(3, 8)):
        for j, o in enumerate(["s", "m", "l"]):
            vector = space.encode({"n": n, "o": o, "x": 0.37, "c": "b"})
            unit = dict(zip(space.names, scale.to_unit(vector[None])[0], strict=True))
            assert unit == pytest.approx({"n": i / 4, "o": j / 2, "x": 0.37, "c": 1.0})
            assert scale.from_unit(scale.to_unit(vector[None]))[0] == pytest.approx(vector)


# --- the order of candidates ----------------------------------------------------------------------------------------


def test_the_smallest_ratio_of_bad_to_good_wins():
    order, score = _rank(np.array([1.0, 2.0, 4.0]), np.array([3.0, 1.0, 4.0]))
    assert order.tolist() == [1, 2, 0]
    assert score == pytest.approx(np.log(2))


def test_negative_and_tiny_densities_are_floored():
    order, score = _rank(np.array([1.0, -1.0, 0.0, 1.0]), np.array([-5.0, -5.0, 1.0, 1.0]))
    assert order.tolist() == [0, 1, 3, 2] or order.tolist() == [0, 3, 1, 2]
    assert score == pytest.approx(-np.log(FLOOR))


@pytest.mark.parametrize("unscored", [inf, np.nan])
def test_the_first_unscored_candidate_wins(unscored):
    """Kept from the original: a score that is not finite although l is wins without a comparison."""
    order, score = _rank(np.array([1.0, 1.0, 1.0, 9.0]), np.array([1.0, unscored, unscored, 0.1]))
    assert order.tolist() == [1, 3, 0, 2]
    assert score == 0.0


def test_an_infinite_good_density_wins_by_its_score():
    """Here l is not finite, so the rule above does not apply: g / l is 0, the smallest of all."""
    order, score = _rank(np.array([1.0, inf]), np.array([1.0, 1.0]))
    assert order.tolist() == [1, 0]
    assert score == 0.0


# --- inactive parameters ---------------------------------------------------------------------------------------------


def test_inactive_values_come_from_rows_of_the_same_set():
    """All gaps of a row are filled from one other row, as far as that row has values."""
    gap = np.nan
    points = np.array([[0.1, gap, gap], [0.2, 0.25, 1.0], [0.3, 0.35, 2.0], [gap, 0.5, 0.0]])
    for seed in range(30):
        filled = _impute(points, np.array([0, 0, 3]), np.random.default_rng(seed))
        assert np.array_equal(filled[~np.isnan(points)], points[~np.isnan(points)])
        assert filled[0, 1:].tolist() in ([0.25, 1.0], [0.35, 2.0], [0.5, 0.0])
        assert filled[3, 0] in (0.1, 0.2, 0.3)  # the original skips the first column


def test_a_column_without_values_is_filled_at_random():
    points = np.column_stack([np.full(4, np.nan), np.full(4, np.nan), np.arange(4.0)])
    filled = _impute(points, np.array([0, 3, 0]), np.random.default_rng(0))
    assert ((filled[:, 0] >= 0) & (filled[:, 0] < 1)).all()
    assert set(filled[:, 1]) <= {0.0, 1.0, 2.0}
    assert np.isnan(points[:, :2]).all()  # the argument did not change


def test_candidates_are_complete_despite_conditions():
    """Each has a value for every parameter. The space decides which are inactive."""
    space = Space(SPACES["mixed"]())
    for seed in range(10):
        observations = sampled(space, np.random.default_rng(seed).random(40).tolist(), seed=seed)
        answer = propose(observations, space, seed=seed)
        assert np.isnan(observations.vectors(range(40))).any()
        assert np.isfinite(space.deactivate(answer.vectors)[:, space.names.index("rate")]).all()
        assert np.isfinite(answer.facts.score)
