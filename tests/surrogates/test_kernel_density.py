"""Laws of kernel densities, and their agreement with statsmodels and scipy.stats."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats
from statsmodels.nonparametric.kernel_density import KDEMultivariate

from bohb.space.columns import Columns
from bohb.surrogates.bandwidths import scott_bandwidths, statsmodels_bandwidths
from bohb.surrogates.kernel_density import KernelDensity

SEED = 20180710
UNEVEN = np.array([0.0, 0.02, 0.3, 0.31, 0.7, 1.0])


def columns_of(*kinds):
    """Columns from one kind each: 0.0 for continuous, an integer for choices, an array for the edges of bins."""
    choices = [kind if isinstance(kind, int) else 0 for kind in kinds]
    return Columns(np.array(choices), tuple(kind if isinstance(kind, np.ndarray) else None for kind in kinds))


def draw(rng, num, columns, inactive=0.0):
    """Random points: uniform values, centres of bins, choices; a share of all values is NaN."""
    points = rng.random((num, len(columns.edges)))
    for d, (count, edges) in enumerate(zip(columns.choices, columns.edges, strict=True)):
        if count:
            points[:, d] = rng.integers(0, count, num)
        elif edges is not None:
            points[:, d] = rng.choice((edges[1:] + edges[:-1]) / 2, num)
    points[rng.random(points.shape) < inactive] = np.nan
    return points


def draw_bandwidths(rng, shape, columns, low=-2.0, high=0.5):
    widths = 10 ** rng.uniform(low, high, shape)
    for d in columns.categorical:
        widths[..., d] = rng.random(shape[:-1]) * (columns.choices[d] - 1) / columns.choices[d]
    return widths


# --- an independent, slow implementation -------------------------------------------------------------------------


def plain_factor(x, mu, h, count, edges, bounded):
    """The factor of one column of one kernel at one query."""
    if np.isnan(x):
        return 1.0
    if count:
        if np.isnan(mu):
            return 1.0 / count
        return 1 - h if x == mu else h / (count - 1)
    if edges is None:
        if np.isnan(mu):
            return 1.0
        return gaussian(mu, h, bounded).pdf(x)
    a, b = bin_of(x, edges)
    return b - a if np.isnan(mu) else mass(gaussian(mu, h, bounded), a, b, mu)


def gaussian(mu, h, bounded):
    return stats.truncnorm(-mu / h, (1 - mu) / h, loc=mu, scale=h) if bounded else stats.norm(mu, h)


def bin_of(x, edges):
    return next((a, b) for a, b in itertools.pairwise(edges) if a <= x < b)


def mass(law, a, b, mu):
    return law.sf(a) - law.sf(b) if a > mu else law.cdf(b) - law.cdf(a)


def plain_log_pdf(queries, points, widths, columns, weights, prior_weight, bounded):
    widths = np.broadcast_to(widths, points.shape)
    weights = np.ones(len(points)) if weights is None else weights / weights.mean()
    kinds = list(zip(columns.choices, columns.edges, strict=True))
    result = []
    for query in queries:
        density = prior_weight * np.prod(
            [plain_factor(x, np.nan, 1, *kind, bounded) for x, kind in zip(query, kinds, strict=True)]
        )
        for point, width, weight in zip(points, widths, weights, strict=True):
            row = zip(query, point, width, kinds, strict=True)
            density += weight * np.prod([plain_factor(x, mu, h, *kind, bounded) for x, mu, h, kind in row])
        result.append(np.log(density / (weights.sum() + prior_weight)))
    return np.array(result)


KINDS = st.sampled_from([0.0, 0.0, UNEVEN, np.linspace(0, 1, 2), np.linspace(0, 1, 65), 1, 2, 5])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    kinds=st.lists(KINDS, min_size=1, max_size=4),
    num=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
    inactive=st.sampled_from([0.0, 0.3]),
    prior_weight=st.sampled_from([0.5, 1.0, 7.0]),
    shared=st.booleans(),
    weighted=st.booleans(),
    bounded=st.booleans(),
    low=st.sampled_from([-2, -5]),
)
def test_log_pdf_agrees_with_a_plain_loop(kinds, num, seed, inactive, prior_weight, shared, weighted, bounded, low):
    rng, columns = np.random.default_rng(seed), columns_of(*kinds)
    points, queries = draw(rng, num, columns, inactive), draw(rng, 4, columns, inactive)
    widths = draw_bandwidths(rng, (len(kinds),) if shared else points.shape, columns, low)
    queries[0] = points[0]
    weights = rng.random(num) + 0.01 if weighted else None
    density = KernelDensity(points, widths, columns, weights=weights, prior_weight=prior_weight, bounded=bounded)
    expected = plain_log_pdf(queries, points, widths, columns, weights, prior_weight, bounded)
    np.testing.assert_allclose(density.log_pdf(queries), expected, rtol=0, atol=1e-9)


# --- densities integrate to one ----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [0.01, 0.1, 1.0, 100.0])
@pytest.mark.parametrize("centres", [[0.0], [1.0], [0.001, 0.5, np.nan], [0.999, 0.98]])
def test_continuous_density_integrates_to_one(centres, width):
    density = KernelDensity(np.array(centres)[:, None], [width], columns_of(0.0), prior_weight=0.5)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    left = np.arange(200) / 200  # pieces no wider than half a bandwidth
    queries = (left[:, None] + (nodes + 1) / 400).ravel()
    total = (np.exp(density.log_pdf(queries[:, None])).reshape(200, 40) @ weights).sum() / 400
    assert total == pytest.approx(1, abs=1e-12)


def test_unbounded_density_extends_beyond_the_bounds():
    density = KernelDensity([[0.0]], [0.1], columns_of(0.0), bounded=False)
    inside = integrate.quad(lambda x: np.exp(density.log_pdf([[x]])[0]), 0, 1)[0]
    assert inside == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("edges", [np.linspace(0, 1, 257), np.linspace(0, 1, 17), UNEVEN, np.array([0.0, 1.0])])
@pytest.mark.parametrize("width", [1e-6, 0.01, 0.05, 0.1, 0.3, 3.0, 1e3])
def test_bins_sum_to_one(edges, width):
    rng, columns = np.random.default_rng(SEED), columns_of(edges)
    every = ((edges[1:] + edges[:-1]) / 2)[:, None]
    for widths in ([width], np.full((6, 1), width)):
        density = KernelDensity(draw(rng, 6, columns, 0.2), widths, columns, weights=rng.random(6))
        assert np.exp(density.log_pdf(every)).sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("count", [1, 2, 3, 10])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_choices_sum_to_one(count, share):
    columns = columns_of(count)
    points = np.array([[0.0], [count - 1.0], [np.nan]])
    density = KernelDensity(points, [share * (count - 1) / count], columns, prior_weight=0.3)
    assert np.exp(density.log_pdf(np.arange(count)[:, None])).sum() == pytest.approx(1, abs=1e-12)


def test_products_sum_to_one():
    rng, columns = np.random.default_rng(SEED), columns_of(3, UNEVEN, 2)
    every = np.array([[i, x, j] for i in range(3) for x in (UNEVEN[1:] + UNEVEN[:-1]) / 2 for j in range(2)])
    density = KernelDensity(draw(rng, 9, columns, 0.3), [0.4, 0.2, 0.1], columns, prior_weight=2.0)
    assert np.exp(density.log_pdf(every)).sum() == pytest.approx(1, abs=1e-12)


# --- independent sources -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [(0.0,), (0.0, 0.0, 0.0), (4,), (0.0, 3, 0.0, 2)])
def test_unbounded_density_agrees_with_statsmodels(kinds):
    rng, columns = np.random.default_rng(SEED), columns_of(*kinds)
    points, queries = draw(rng, 40, columns), draw(rng, 30, columns)
    for d in columns.categorical:  # statsmodels only knows the choices in the data
        points[: columns.choices[d], d] = np.arange(columns.choices[d])
    widths = draw_bandwidths(rng, (len(kinds),), columns, -1, 0)
    kinds_there = "".join("u" if count else "c" for count in columns.choices)
    theirs = KDEMultivariate(points, kinds_there, bw=widths, rng=np.random.default_rng(0)).pdf(queries)
    ours = KernelDensity(points, widths, columns, bounded=False).log_pdf(queries)
    np.testing.assert_allclose(np.exp(ours), theirs, rtol=1e-10)


@pytest.mark.parametrize("width", [1e-6, 5e-4, 1e-3, 0.03, 1.0, 50.0])
@pytest.mark.parametrize("centre", [0.0, 0.3, 1.0])
def test_continuous_kernel_is_a_truncated_normal(width, centre):
    queries = np.append(np.linspace(0, 1, 11), np.clip(centre + width * np.linspace(-3, 3, 7), 0, 1))
    expected = stats.truncnorm.logpdf(queries, -centre / width, (1 - centre) / width, loc=centre, scale=width)
    actual = KernelDensity([[centre]], [width], columns_of(0.0)).log_pdf(queries[:, None])
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("per_kernel", [False, True])
@pytest.mark.parametrize("width", [0.03, 0.05, 0.08, 0.2, 1.0, 50.0])
@pytest.mark.parametrize("edges", [UNEVEN, np.linspace(0, 1, 17), np.linspace(0, 1, 257)])
def test_bin_masses_are_those_of_a_truncated_normal(edges, width, per_kernel):
    centres = (edges[1:] + edges[:-1]) / 2
    actual = [
        KernelDensity([[mu], [mu]], [[width]] * 2 if per_kernel else [width], columns_of(edges)).log_pdf(
            centres[:, None]
        )
        for mu in centres[[0, len(centres) // 3, -1]]
    ]
    for mu, masses in zip(centres[[0, len(centres) // 3, -1]], actual, strict=True):
        law = gaussian(mu, width, bounded=True)
        lower, upper = edges[:-1], edges[1:]
        expected = np.where(lower > mu, law.sf(lower) - law.sf(upper), law.cdf(upper) - law.cdf(lower))
        visible = expected > 1e-280
        np.testing.assert_allclose(np.exp(masses)[visible], expected[visible], rtol=1e-9)
        assert (masses[~visible] < -600).all()


def test_categorical_kernel_is_aitchison_aitken():
    density = KernelDensity([[2.0]], [0.3], columns_of(4))
    np.testing.assert_allclose(np.exp(density.log_pdf([[0.0], [1.0], [2.0], [3.0]])), [0.1, 0.1, 0.7, 0.1], rtol=1e-14)


# --- mixtures ----------------------------------------------------------------------------------------------------

MIXED = columns_of(0.0, np.linspace(0, 1, 12), 3, 0.0, UNEVEN, 2)


def log_mixture(densities, weights, queries):
    return special.logsumexp([density.log_pdf(queries) for density in densities], axis=0, b=np.array(weights)[:, None])


def test_weighted_kernels_form_the_mixture():
    rng = np.random.default_rng(SEED)
    points, queries, weights = draw(rng, 8, MIXED, 0.2), draw(rng, 20, MIXED, 0.2), rng.random(8) * (np.arange(8) != 3)
    widths = draw_bandwidths(rng, points.shape, MIXED)
    whole = KernelDensity(points, widths, MIXED, weights=weights, prior_weight=2.0)
    parts = [KernelDensity(points[j : j + 1], widths[j], MIXED) for j in range(8)] + [
        KernelDensity(points[:0], widths[0], MIXED, prior_weight=1.0)
    ]
    # The weight of an average kernel is 1, so eight kernels weigh 8 and the prior 2.
    shares = np.append(8 * weights / weights.sum(), 2) / 10
    np.testing.assert_allclose(whole.log_pdf(queries), log_mixture(parts, shares, queries), rtol=0, atol=1e-11)


def test_shared_bandwidths_equal_repeated_ones():
    rng = np.random.default_rng(SEED)
    points, queries = draw(rng, 30, MIXED, 0.2), draw(rng, 20, MIXED, 0.2)
    widths = draw_bandwidths(rng, (6,), MIXED)
    shared, repeated = (KernelDensity(points, h, MIXED, prior_weight=1.0) for h in (widths, np.tile(widths, (30, 1))))
    np.testing.assert_allclose(shared.log_pdf(queries), repeated.log_pdf(queries), rtol=0, atol=1e-11)
    np.testing.assert_array_equal(
        shared.sample(np.random.default_rng(0), 50), repeated.sample(np.random.default_rng(0), 50)
    )


def test_only_relative_weights_matter():
    rng = np.random.default_rng(SEED)
    points, queries, weights = draw(rng, 8, MIXED), draw(rng, 9, MIXED), rng.random(8)
    widths = draw_bandwidths(rng, (6,), MIXED)
    one, other = (KernelDensity(points, widths, MIXED, weights=w, prior_weight=1.0) for w in (weights, 1e6 * weights))
    np.testing.assert_allclose(one.log_pdf(queries), other.log_pdf(queries), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dropped", [[0], [1], [2], [0, 4], [1, 2, 5], [0, 1, 2, 3, 4, 5]])
def test_inactive_queries_are_marginalised(dropped):
    rng = np.random.default_rng(SEED)
    points, queries = draw(rng, 12, MIXED, 0.2), draw(rng, 15, MIXED)
    queries[:, dropped] = np.nan
    rest = [d for d in range(6) if d not in dropped]
    smaller = Columns(MIXED.choices[rest], tuple(MIXED.edges[d] for d in rest))
    widths = draw_bandwidths(rng, points.shape, MIXED)
    expected = KernelDensity(points[:, rest], widths[:, rest], smaller, prior_weight=1.0).log_pdf(queries[:, rest])
    actual = KernelDensity(points, widths, MIXED, prior_weight=1.0).log_pdf(queries)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-11)


def test_marginalising_equals_summing():
    rng, columns = np.random.default_rng(SEED), columns_of(0.0, UNEVEN, 3)
    density = KernelDensity(draw(rng, 12, columns, 0.3), [0.1, 0.2, 0.4], columns, prior_weight=1.0)
    for d, values in ((1, (UNEVEN[1:] + UNEVEN[:-1]) / 2), (2, np.arange(3.0))):
        query = np.tile([0.4, 0.15, 1.0], (len(values), 1))
        query[:, d] = values
        summed = special.logsumexp(density.log_pdf(query))
        query[:, d] = np.nan
        assert summed == pytest.approx(density.log_pdf(query[:1])[0], abs=1e-12)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.permutations(range(10)), st.integers(0, 2**32 - 1))
def test_the_order_of_kernels_has_no_effect(order, seed):
    rng = np.random.default_rng(seed)
    points, queries, weights = draw(rng, 10, MIXED, 0.2), draw(rng, 20, MIXED, 0.2), rng.random(10)
    widths = draw_bandwidths(rng, points.shape, MIXED, -1)
    density = KernelDensity(points, widths, MIXED, weights=weights, prior_weight=1.0)
    shuffled = KernelDensity(points[order], widths[order], MIXED, weights=weights[order], prior_weight=1.0)
    np.testing.assert_allclose(density.log_pdf(queries), shuffled.log_pdf(queries), rtol=0, atol=1e-12)


@pytest.mark.parametrize("per_kernel", [False, True])
@pytest.mark.parametrize("bandwidth", [1e-6, 1e-3, 1.0, 1e3])
def test_a_prior_keeps_every_density_positive(bandwidth, per_kernel):
    rng = np.random.default_rng(SEED)
    points = draw(rng, 20, MIXED, 0.2)
    queries = np.vstack([draw(rng, 50, MIXED, 0.2), points, np.full(6, np.nan), np.zeros(6)])
    widths = np.where(MIXED.choices > 0, 0.0, bandwidth)
    density = KernelDensity(points, np.tile(widths, (20, 1)) if per_kernel else widths, MIXED, prior_weight=1.0)
    prior = KernelDensity(points[:0], widths, MIXED, prior_weight=1.0).log_pdf(queries)
    assert np.isfinite(density.log_pdf(queries)).all()
    assert (density.log_pdf(queries) > prior - np.log(21) - 1e-9).all()
    drawn = density.sample(rng, 200)
    assert np.isfinite(density.log_pdf(drawn)).all()
    assert ((drawn >= 0) & (drawn <= np.maximum(MIXED.choices - 1, 1))).all()


def test_the_prior_alone_is_uniform():
    columns = columns_of(0.0, UNEVEN, 4, 1)
    density = KernelDensity(np.empty((0, 4)), [0.1, 0.1, 0.5, 0.0], columns, prior_weight=3.0)
    queries = [[0.2, 0.01, 3, 0], [0.9, 0.5, np.nan, 0], [np.nan, np.nan, 1, np.nan]]
    np.testing.assert_allclose(density.log_pdf(queries), np.log([0.02 / 4, 0.39, 0.25]), rtol=1e-13)


def test_very_wide_kernels_are_uniform():
    rng = np.random.default_rng(SEED)
    points, queries = draw(rng, 5, MIXED), draw(rng, 20, MIXED)
    flat = KernelDensity(
        points, np.where(MIXED.choices > 0, (MIXED.choices - 1) / np.maximum(MIXED.choices, 1), 1e3), MIXED
    )
    prior = KernelDensity(points[:0], np.where(MIXED.choices > 0, 0.0, 1.0), MIXED, prior_weight=1.0)
    np.testing.assert_allclose(flat.log_pdf(queries), prior.log_pdf(queries), rtol=0, atol=1e-5)


def test_widening_affects_only_the_draw():
    rng = np.random.default_rng(SEED)
    points, queries, weights = draw(rng, 8, MIXED, 0.2), draw(rng, 20, MIXED, 0.2), rng.random(8)
    limits = (MIXED.choices - 1) / np.maximum(MIXED.choices, 1)
    for shape in ((6,), points.shape):
        widths = draw_bandwidths(rng, shape, MIXED, -1)
        density = KernelDensity(points, widths, MIXED, weights=weights, prior_weight=1.0)
        before = density.log_pdf(queries)
        wider = np.where(MIXED.choices > 0, np.minimum(3 * widths, limits), 3 * widths)
        expected = KernelDensity(points, wider, MIXED, weights=weights, prior_weight=1.0)
        np.testing.assert_array_equal(
            density.sample(np.random.default_rng(0), 30, widening=3), expected.sample(np.random.default_rng(0), 30)
        )
        np.testing.assert_array_equal(density.log_pdf(queries), before)


def test_arguments_are_copied_and_not_modified():
    rng = np.random.default_rng(SEED)
    arguments = points, widths, weights, queries = (
        draw(rng, 8, MIXED, 0.2),
        draw_bandwidths(rng, (8, 6), MIXED),
        rng.random(8),
        draw(rng, 20, MIXED, 0.2),
    )
    copies = [argument.copy() for argument in arguments]
    density = KernelDensity(points, widths, MIXED, weights=weights, prior_weight=1.0)
    density.sample(rng, 5, widening=2)
    expected = KernelDensity(*copies[:2], MIXED, weights=copies[2], prior_weight=1.0).log_pdf(queries)
    scott_bandwidths(points, MIXED)
    for argument, copy in zip(arguments, copies, strict=True):
        np.testing.assert_array_equal(argument, copy)
    shared = copies[1][0].copy()
    other = KernelDensity(points, shared, MIXED)
    other_expected = KernelDensity(copies[0], copies[1][0], MIXED).log_pdf(queries)
    points[:], widths[:], weights[:], shared[:] = 0.5, 0.3, 1.0, 0.3
    np.testing.assert_array_equal(density.log_pdf(queries), expected)
    np.testing.assert_array_equal(other.log_pdf(queries), other_expected)


def test_empty_queries_and_samples():
    density = KernelDensity([[0.5] * 4 + [0.1, 0.0]], [0.1] * 6, MIXED)
    assert density.log_pdf(np.empty((0, 6))).shape == (0,)
    assert density.sample(np.random.default_rng(0), 0).shape == (0, 6)


# --- samples follow the density; each test has a control ------------------------------------------

CONTINUOUS_POINTS = np.array([[0.02], [0.5], [0.98], [np.nan]])
CONTINUOUS_WEIGHTS = np.array([3.0, 1.0, 2.0, 1.0])


def continuous_cdf(x):
    """The distribution function of the mixture below, made of truncated normals of scipy."""
    laws = [gaussian(mu, 0.1, bounded=True) for mu in CONTINUOUS_POINTS[:3, 0]] + [stats.uniform(), stats.uniform()]
    shares = np.append(CONTINUOUS_WEIGHTS * 4 / 7, 0.5) / 4.5
    return sum(share * law.cdf(x) for share, law in zip(shares, laws, strict=True))


@pytest.mark.parametrize("per_kernel", [False, True])
@pytest.mark.parametrize("bounded", [False, True])
def test_continuous_samples_follow_the_density(bounded, per_kernel):
    widths = np.full((4, 1), 0.1) if per_kernel else [0.1]
    density = KernelDensity(
        CONTINUOUS_POINTS, widths, columns_of(0.0), weights=CONTINUOUS_WEIGHTS, prior_weight=0.5, bounded=bounded
    )
    sample = density.sample(np.random.default_rng(SEED), 20_000)[:, 0]
    wrong = density.sample(np.random.default_rng(SEED), 20_000, widening=1.15)[:, 0]
    assert stats.kstest(sample, continuous_cdf).pvalue > 1e-3
    assert stats.kstest(wrong, continuous_cdf).pvalue < 1e-6


@pytest.mark.parametrize("kind", [UNEVEN, np.linspace(0, 1, 17), 2, 5, 12])
def test_discrete_samples_follow_the_density(kind):
    rng, columns = np.random.default_rng(SEED), columns_of(kind)
    values = np.arange(float(kind)) if isinstance(kind, int) else (kind[1:] + kind[:-1]) / 2
    points = np.append(values[[0, 0, -1]], np.nan)[:, None]
    density = KernelDensity(points, [0.2], columns, weights=[4, 4, 1, 1], prior_weight=0.5)
    expected = 20_000 * np.exp(density.log_pdf(values[:, None]))

    def p_value(sampled):
        np.testing.assert_array_equal(np.isin(sampled, values), True)
        observed = (sampled[:, None] == values).sum(axis=0)
        return stats.chisquare(observed, expected).pvalue

    assert p_value(density.sample(rng, 20_000)[:, 0]) > 1e-3
    assert p_value(density.sample(rng, 20_000, widening=1.3)[:, 0]) < 1e-6


def test_samples_keep_the_columns_of_a_kernel_together():
    """The control is the product of the marginal distributions, which would mix the two kernels."""
    columns = columns_of(0.0, 2, np.linspace(0, 1, 3))
    density = KernelDensity([[0.1, 0, 0.25], [0.9, 1, 0.75]], [0.05, 0.1, 0.2], columns, weights=[1, 3])
    drawn = density.sample(np.random.default_rng(SEED), 20_000)
    upper = np.column_stack([drawn[:, 0] > 0.5, drawn[:, 1] == 1, drawn[:, 2] > 0.5])
    observed = np.bincount(upper @ [4, 2, 1], minlength=8)
    left, choice = np.repeat([0.1, 0.9], 4), np.tile([0.0, 0.0, 1.0, 1.0], 2)
    grid = np.tile([0.25, 0.75], 4)
    given_left = np.exp(density.log_pdf(np.column_stack([left, choice, grid])))
    expected = 20_000 * given_left / given_left.sum()
    assert stats.chisquare(observed, expected).pvalue > 1e-3
    marginals = [np.bincount(column.astype(int)) / 20_000 for column in upper.T]
    independent = 20_000 * np.einsum("i,j,k->ijk", *marginals).ravel()
    assert stats.chisquare(observed, independent).pvalue < 1e-6


def test_extreme_samples_stay_in_range():
    class Extreme:
        def __init__(self, value):
            self.value = value

        def random(self, shape):
            return np.full(shape, self.value)

    for value in (0.0, 1e-300, np.nextafter(1.0, 0.0)):
        for width in (1e-6, 1e-3, 1.0, 1e3):
            points = [[0.0, 0.0, 0.01], [1.0, 2.0, 0.85]]
            density = KernelDensity(points, [width, 2 / 3, width], columns_of(0.0, 3, UNEVEN))
            drawn = density.sample(Extreme(value), 1)
            assert np.isfinite(drawn).all()
            assert ((drawn >= 0) & (drawn <= [1, 2, 1])).all()


def test_equal_generators_give_equal_samples():
    rng = np.random.default_rng(SEED)
    density = KernelDensity(draw(rng, 9, MIXED, 0.3), draw_bandwidths(rng, (6,), MIXED), MIXED, prior_weight=1.0)
    one, other = (density.sample(np.random.default_rng(7), 30) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert not np.isnan(one).any()


# --- bandwidths --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [(0.0,), (0.0, 0.0, 0.0), (0.0, np.linspace(0, 1, 9))])
def test_scott_bandwidths_agree_with_statsmodels(kinds):
    rng, columns = np.random.default_rng(SEED), columns_of(*kinds)
    points = draw(rng, 30, columns)
    np.testing.assert_allclose(scott_bandwidths(points, columns), statsmodels_bandwidths(points, columns), rtol=1e-12)


def test_scott_bandwidths_use_active_values_only():
    columns = columns_of(0.0, 0.0)
    points = np.random.default_rng(SEED).random((30, 2))
    expected = [statsmodels_bandwidths(points, columns)[0], statsmodels_bandwidths(points[20:], columns)[1]]
    points[:20, 1] = np.nan
    np.testing.assert_allclose(scott_bandwidths(points, columns), expected, rtol=1e-12)


def test_scott_bandwidths_are_valid_for_any_number_of_points():
    """The categorical one falls from the uniform kernel's to nearly nothing, unless no value is active."""
    columns = columns_of(0.0, 5, 1, UNEVEN, 2)
    categorical = []
    for num in (0, 1, 2, 100, 100_000):
        points = np.tile([0.3, 4, 0, 0.01, np.nan], (num, 1))
        widths = scott_bandwidths(points, columns, minimum=0.02)
        np.testing.assert_array_equal(widths[[0, 2, 3, 4]], [0.02, 0, 0.02, 0.5])
        KernelDensity(points, widths, columns, prior_weight=1.0)
        categorical.append(widths[1])
    assert categorical[0] == 0.8
    assert (np.diff(categorical) < 0).all()
    assert 0 < categorical[-1] < 0.03


