"""The model of the paper against a literal reading of Algorithm 2, with statsmodels and scipy as references."""

import math
import warnings
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bohb.facts import Facts
from bohb.models import PaperModel
from bohb.models.paper import split
from bohb.space import Space
from tests.models.observed import LOSSES, floats, observed, sampled, statsmodels_kde
from tests.strategies import SPACES

MODEL = PaperModel(random_fraction=0)


def propose(observations, space, model=MODEL, seed=0):
    return model.propose(observations, space, np.random.default_rng(seed))


# --- when it starts, and at which budget ---------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 5])
def test_the_model_starts_at_n_min_plus_2_results(d):
    """Algorithm 2, line 2, with N_min = d + 1."""
    space = floats(d)
    too_few, enough = (sampled(space, np.arange(float(n)).tolist()) for n in (d + 2, d + 3))
    assert propose(too_few, space).facts == Facts(reason="too few results", needed=d + 3)
    assert len(propose(enough, space).vectors) == 64


def test_constant_parameters_do_not_count_as_dimensions():
    space = Space({"x": (0.0, 1.0), "k": ["only"]})
    assert len(propose(sampled(space, [0.1, 0.2, 0.3, 0.4]), space).vectors) == 64


@pytest.mark.parametrize(("at_top", "level"), [(0, 0), (5, 0), (6, 2)])
def test_only_the_largest_budget_with_enough_results_counts(at_top, level):
    """With d = 3 a level needs six results. Level 1 has no results and is skipped."""
    space = floats(3)
    vectors, _ = space.sample(np.random.default_rng(0), 40)
    tells = [(0, i, float(i)) for i in range(40)] + [(2, i, float(-i)) for i in range(at_top)]
    facts = propose(observed(vectors, tells, num_levels=3), space).facts
    assert facts.level == level
    assert facts.good + facts.bad <= max(at_top, 40)


def test_the_model_needs_n_min_successes():
    space = floats(3)
    assert propose(sampled(space, [0.1, 0.2, 0.3, inf, inf, inf, inf]), space).facts.reason == "too few results"
    facts = propose(sampled(space, [0.1, 0.2, 0.3, 0.4, inf, inf, inf]), space).facts
    assert (facts.good, facts.bad) == (4, 4)


# --- good and bad ---------------------------------------------------------------------------------------------------


@given(st.lists(LOSSES, min_size=4, max_size=80), st.integers(2, 12), st.sampled_from([0.1, 0.15, 0.25, 0.5]))
def test_good_and_bad_follow_section_4_1(losses, n_min, q):
    """N_l = max(N_min, floor(q N)) best and N_g = max(N_min, N - N_l) worst, but a failure is never good."""
    level = sampled(floats(1), losses).levels[0]
    ranked = sorted(range(len(losses)), key=lambda i: (losses[i], i))
    n_l = max(n_min, math.floor(q * len(losses)))
    n_g = max(n_min, len(losses) - n_l)
    good, bad = split(level, q, n_min)
    assert good == [i for i in ranked[:n_l] if losses[i] < inf]
    assert bad == ranked[max(len(losses) - n_g, 0) :]


def test_good_and_bad_overlap_while_results_are_few():
    """With d = 4, N_min is 5, so seven results make five good and five bad ones."""
    level = sampled(floats(4), np.arange(7.0).tolist()).levels[0]
    assert split(level, 0.15, 5) == ([0, 1, 2, 3, 4], [2, 3, 4, 5, 6])
    level = sampled(floats(4), np.arange(100.0).tolist()).levels[0]
    assert split(level, 0.15, 5) == (list(range(15)), list(range(15, 100)))


# --- candidates -----------------------------------------------------------------------------------------------------


def test_candidates_are_ranked_by_the_density_ratio():
    """The reference is `KDEMultivariate` on continuous parameters, with the bandwidths of Scott's rule."""
    space, losses = floats(3), np.random.default_rng(3).random(50).tolist()
    observations = sampled(space, losses)
    good, bad = split(observations.levels[0], 0.15, 4)
    of_good, of_bad = (statsmodels_kde(observations.vectors(each), "ccc") for each in (good, bad))
    answer = propose(observations, space)
    scores = np.log(of_good.pdf(answer.vectors)) - np.log(of_bad.pdf(answer.vectors))
    assert (np.diff(scores) <= 1e-9).all()
    assert answer.facts.score == pytest.approx(scores[0], abs=1e-10)


def candidates(model, observations, space):
    rng = np.random.default_rng(0)
    return np.concatenate([model.propose(observations, space, rng).vectors for _ in range(20)])


def test_candidates_come_from_the_widened_good_density():
    """They fit scipy's truncated normals with three times the bandwidth, and not those with the plain bandwidth."""
    space, losses = floats(1), np.random.default_rng(3).random(40).tolist()
    observations = sampled(space, losses)
    good, _ = split(observations.levels[0], 0.15, 2)
    centres = observations.vectors(good)[:, 0]
    bandwidth = 1.06 * centres.std() * len(good) ** (-1 / 5)

    def cdf(factor):
        widths = factor * bandwidth
        kernels = [stats.truncnorm(-c / widths, (1 - c) / widths, loc=c, scale=widths) for c in centres]
        return lambda x: np.mean([kernel.cdf(x) for kernel in kernels], axis=0)

    drawn = candidates(MODEL, observations, space)[:, 0]
    assert stats.kstest(drawn, cdf(3)).pvalue > 0.01
    assert stats.kstest(drawn, cdf(1)).pvalue < 1e-6  # the control
    assert (
        stats.kstest(
            candidates(PaperModel(random_fraction=0, bandwidth_factor=1), observations, space)[:, 0], cdf(1)
        ).pvalue
        > 0.01
    )


def test_a_proposal_has_num_candidates_candidates():
    space = floats(2)
    observations = sampled(space, np.arange(20.0).tolist())
    assert len(propose(observations, space, PaperModel(random_fraction=0, num_candidates=7)).vectors) == 7


def test_a_categorical_bandwidth_stays_valid():
    """With ten choices the published rule leaves the valid range; here scores stay finite."""
    space = Space({f"c{i}": list("abcdefghij") for i in range(3)})
    for seed in range(10):
        losses = np.random.default_rng(seed).random(60).tolist()
        observations = sampled(space, losses, seed=seed)
        answer = propose(observations, space, seed=seed)
        assert np.isfinite(answer.facts.score)
        assert answer.facts.score > 0  # the best of 64 candidates near the good ones beats an even ratio


@pytest.mark.parametrize("rule", ["cv_ml", "cv_ls"])
def test_cross_validated_bandwidths_are_those_of_statsmodels(rule):
    """There are no warnings, also with inactive parameters, which cross-validation cannot handle."""
    space, mixed = floats(2), Space(SPACES["mixed"]())
    model = PaperModel(random_fraction=0, bandwidth_rule=rule)
    losses = np.random.default_rng(3).random(25).tolist()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = propose(sampled(space, losses), space, model)
        on_mixed = propose(sampled(mixed, losses), mixed, model)
    assert not caught
    assert np.isfinite(on_mixed.facts.score)
    observations = sampled(space, losses)
    good, bad = split(observations.levels[0], 0.15, 3)
    of_good, of_bad = (statsmodels_kde(observations.vectors(each), "cc", rule) for each in (good, bad))
    for density in (of_good, of_bad):
        density.bw = np.maximum(density.bw, 1e-3)
    best = answer.vectors[:1]
    assert answer.facts.score == pytest.approx(np.log(of_good.pdf(best)) - np.log(of_bad.pdf(best)))
