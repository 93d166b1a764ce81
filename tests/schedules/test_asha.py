"""Capped asynchronous halving against a literal reading of ASHA's Algorithm 2 with the two conditions of D-ASHA."""

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
    """Return the sizes of a synchronous bracket that brings one configuration to the top, rounded up from there."""
    sizes = {len(rungs) - 1: 1}
    for level in range(len(rungs) - 2, -1, -1):
        sizes[level] = ceil(sizes[level + 1] * rungs.reduction(level, level + 1))
    return sizes


def expected_move(rungs, bracket, patience):
    """Return the move into the highest rung: the best unpromoted one of the top 1 / eta, if share and size allow it."""
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
        candidates = [config_id for loss, config_id in top if isfinite(loss) and config_id not in above.entered]
        if candidates:
            return Promote(0, number, candidates[0])
    return Start(0)


@given(rungs=LADDERS, kind=KINDS, seed=SEEDS, workers=st.integers(1, 30), patience=st.integers(0, 3))
def test_moves_are_those_of_the_papers(rungs, kind, seed, workers, patience):
    def follows_the_papers(run, move):
        assert move == (expected_move(rungs, run.brackets[0], patience) if len(run.brackets) else Start(0))

    schedule = AsynchronousHalving(patience=patience)
    run = Simulation(schedule, rungs, np.random.default_rng(seed), check=follows_the_papers)
    run.play(LOSSES[kind], num_steps=150, workers=workers)


@given(rungs=LADDERS, kind=KINDS, seed=SEEDS, workers=st.integers(1, 30))
def test_a_promoted_configuration_was_among_the_best(rungs, kind, seed, workers):
    """It is a success in the top 1 / eta of its rung, and at most 1 / eta of the rung is promoted at any time."""

    def keeps_the_cap(run, move):
        for number, (below, above) in enumerate(rung_pairs(run)):
            eta = rungs.reduction(number, number + 1)
            assert len(above.entered) * eta <= len(below.finished)
            if move == Promote(0, number + 1, getattr(move, "config_id", None)):
                ranks = {config_id: rank for rank, (_, config_id) in enumerate(below.finished)}
                assert (ranks[move.config_id] + 1) * eta <= len(below.finished)
                assert isfinite(run.losses[number, move.config_id])
                assert len(below.finished) >= min(sizes_of(rungs)[number], eta**2)

    run = Simulation(AsynchronousHalving(), rungs, np.random.default_rng(seed), check=keeps_the_cap)
    run.play(LOSSES[kind], num_steps=200, workers=workers)


def rung_pairs(run):
    return list(zip(run.brackets[0].rungs, run.brackets[0].rungs[1:], strict=False)) if len(run.brackets) else []


def first_full_result(rungs, seed, *, resumed, schedule=None):
    """Return what one worker has spent until the first full result."""
    run = Simulation(schedule or AsynchronousHalving(), rungs, np.random.default_rng(seed))
    spent = 0
    while True:
        trial = run.ask()
        is_promoted = isinstance(trial.move, Promote)
        spent += rungs.costs[trial.level] - (rungs.costs[trial.level - 1] if is_promoted and resumed else 0)
        run.tell(0, float(run.rng.random()))
        if trial.level == len(rungs) - 1:
            return spent


@pytest.mark.parametrize("eta", [2, 3, 4])
@pytest.mark.parametrize("num_levels", [2, 3, 4, 5])
def test_one_worker_soon_has_a_full_result(eta, num_levels):
    """It costs at most one synchronous bracket.

    That is S full budgets without checkpoints, and 1 + (S - 1) (1 - 1 / eta) with them.
    """
    rungs = geometric(1, eta ** (num_levels - 1), eta=eta)
    for seed in range(5):
        assert first_full_result(rungs, seed, resumed=False) <= num_levels * rungs[-1] <= 5 * rungs[-1]
        assert first_full_result(rungs, seed, resumed=True) <= (1 + (num_levels - 1) * (1 - 1 / eta)) * rungs[-1]


@pytest.mark.parametrize(
    "rungs", [geometric(1, 81), geometric(1, 64, eta=2), geometric(1, 64, eta=4), ladder([2, 4, 12])]
)
def test_whole_reductions_give_the_sizes_of_the_paper(rungs):
    plan = AsynchronousHalving().cycle(rungs)[0]
    assert plan.is_endless
    assert plan.sizes == paper_bracket(rungs, 0).sizes


@given(rungs=LADDERS, seed=SEEDS)
def test_a_cycle_brings_a_configuration_to_the_top(rungs, seed):
    """It has the planned number of starts, all possible promotions, and no failure."""
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


def test_the_bracket_grows_after_the_first_full_result():
    """It has no end, and its rungs keep their proportions."""
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
    assert run.ask().move == Promote(0, 1, 0)


def test_a_straggler_blocks_no_promotion():
    run = Simulation(AsynchronousHalving(), geometric(1, 9), np.random.default_rng(0))
    run.ask()
    for _ in range(200):
        trial = run.ask()
        run.observe(trial.level, trial.config_id, float(run.rng.random()))
    assert len(run.brackets[0].rungs[2].entered) > 3


def test_failures_count_in_a_rung_but_are_never_promoted():
    """The one success among nine is promoted, and three more failures change nothing."""
    run = Simulation(AsynchronousHalving(), geometric(1, 9), np.random.default_rng(0))
    for i in range(9):
        run.ask()
        run.tell(0, 0.5 if i == 4 else inf)
    assert run.ask().move == Promote(0, 1, 4)
    for _ in range(3):
        assert run.ask().move == Start(0)
        run.tell(-1, inf)
    assert run.ask().move == Start(0)


def test_rungs_of_irregular_ladders_shrink_by_their_costs():
    rungs = ladder([1, 4, 10])
    run = Simulation(AsynchronousHalving(), rungs, np.random.default_rng(0))
    run.play(LOSSES["distinct"], num_steps=3000, workers=4)
    sizes = [len(rung.entered) for rung in run.brackets[0].rungs]
    assert sizes[0] / sizes[1] == pytest.approx(4, rel=0.1)
    assert sizes[1] / sizes[2] == pytest.approx(2.5, rel=0.1)