@pytest.mark.parametrize("rule", ["normal_reference", "cv_ml", "cv_ls"])
def test_statsmodels_bandwidths_are_valid(rule):
    rng, columns = np.random.default_rng(SEED), columns_of(0.0, 8, UNEVEN)
    points = draw(rng, 12, columns)
    widths = statsmodels_bandwidths(points, columns, rule=rule, minimum=0.01)
    with np.errstate(all="ignore"):
        theirs = KDEMultivariate(points, "cuc", bw=rule, rng=np.random.default_rng(0)).bw
    np.testing.assert_allclose(widths, np.clip(theirs, 0.01, [np.inf, 7 / 8, np.inf]), rtol=1e-12)
    if rule == "normal_reference":
        assert theirs[1] > 7 / 8  # the unclipped bandwidth would make densities negative
    KernelDensity(points, widths, columns)


@pytest.mark.parametrize("rule", ["normal_reference", "cv_ml", "cv_ls"])
def test_statsmodels_bandwidths_have_a_minimum(rule):
    widths = statsmodels_bandwidths(np.tile([0.5, 1.0, 0.0], (6, 1)), columns_of(0.0, 3, 1), rule=rule, minimum=0.01)
    assert np.isfinite(widths).all()
    assert (widths >= [0.01, 0.01, 0.0]).all()


