"""Synthetic problems agree with independent values: published optima, brute force, published correlations."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binomtest, spearmanr

from benchmarks.problems import make, names
from tests.benchmarks.problems.common import losses, problem, some


def at(name, *point):
    it = problem(name)
    return it.true_loss(dict(zip(it.space, point, strict=True)))


@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("mf-hartmann3-bad", -3.8627798),
        ("mf-hartmann6-bad", -3.3223680),
        ("branin", 0.3978874),
        ("currin", -13.798722),
        ("borehole", -309.575588),
        ("park1", -25.589254),
        ("park2", -5.926037),
        ("forrester", -6.0207401),
    ],
)
def test_optima_agree_with_publications(name, best):
    assert problem(name).reference.best == pytest.approx(best, rel=2e-7)


def test_branin_has_three_minima():
    minima = [at("branin", x, y) for x, y in ((-math.pi, 12.275), (math.pi, 2.275), (3 * math.pi, 2.475))]
    np.testing.assert_allclose(minima, 10 / (8 * math.pi), rtol=1e-9)


def test_cheap_branin_has_its_minimum_elsewhere():
    """Dragonfly's z = 0: 0.4478874 at (3.1416, 2.4905)."""
    from benchmarks.problems.functions import branin

    assert branin([3.1416, 2.4905], 0.0) == pytest.approx(0.4478874, abs=1e-4)


def test_functions_at_points_calculated_by_hand():
    assert at("park2", 0, 0, 0, 0.7) == pytest.approx(-2 / 3)
    assert at("park1", 0, 0, 0, 1) == pytest.approx(-3 * math.e)
    assert at("forrester", 1 / 3) == pytest.approx(0)
    assert at("currin", 0, 0) == pytest.approx(-3)
    lowest_flow = (0.05, 50000, 63070, 990, 63.1, 820, 1680, 9855)  # least flow; the heads alone give the factor
    assert -at("borehole", *lowest_flow) == pytest.approx(7.82, abs=0.05)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mf-hartmann3-good", (0.18, 0.55, 0.82)),
        ("mf-hartmann3-moderate", (0.04, 0.36, 0.71)),
        ("mf-hartmann3-bad", (-0.06, 0.21, 0.64)),
        ("mf-hartmann3-terrible", (-0.11, 0.11, 0.56)),
        ("mf-hartmann6-good", (0.07, 0.25, 0.53)),
        ("mf-hartmann6-terrible", (-0.04, 0.04, 0.22)),
    ],
)
def test_hartmann_fidelities_correlate_as_published(name, expected):
    """Spearman correlation of z = 3, 11, 33 with z = 100 on random points; four standard errors are 0.08."""
    it = problem(name)
    configs = some(it, 3000)
    full = losses(it, 100, configs)
    measured = [spearmanr(losses(it, z, configs), full).statistic for z in (3, 11, 33)]
    np.testing.assert_allclose(measured, expected, atol=0.08)


@pytest.mark.parametrize("num_dims", [3, 6])
def test_default_hartmann_hardly_misleads(num_dims):
    it = problem(f"mf-hartmann{num_dims}-default")
    configs = some(it, 1000)
    assert spearmanr(losses(it, 3, configs), losses(it, 100, configs)).statistic > 0.88


def test_counting_ones_counts_flips():
    """The smallest budget has nine flips a coin, without bias."""
    it = make("counting-ones-1-1")
    seen = -losses(it, 9, [{"cat0": 1, "cont0": 0.3}] * 4000) - 1
    assert set(np.round(seen * 9, 9)) <= set(range(10))
    assert binomtest(round(seen.sum() * 9), 36_000, 0.3).pvalue > 0.001
    assert binomtest(round(seen.sum() * 9), 36_000, 0.32).pvalue < 0.001  # a control: two hundredths are seen


@pytest.mark.parametrize("name", ["nas-6x5", "nas-5x3", "nas-2x4"])
def test_dynamic_programming_agrees_with_brute_force(name):
    it = make(name)
    every = (
        dict(zip(it.space, codes, strict=True))
        for codes in itertools.product(it.space["cell0"].choices, repeat=len(it.space))
    )
    assert min(map(it.true_loss, every)) == it.true_loss(it.optimum())


def test_early_leaders_of_crossing_curves_lose():
    """The best hundredth after one epoch ends no better than the median; after 27 epochs it ends among the best."""
    it = problem("curves-crossing")
    configs = some(it, 3000)
    regrets = np.array([it.regret(config) for config in configs])
    assert np.median(regrets[losses(it, 1, configs).argsort()[:30]]) > 0.9
    assert np.median(regrets[losses(it, 27, configs).argsort()[:30]]) < 0.2


def test_shuffled_curves_are_uninformative():
    it = problem("curves-shuffled")
    configs = some(it, 3000)
    full = losses(it, 81, configs)
    assert all(abs(spearmanr(losses(it, budget, configs), full).statistic) < 0.07 for budget in (1, 3, 9, 27))
    assert spearmanr(losses(it, 81, configs, seed=1), full).statistic > 0.97


@pytest.mark.parametrize("name", names("noisy"))
def test_the_true_loss_of_a_noisy_problem_is_the_mean_of_full_trainings(name):
    """Within five standard errors; and there is noise."""
    it = problem(name)
    for config in some(it, 5):
        drawn = losses(it, it.ladder[-1], [config] * 4000)
        assert abs(drawn.mean() - it.true_loss(config)) < 5 * drawn.std() / math.sqrt(len(drawn))
        assert drawn.std() > 0.01
