"""Synchronous Hyperband against a literal reading of Li et al. 2018, Algorithm 1, and the BOHB paper, section 4.2."""

from math import inf, isfinite

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.budgets import geometric, ladder
from bohb.schedules import HpBandSterHyperband, Hyperband, Promote, Start
from bohb.schedules.bracket_sizes import hpbandster_bracket, paper_bracket
from tests.schedules.simulation import LOSSES, Simulation
from tests.schedules.test_laws import KINDS, LADDERS, SEEDS

SCHEDULES = [Hyperband(), HpBandSterHyperband()]
both = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)


def closed(run):
    """Return the brackets that are over."""
    return [
        bracket for bracket in (run.brackets[i] for i in range(len(run.brackets))) if bracket not in run.brackets.open
    ]


def expected_move(bracket, *, refills):
    """Return the next move of a bracket by the text: fill the first rung, then promote the best of each finished one.

    With `refills`, new configurations replace missing successes, as in HpBandSter.
    """
    if len(bracket.rungs[0].entered) < bracket.plan.sizes[0]:
        return Start(bracket.index)
    for number in range(1, len(bracket.rungs)):
        below, rung = bracket.rungs[number - 1 : number + 1]
        if len(below.finished) < len(below.entered):
            return None  # the barrier
        best = [entry for entry in sorted(below.finished) if isfinite(entry[0])][: bracket.plan.sizes[number]]
        left = [config_id for _, config_id in best if config_id not in rung.entered]
        if left:
            return Promote(bracket.index, number, left[0])
        if refills and len(rung.entered) < bracket.plan.sizes[number]:
            return Start(bracket.index, number)
    return None


def expected_moves(brackets, *, refills):
    """Return the moves of all brackets, oldest first, closed brackets included."""
    each = [expected_move(brackets[i], refills=refills) for i in range(len(brackets))]
    return [move for move in each if move is not None]


def follows_the_paper(run, move):
    """The smallest budget goes first, then the oldest bracket. A new bracket opens only if all others wait."""
    waiting = expected_moves(run.brackets, refills=False)
    expected = min(waiting, key=lambda move: run.brackets.plan(move.bracket).levels[move.rung], default=None)
    assert move == (expected or Start(len(run.brackets)))


def follows_hpbandster(run, move):
    """The oldest bracket goes first, at any budget."""
    assert move == next(iter(expected_moves(run.brackets, refills=True)), Start(len(run.brackets)))


@given(rungs=LADDERS, kind=KINDS, seed=SEEDS, workers=st.integers(1, 30))
def test_the_moves_of_hyperband_are_those_of_the_paper(rungs, kind, seed, workers):
    run = Simulation(Hyperband(), rungs, np.random.default_rng(seed), check=follows_the_paper)
    run.play(LOSSES[kind], num_steps=150, workers=workers)


@given(rungs=LADDERS, kind=KINDS, seed=SEEDS, workers=st.integers(1, 30))
def test_the_moves_of_hpbandster_are_those_of_its_code(rungs, kind, seed, workers):
    run = Simulation(HpBandSterHyperband(), rungs, np.random.default_rng(seed), check=follows_hpbandster)
    run.play(LOSSES[kind], num_steps=150, workers=workers)


@pytest.mark.parametrize(
    ("schedule", "bracket"), [(Hyperband(), paper_bracket), (HpBandSterHyperband(), hpbandster_bracket)]
)
@pytest.mark.parametrize("rungs", [geometric(1, 81), geometric(1, 16, eta=4), ladder([1, 4, 10, 50]), ladder([3])])
@pytest.mark.parametrize("workers", [1, 5, 40])
def test_without_failures_brackets_have_their_planned_sizes(schedule, bracket, rungs, workers):
    """Each rung holds exactly the best of the rung below."""
    run = Simulation(schedule, rungs, np.random.default_rng(workers))
    run.play(LOSSES["distinct"], num_steps=1500, workers=workers)
    finished = closed(run)
    assert len(finished) > len(rungs)
    for one in finished:
        plan = bracket(rungs, one.index % len(rungs))
        assert one.plan == plan
        assert tuple(len(rung.entered) for rung in one.rungs) == plan.sizes
        for below, above in zip(one.rungs, one.rungs[1:], strict=False):
            assert above.entered == {config_id for _, config_id in below.finished[: len(above.entered)]}