def test_statsmodels_bandwidths_refuse_nan_and_other_rules():
    with pytest.raises(ValueError, match="without NaN"):
        statsmodels_bandwidths([[0.1], [np.nan], [0.3]], columns_of(0.0))
    with pytest.raises(ValueError, match="got 'scott'"):
        statsmodels_bandwidths([[0.1], [0.3]], columns_of(0.0), rule="scott")


# --- errors and imports ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "widths", "options", "message"),
    [
        ([[0.5]], [0.1, 0.1], {}, "expected points"),
        ([0.5, 1.0], [0.1, 0.1], {}, "expected points"),
        ([[0.5, 1.0]], [0.0, 0.1], {}, "expected bandwidths"),
        ([[0.5, 1.0]], [np.nan, 0.1], {}, "expected bandwidths"),
        ([[0.5, 1.0]], [0.1, 0.7], {}, "expected bandwidths"),
        ([[0.5, 1.0]], [0.1, 0.1], {"weights": [1, 2]}, "non-negative weights"),
        ([[0.5, 1.0]], [0.1, 0.1], {"weights": [-1]}, "non-negative weights"),
        ([[0.5, 1.0]], [0.1, 0.1], {"weights": [0]}, "non-negative weights"),
        ([[0.5, 1.0]], [0.1, 0.1], {"prior_weight": -1}, "prior_weight"),
        (np.empty((0, 2)), [0.1, 0.1], {}, "prior_weight"),
    ],
)
def test_malformed_arguments_are_refused(points, widths, options, message):
    with pytest.raises(ValueError, match=message):
        KernelDensity(points, widths, columns_of(0.0, 3), **options)


@pytest.mark.parametrize(
    ("choices", "edges"),
    [
        ([0], (None, None)),
        ([3], (UNEVEN,)),
        ([0], (np.array([0.0, 0.5]),)),
        ([0], (np.array([0.1, 1.0]),)),
        ([0], (np.array([0.0, 0.5, 0.5, 1.0]),)),
        ([0], (np.array([0.0]),)),
    ],
)
def test_malformed_columns_are_refused(choices, edges):
    with pytest.raises(ValueError, match="expected"):
        Columns(np.array(choices), edges)


def test_importing_the_module_loads_only_numpy():
    heavy = {"scipy", "statsmodels", "pandas", "ConfigSpace"}
    code = f"import sys, bohb.surrogates.kernel_density; print(*{heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""
