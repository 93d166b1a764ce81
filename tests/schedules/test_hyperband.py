"""Synchronous Hyperband against a slow reading of Li et al. 2018, Algorithm 1, and of section 4.2 of the BOHB paper."""

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
    """The brackets that are over."""
    return [
        bracket for bracket in (run.brackets[i] for i in range(len(run.brackets))) if bracket not in run.brackets.open
    ]


def next_word(bracket, *, refills):
    """What a bracket gives now, by the text: fill the first rung; when a rung is done, its best go on; else None.

    `refills` is HpBandSter's habit of starting new configurations where too few succeeded.
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


def words(brackets, *, refills):
    """What each bracket gives, oldest first; brackets that were closed are asked all the same."""
    each = [next_word(brackets[i], refills=refills) for i in range(len(brackets))]
    return [word for word in each if word is not None]


def follows_the_paper(run, word):
    """The smallest budget first, then the oldest bracket; a new bracket only where all others wait."""
    waiting = words(run.brackets, refills=False)
    expected = min(waiting, key=lambda word: run.brackets.plan(word.bracket).levels[word.rung], default=None)
    assert word == (expected or Start(len(run.brackets)))


def follows_hpbandster(run, word):
    """The oldest bracket first, whatever the budget."""
    assert word == next(iter(words(run.brackets, refills=True)), Start(len(run.brackets)))


@given(rungs=LADDERS, kind=KINDS, seed=SEEDS, workers=st.integers(1, 30))
def test_hyperband_says_what_the_paper_says(rungs, kind, seed, workers):
    run = Simulation(Hyperband(), rungs, np.random.default_rng(seed), check=follows_the_paper)
    run.play(LOSSES[kind], num_steps=150, workers=workers)


@given(rungs=LADDERS, kind=KINDS, seed=SEEDS, workers=st.integers(1, 30))
def test_hpbandster_says_what_its_code_says(rungs, kind, seed, workers):
    run = Simulation(HpBandSterHyperband(), rungs, np.random.default_rng(seed), check=follows_hpbandster)
    run.play(LOSSES[kind], num_steps=150, workers=workers)


@pytest.mark.parametrize(
    ("schedule", "bracket"), [(Hyperband(), paper_bracket), (HpBandSterHyperband(), hpbandster_bracket)]
)
@pytest.mark.parametrize("rungs", [geometric(1, 81), geometric(1, 16, eta=4), ladder([1, 4, 10, 50]), ladder([3])])
@pytest.mark.parametrize("workers", [1, 5, 40])
def test_without_failures_every_bracket_has_exactly_its_sizes(schedule, bracket, rungs, workers):
    """And each rung holds exactly the best of the rung below, the most aggressive bracket first."""
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
def test_in_hyperband_a_rung_takes_the_best_of_those_that_succeeded(rungs, seed, workers, kind):
    """As many as the plan says, or all successes if there are fewer; and nobody enters from outside."""
    run = Simulation(Hyperband(), rungs, np.random.default_rng(seed))
    run.play(LOSSES[kind], num_steps=300, workers=workers)
    for one in closed(run):
        for below, above, size in zip(one.rungs, one.rungs[1:], one.plan.sizes[1:], strict=False):
            successes = [config_id for loss, config_id in below.finished if isfinite(loss)]
            assert above.entered == set(successes[:size])


@given(rungs=LADDERS, seed=SEEDS, workers=st.integers(1, 30), kind=KINDS)
def test_hpbandster_fills_the_places_of_failures_with_new_configurations(rungs, seed, workers, kind):
    """So every rung reaches its size, however many fail; and no success waits below a new one."""
    run = Simulation(HpBandSterHyperband(), rungs, np.random.default_rng(seed))
    run.play(LOSSES[kind], num_steps=300, workers=workers)
    for one in closed(run):
        assert tuple(len(rung.entered) for rung in one.rungs) == one.plan.sizes
        for below, above in zip(one.rungs, one.rungs[1:], strict=False):
            successes = {config_id for loss, config_id in below.finished if isfinite(loss)}
            assert len(above.entered & successes) == min(len(successes), len(above.entered))


def test_hpbandster_starts_the_new_ones_at_the_larger_budget():
    run = Simulation(HpBandSterHyperband(), geometric(1, 9), np.random.default_rng(0))
    for _ in range(9):
        run.ask()
    for _ in range(9):
        run.tell(0, inf)
    words = [run.ask().word for _ in range(3)]
    assert words == [Start(0, 1)] * 3
    assert {level for level, _ in run.pending} == {1}


def fill(schedule):
    """Two brackets full: the first has three promotions to give, the second still has places at its lowest level."""
    run = Simulation(schedule, geometric(1, 9), np.random.default_rng(0))
    for _ in range(10):  # nine fill the first rung of the first bracket, the tenth opens the second bracket
        run.ask()
    assert run.jobs[-1].word == Start(1)
    return run


def test_hyperband_prefers_the_smaller_budget():
    """The first bracket waits with budget 9, the second with budget 3."""
    run = fill(Hyperband())
    for _ in range(9):
        run.tell(0, 0.5)
    promotions = [run.ask() for _ in range(3)]
    assert [job.word for job in promotions] == [Promote(0, 1, i) for i in range(3)]
    for job in promotions:
        run.observe(job.level, job.config_id, 0.5)
    assert run.ask().word == Start(1)


def test_hpbandster_prefers_the_oldest_bracket():
    """The control to the test above: here budget 9 of the first bracket goes before budget 3 of the second."""
    run = fill(HpBandSterHyperband())
    for _ in range(9):
        run.tell(0, 0.5)
    for job in [run.ask() for _ in range(3)]:
        run.observe(job.level, job.config_id, 0.5)
    assert run.ask().word == Promote(0, 2, 0)


@both
def test_a_straggler_holds_its_own_bracket_only(schedule):
    """One job of the first rung never ends: nobody leaves that rung, and all other brackets go on."""
    run = Simulation(schedule, geometric(1, 9), np.random.default_rng(0))
    straggler = run.ask()
    for _ in range(300):
        job = run.ask()
        run.observe(job.level, job.config_id, 0.5)
    assert not run.brackets[0].rungs[1].entered
    assert run.pending == [(straggler.level, straggler.config_id)]
    assert len(closed(run)) > 10


@both
def test_a_closed_bracket_is_not_looked_at_again(schedule):
    run = Simulation(schedule, geometric(1, 9), np.random.default_rng(0))
    run.play(LOSSES["often failing"], num_steps=3000, workers=4)
    assert len(run.brackets) > 50
    assert len(run.brackets.open) < 10


@both
def test_in_a_space_that_is_too_small_the_rungs_shrink_in_proportion(schedule):
    """Seven configurations where nine are planned: 7, then 3 * 7 // 9 = 2, then 1."""
    run = Simulation(schedule, geometric(1, 9), np.random.default_rng(0), capacity=7)
    run.play(LOSSES["distinct"], num_steps=10**4, workers=1)
    assert [len(rung.entered) for rung in run.brackets[0].rungs] == [7, 2, 1]