@given(rungs=LADDERS, seed=SEEDS, workers=st.integers(1, 30), kind=KINDS)
def test_hyperband_promotes_the_best_successes(rungs, seed, workers, kind):
    """A rung holds as many as planned, or all successes if there are fewer, and nothing else."""
    run = Simulation(Hyperband(), rungs, np.random.default_rng(seed))
    run.play(LOSSES[kind], num_steps=300, workers=workers)
    for one in closed(run):
        for below, above, size in zip(one.rungs, one.rungs[1:], one.plan.sizes[1:], strict=False):
            successes = [config_id for loss, config_id in below.finished if isfinite(loss)]
            assert above.entered == set(successes[:size])


@given(rungs=LADDERS, seed=SEEDS, workers=st.integers(1, 30), kind=KINDS)
def test_hpbandster_replaces_failures_by_new_configurations(rungs, seed, workers, kind):
    """Every rung reaches its size, and successes are promoted before new configurations start."""
    run = Simulation(HpBandSterHyperband(), rungs, np.random.default_rng(seed))
    run.play(LOSSES[kind], num_steps=300, workers=workers)
    for one in closed(run):
        assert tuple(len(rung.entered) for rung in one.rungs) == one.plan.sizes
        for below, above in zip(one.rungs, one.rungs[1:], strict=False):
            successes = {config_id for loss, config_id in below.finished if isfinite(loss)}
            assert len(above.entered & successes) == min(len(successes), len(above.entered))


def test_hpbandster_starts_replacements_at_the_larger_budget():
    run = Simulation(HpBandSterHyperband(), geometric(1, 9), np.random.default_rng(0))
    for _ in range(9):
        run.ask()
    for _ in range(9):
        run.tell(0, inf)
    moves = [run.ask().move for _ in range(3)]
    assert moves == [Start(0, 1)] * 3
    assert {level for level, _ in run.pending} == {1}


def two_brackets(schedule):
    """Return a search with a full first rung in bracket 0 and a started bracket 1."""
    run = Simulation(schedule, geometric(1, 9), np.random.default_rng(0))
    for _ in range(10):  # nine fill the first rung of the first bracket, the tenth opens the second bracket
        run.ask()
    assert run.trials[-1].move == Start(1)
    return run


def test_hyperband_prefers_the_smaller_budget():
    """The first bracket could go on at budget 9, the second one at budget 3."""
    run = two_brackets(Hyperband())
    for _ in range(9):
        run.tell(0, 0.5)
    promotions = [run.ask() for _ in range(3)]
    assert [trial.move for trial in promotions] == [Promote(0, 1, i) for i in range(3)]
    for trial in promotions:
        run.observe(trial.level, trial.config_id, 0.5)
    assert run.ask().move == Start(1)


def test_hpbandster_prefers_the_oldest_bracket():
    """In the same situation, budget 9 of the first bracket goes before budget 3 of the second."""
    run = two_brackets(HpBandSterHyperband())
    for _ in range(9):
        run.tell(0, 0.5)
    for trial in [run.ask() for _ in range(3)]:
        run.observe(trial.level, trial.config_id, 0.5)
    assert run.ask().move == Promote(0, 2, 0)


@both
def test_a_straggler_blocks_only_its_own_bracket(schedule):
    """One trial of the first rung never ends. That rung promotes nothing, and all other brackets continue."""
    run = Simulation(schedule, geometric(1, 9), np.random.default_rng(0))
    straggler = run.ask()
    for _ in range(300):
        trial = run.ask()
        run.observe(trial.level, trial.config_id, 0.5)
    assert not run.brackets[0].rungs[1].entered
    assert run.pending == [(straggler.level, straggler.config_id)]
    assert len(closed(run)) > 10


@both
def test_few_brackets_stay_open(schedule):
    run = Simulation(schedule, geometric(1, 9), np.random.default_rng(0))
    run.play(LOSSES["often failing"], num_steps=3000, workers=4)
    assert len(run.brackets) > 50
    assert len(run.brackets.open) < 10


@both
def test_rungs_shrink_in_proportion_in_a_small_space(schedule):
    """With seven configurations instead of nine: 7, then 3 * 7 // 9 = 2, then 1."""
    run = Simulation(schedule, geometric(1, 9), np.random.default_rng(0), capacity=7)
    run.play(LOSSES["distinct"], num_steps=10**4, workers=1)
    assert [len(rung.entered) for rung in run.brackets[0].rungs] == [7, 2, 1]
