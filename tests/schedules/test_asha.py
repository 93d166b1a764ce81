"""Capped asynchronous halving against a slow reading of ASHA's Algorithm 2 with the two conditions of D-ASHA."""

from fractions import Fraction
from math import ceil, inf, isfinite

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.budgets import geometric, ladder
from bohb.schedules import AsynchronousHalving, Promote, Start
from bohb.schedules.bracket_sizes import paper_bracket
from tests.schedules.simulation import LOSSES, Simulation
from tests.schedules.test_laws import KINDS, LADDERS, SEEDS


def sizes_of(rungs):
    """What a synchronous rung would take, so that one reaches the top: rounded up from the top down."""
    sizes = {len(rungs) - 1: 1}
    for level in range(len(rungs) - 2, -1, -1):
        sizes[level] = ceil(sizes[level + 1] * rungs.reduction(level, level + 1))
    return sizes


def next_word(rungs, bracket, patience):
    """From the top rung down: the best not yet promoted of the top 1 / eta, if share and size allow it."""
    sizes = sizes_of(rungs)
    for number in range(len(rungs) - 1, 0, -1):
        below, above = bracket.rungs[number - 1 : number + 1]
        eta = rungs.reduction(number - 1, number)
        finished = sorted(below.finished)
        if len(finished) < min(sizes[number - 1], ceil(eta**patience)):
            continue
        if Fraction(len(above.entered) + 1, len(finished)) > Fraction(1) / eta:
            continue
        top = finished[: int(Fraction(len(finished)) / eta)]
        able = [config_id for loss, config_id in top if isfinite(loss) and config_id not in above.entered]
        if able:
            return Promote(0, number, able[0])
    return Start(0)


@given(rungs=LADDERS, kind=KINDS, seed=SEEDS, workers=st.integers(1, 30), patience=st.integers(0, 3))
def test_it_says_what_the_papers_say(rungs, kind, seed, workers, patience):
    def follows_the_papers(run, word):
        assert word == (next_word(rungs, run.brackets[0], patience) if len(run.brackets) else Start(0))

    schedule = AsynchronousHalving(patience=patience)
    run = Simulation(schedule, rungs, np.random.default_rng(seed), check=follows_the_papers)
    run.play(LOSSES[kind], num_steps=150, workers=workers)


@given(rungs=LADDERS, kind=KINDS, seed=SEEDS, workers=st.integers(1, 30))
def test_the_promoted_share_stays_within_one_over_eta_and_starts_late_enough(rungs, kind, seed, workers):
    """At every moment; and whoever is promoted is then in the top 1 / eta of its rung, and no failure."""

    def keeps_the_cap(run, word):
        for number, (below, above) in enumerate(rung_pairs(run)):
            eta = rungs.reduction(number, number + 1)
            assert len(above.entered) * eta <= len(below.finished)
            if word == Promote(0, number + 1, getattr(word, "config_id", None)):
                ranks = {config_id: rank for rank, (_, config_id) in enumerate(below.finished)}
                assert (ranks[word.config_id] + 1) * eta <= len(below.finished)
                assert isfinite(run.losses[number, word.config_id])
                assert len(below.finished) >= min(sizes_of(rungs)[number], eta**2)

    run = Simulation(AsynchronousHalving(), rungs, np.random.default_rng(seed), check=keeps_the_cap)
    run.play(LOSSES[kind], num_steps=200, workers=workers)


def rung_pairs(run):
    return list(zip(run.brackets[0].rungs, run.brackets[0].rungs[1:], strict=False)) if len(run.brackets) else []


def first_full_result(rungs, seed, *, resumed, schedule=None):
    """What one worker has spent when it has the first result at the full budget."""
    run = Simulation(schedule or AsynchronousHalving(), rungs, np.random.default_rng(seed))
    spent = 0
    while True:
        job = run.ask()
        is_promoted = isinstance(job.word, Promote)
        spent += rungs.costs[job.level] - (rungs.costs[job.level - 1] if is_promoted and resumed else 0)
        run.tell(0, float(run.rng.random()))
        if job.level == len(rungs) - 1:
            return spent


