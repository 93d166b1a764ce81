"""Ranks, bands and tests agree with independent computations."""

import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchmarks import statistics
from benchmarks.simulation import regret_at
from benchmarks.statistics import Floats
from tests.benchmarks.worlds import record, records

REGRETS = st.sampled_from([0.0, 0.1, 0.2, 0.5, math.inf])


def panel(regrets: Floats) -> statistics.Panel:
    """Return a panel of (P, S, K) final regrets."""
    problems, _, rivals = regrets.shape
    return statistics.Panel(
        setting="1",
        total=30.0,
        optimizers=tuple(f"optimizer-{k}" for k in range(rivals)),
        problems=tuple(f"problem-{p}" for p in range(problems)),
        families=tuple(f"family-{p % 2}" for p in range(problems)),
        fractions=(1.0,),
        regrets=tuple(regrets[:, :, :, None]),
        incomplete=0,
    )


def arrays(problems: int = 4, seeds: int = 3, rivals: int = 3) -> st.SearchStrategy[Floats]:
    size = problems * seeds * rivals
    return st.lists(REGRETS, min_size=size, max_size=size).map(
        lambda values: np.array(values).reshape(problems, seeds, rivals)
    )


@given(arrays())
def test_ranks_count_better_optimizers(regrets: Floats) -> None:
    """A rank is 1 plus the number of better ones plus half the number of equal ones; the sum of ranks is constant."""
    for ranked, given_regrets in zip(statistics.ranks(panel(regrets)), regrets, strict=True):
        for row, values in zip(ranked[:, :, 0], given_regrets, strict=True):
            wanted = [1 + sum(v < u for v in values) + (sum(v == u for v in values) - 1) / 2 for u in values]
            assert row.tolist() == wanted
    assert statistics.mean_ranks(panel(regrets)).sum() == pytest.approx(6)


def test_rounding_errors_do_not_break_ties() -> None:
    regrets = np.array([[[0.1 + 0.2, 0.3, 0.4]]])
    assert statistics.ranks(panel(regrets))[0][0, :, 0].tolist() == [1.5, 1.5, 3]


@given(st.lists(st.tuples(REGRETS, REGRETS), min_size=1, max_size=12))
def test_duels_agree_with_textbook_tests(pairs: list[tuple[float, float]]) -> None:
    """The sign test by counting coin flips; reversing a duel swaps wins and losses and keeps the p-values."""
    ours, theirs = np.array(pairs).T
    duel, back = statistics.duel_of(ours, theirs), statistics.duel_of(theirs, ours)
    assert (duel.wins, duel.ties, duel.losses) == (back.losses, back.ties, back.wins)
    assert duel.wins + duel.ties + duel.losses == len(pairs)
    decided = duel.wins + duel.losses
    extreme = [flips for flips in range(decided + 1) if abs(flips - decided / 2) >= abs(duel.wins - decided / 2)]
    assert duel.sign == pytest.approx(sum(math.comb(decided, flips) for flips in extreme) / 2**decided)
    assert duel.wilcoxon == pytest.approx(back.wilcoxon)
    assert 0 <= duel.wilcoxon <= 1


def test_wilcoxon_agrees_with_all_sign_assignments() -> None:
    """Without ties, the p-value is the share of all assignments of signs that are at least as extreme."""
    rng = np.random.default_rng(0)
    ours, theirs = rng.random((2, 8))
    ranks = stats.rankdata(abs(ours - theirs))
    observed = abs(ranks @ np.sign(ours - theirs))
    share = np.mean([abs(ranks @ np.array(signs)) >= observed - 1e-9 for signs in product((-1, 1), repeat=8)])
    assert statistics.duel_of(ours, theirs).wilcoxon == pytest.approx(share)


def test_only_a_clear_winner_is_significant() -> None:
    rng = np.random.default_rng(0)
    theirs = rng.random(20)
    assert statistics.duel_of(theirs * 0.9, theirs).sign < 1e-4
    assert statistics.duel_of(theirs * 0.9, theirs).wilcoxon < 1e-4
    assert statistics.duel_of(theirs, theirs) == statistics.Duel(0, 20, 0, 1.0, 1.0)