@pytest.mark.parametrize("eta", [2, 3, 4])
@pytest.mark.parametrize("num_levels", [2, 3, 4, 5])
def test_one_worker_soon_has_a_result_at_the_full_budget(eta, num_levels):
    """Within five full budgets, one a level, even where every promotion starts afresh; sooner from checkpoints.

    At most what one synchronous bracket costs: S full budgets afresh, 1 + (S - 1) (1 - 1 / eta) with checkpoints.
    """
    rungs = geometric(1, eta ** (num_levels - 1), eta=eta)
    for seed in range(5):
        assert first_full_result(rungs, seed, resumed=False) <= num_levels * rungs[-1] <= 5 * rungs[-1]
        assert first_full_result(rungs, seed, resumed=True) <= (1 + (num_levels - 1) * (1 - 1 / eta)) * rungs[-1]


@pytest.mark.parametrize(
    "rungs", [geometric(1, 81), geometric(1, 64, eta=2), geometric(1, 64, eta=4), ladder([2, 4, 12])]
)
def test_where_reductions_are_whole_the_sizes_are_those_of_the_paper(rungs):
    plan = AsynchronousHalving().cycle(rungs)[0]
    assert plan.is_endless
    assert plan.sizes == paper_bracket(rungs, 0).sizes


@given(rungs=LADDERS, seed=SEEDS)
def test_a_cycle_brings_one_configuration_to_the_top(rungs, seed):
    """As many starts as the plan says, no failure, and everything that can be promoted: one, at least, arrives."""
    run = Simulation(AsynchronousHalving(), rungs, np.random.default_rng(seed))
    for _ in range(AsynchronousHalving().cycle(rungs)[0].sizes[0]):
        while isinstance(run.schedule.next(run.brackets), Promote):
            run.ask()
            run.tell(0, float(run.rng.random()))
        run.ask()
        run.tell(0, float(run.rng.random()))
    while isinstance(run.schedule.next(run.brackets), Promote):
        run.ask()
        run.tell(0, float(run.rng.random()))
    assert run.brackets[0].rungs[-1].finished


def test_it_goes_on_after_the_first_full_result():
    """The bracket has no end: the number of full results grows with what is spent."""
    run = Simulation(AsynchronousHalving(), geometric(1, 9), np.random.default_rng(0))
    run.play(LOSSES["distinct"], num_steps=4000, workers=8)
    sizes = [len(rung.entered) for rung in run.brackets[0].rungs]
    assert len(run.brackets) == 1
    assert sizes[2] > 100
    assert sizes[0] / sizes[1] == pytest.approx(3, rel=0.1)
    assert sizes[1] / sizes[2] == pytest.approx(3, rel=0.1)


def test_ties_go_to_the_older_configuration():
    run = Simulation(AsynchronousHalving(), geometric(1, 3), np.random.default_rng(0))
    for _ in range(3):
        run.ask()
    for _ in range(3):
        run.tell(-1, 0.5)
    assert run.ask().word == Promote(0, 1, 0)


def test_nobody_waits_for_a_straggler():
    run = Simulation(AsynchronousHalving(), geometric(1, 9), np.random.default_rng(0))
    run.ask()
    for _ in range(200):
        job = run.ask()
        run.observe(job.level, job.config_id, float(run.rng.random()))
    assert len(run.brackets[0].rungs[2].entered) > 3


def test_failures_keep_places_but_take_none():
    """Eight of nine fail: the one success is promoted, and three more failures change nothing."""
    run = Simulation(AsynchronousHalving(), geometric(1, 9), np.random.default_rng(0))
    for i in range(9):
        run.ask()
        run.tell(0, 0.5 if i == 4 else inf)
    assert run.ask().word == Promote(0, 1, 4)
    for _ in range(3):
        assert run.ask().word == Start(0)
        run.tell(-1, inf)
    assert run.ask().word == Start(0)


def test_irregular_ladders_reduce_by_the_ratio_of_their_costs():
    rungs = ladder([1, 4, 10])
    run = Simulation(AsynchronousHalving(), rungs, np.random.default_rng(0))
    run.play(LOSSES["distinct"], num_steps=3000, workers=4)
    sizes = [len(rung.entered) for rung in run.brackets[0].rungs]
    assert sizes[0] / sizes[1] == pytest.approx(4, rel=0.1)
    assert sizes[1] / sizes[2] == pytest.approx(2.5, rel=0.1)