def test_bands_contain_the_mean_and_shrink() -> None:
    rng = np.random.default_rng(0)
    few, many = (panel(rng.random((number, 5, 4))) for number in (4, 64))
    widths = []
    for each in (few, many):
        low, high = statistics.rank_bands(each)
        assert (low <= statistics.mean_ranks(each)).all()
        assert (statistics.mean_ranks(each) <= high).all()
        widths.append((high - low).mean())
    assert widths[1] < widths[0] / 2.5


def test_bands_agree_with_a_plain_bootstrap() -> None:
    """A bootstrap with plain loops gives the same spread."""
    rng = np.random.default_rng(1)
    each = panel(rng.random((6, 5, 3)))
    ranked = [of_problem[:, 0, 0] for of_problem in statistics.ranks(each)]
    means = [np.mean([np.mean(rng.choice(ranked[p], size=5)) for p in rng.integers(6, size=6)]) for _ in range(4000)]
    low, high = statistics.rank_bands(each, resamples=4000)
    assert [low[0, 0], high[0, 0]] == pytest.approx(np.quantile(means, [0.025, 0.975]).tolist(), abs=0.06)


def test_bands_are_reproducible() -> None:
    each = panel(np.random.default_rng(0).random((4, 5, 3)))
    assert np.array_equal(statistics.rank_bands(each), statistics.rank_bands(each))
    assert not np.array_equal(statistics.rank_bands(each), statistics.rank_bands(each, seed=1))


def test_friedman_and_nemenyi_agree_with_textbooks() -> None:
    """Demšar 2006 gives q = 2.343, 2.569 and 3.164 for 3, 4 and 10 classifiers, and CD = 1.25 for 4 on 14."""
    for rivals, q in ((3, 2.343), (4, 2.569), (10, 3.164)):
        difference = statistics.nemenyi(rivals, 20)
        assert difference == pytest.approx(q * math.sqrt(rivals * (rivals + 1) / 120), rel=1e-3)
    assert statistics.nemenyi(4, 14) == pytest.approx(1.25, abs=0.005)
    final = np.random.default_rng(0).random((12, 1, 4))
    compared = statistics.compare(panel(final))
    assert compared.p_value == pytest.approx(stats.friedmanchisquare(*final[:, 0].T).pvalue)
    assert compared.ranks.sum() == pytest.approx(10)
    assert statistics.compare(panel(np.zeros((5, 2, 4)))).p_value == 1.0


@given(st.lists(st.integers(10, 60).map(lambda tenth: tenth / 10), min_size=1, max_size=8), st.integers(1, 30))
def test_cliques_join_indistinguishable_optimizers(means: list[float], tenths: int) -> None:
    difference = tenths / 10 + 0.05
    bars = statistics.cliques(means, difference)
    for one, other in combinations(sorted(set(means)), 2):
        joined = any(low <= one and other <= high for low, high in bars)
        assert joined == (other - one < difference)
    assert not any(a != b and a[0] <= b[0] and b[1] <= a[1] for a, b in product(bars, bars))


def test_a_panel_reads_records() -> None:
    """The regret at a fraction is that of the incumbent then; incomplete comparisons are left out."""
    made = records()
    whole = statistics.panel_of(made)
    assert (len(whole.problems), whole.incomplete) == (4, 0)
    for p, problem in enumerate(whole.problems):
        for k, name in enumerate(whole.optimizers):
            mine = [one for one in made if (one.problem, one.optimizer) == (problem, name)]
            wanted = [[regret_at(one.incumbents, f * one.clock * (1 + 1e-12)) for f in whole.fractions] for one in mine]
            assert whole.regrets[p][:, k].tolist() == wanted
    part = statistics.panel_of(made[:-1])
    assert part.incomplete == 1
    assert len(part.regrets[-1]) == 2


def test_optimizers_without_common_runs_are_refused() -> None:
    with pytest.raises(ValueError, match="leave out"):
        statistics.panel_of([record("p", "a", 0, [0.5]), record("q", "b", 0, [0.5])])
    with pytest.raises(ValueError, match="expected one of a"):
        statistics.duel(statistics.panel_of([record("p", "a", 0, [0.5])]), "a", "b")


def test_searches_without_incumbent_share_the_last_rank() -> None:
    made = [record("p", name, 0, regrets) for name, regrets in (("a", []), ("b", []), ("c", [0.9] * 12))]
    ranks = statistics.mean_ranks(statistics.panel_of(made))
    assert ranks[:, -1].tolist() == [2.5, 2.5, 1.0]
