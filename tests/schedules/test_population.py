"""Populations: who is replaced by whom, how many members there are, and what checkpoints are kept for."""

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bohb
from bohb.budgets import ladder
from bohb.schedules import Exploit, Population, Promote, Start
from bohb.schedules.population import MAX_MEMBERS, MEMBERS_PER_WORKER, MIN_MEMBERS
from tests.schedules.simulation import Simulation

LADDER = ladder([1, 2, 3, 4])
SEEDS = st.integers(0, 2**32 - 1)


def simulation(size=None, capacity=None, seed=0, **settings):
    return Simulation(Population(size, **settings), LADDER, np.random.default_rng(seed), capacity=capacity)


def finish_first_rung(run, losses):
    """Ask for as many members as there are losses, and tell these."""
    for _ in losses:
        assert isinstance(run.ask().move, Start)
    for loss in losses:
        run.tell(0, loss)


def moves(run, num):
    """Return the next moves, whose trials stay pending."""
    return [run.ask().move for _ in range(num)]


def test_the_worst_quarter_goes_on_from_the_best_quarter_and_the_others_go_on_as_they_are():
    run = simulation()
    finish_first_rung(run, [0.7, 0.1, 0.2, 0.5, 0.4, 0.9, 0.3, 0.8])
    promoted, exploited = moves(run, 6), moves(run, 2)
    assert promoted == [Promote(0, 1, config_id) for config_id in (6, 4, 3, 2, 1, 0)]  # the last to enter comes first
    assert exploited == [Exploit(0, 1, source=1, replaces=7), Exploit(0, 1, source=2, replaces=5)]


def test_a_failure_is_replaced_even_if_many_fail():
    run = simulation()
    finish_first_rung(run, [inf, inf, inf, 0.5, inf, inf, inf, 0.8])
    assert moves(run, 2) == [Promote(0, 1, 7), Promote(0, 1, 3)]
    rest = moves(run, 6)
    assert {move.replaces for move in rest} == {0, 1, 2, 4, 5, 6}
    assert {move.source for move in rest} <= {3, 7}


def test_members_that_do_equally_well_are_not_replaced():
    run = simulation()
    finish_first_rung(run, [0.5] * 8)
    assert {move.config_id for move in moves(run, 8) if isinstance(move, Promote)} == set(range(8))


def test_a_member_that_may_still_turn_out_to_be_bad_waits():
    """Of five that finished out of eight, three are good whatever the others find; then the best of the rest goes."""
    run = simulation()
    for _ in range(8):
        run.ask()
    for loss in [0.5, 0.1, 0.3, 0.2, 0.4]:
        run.tell(0, loss)
    assert moves(run, 5) == [
        *(Promote(0, 1, config_id) for config_id in (3, 2, 1, 4)),
        Exploit(0, 1, source=1, replaces=0),
    ]


def test_a_population_without_any_success_ends_and_the_next_one_begins():
    run = simulation(size=3)
    finish_first_rung(run, [inf] * 3)
    assert run.ask().move == Start(1)
    assert [bracket.index for bracket in run.brackets.open] == [1]


@pytest.mark.parametrize("workers", [1, 2, 4, 5, 16, 40, 64])
def test_the_population_has_two_members_for_each_worker(workers):
    run = simulation()
    for _ in range(4 * workers + MIN_MEMBERS):
        while len(run.pending) < workers:
            run.ask()
        run.tell(0, float(run.rng.random()))
    expected = min(max(MEMBERS_PER_WORKER * workers, MIN_MEMBERS), MAX_MEMBERS)
    assert len(run.brackets[0].rungs[0].entered) == expected


@given(size=st.integers(1, 64), workers=st.integers(1, 64), seed=SEEDS)
def test_every_member_reaches_the_top_whatever_the_size_and_the_workers(size, workers, seed):
    """And no rung takes more members than the population has."""
    run = simulation(size, seed=seed)
    while run.brackets.cycle and (not len(run.brackets) or run.brackets[0] in run.brackets.open):
        while len(run.pending) < workers:
            run.ask()
        run.tell(int(run.rng.integers(len(run.pending))), float(run.rng.random()))
    assert [len(rung.entered) for rung in run.brackets[0].rungs] == [size] * len(LADDER)


@given(size=st.integers(2, 32), workers=st.integers(1, 64), seed=SEEDS)
def test_a_member_is_compared_with_more_than_half_of_the_population(size, workers, seed):
    """Or with all that are not lost."""

    def has_results(run, move):
        if isinstance(move, Exploit | Promote):
            rungs = run.brackets[move.bracket].rungs[: move.rung]
            at_work = any(set(run.brackets.at_work(rung.level)) & rung.entered for rung in rungs)
            assert not at_work or 2 * len(rungs[-1].finished) > len(rungs[0].entered)

    run = simulation(size, seed=seed)
    run.check = has_results
    run.play(lambda rng, _: float(rng.random()), num_steps=300, workers=workers)


def test_lost_workers_do_not_hold_up_the_others():
    """Five of eight members are never told. Once they count as lost, the others go on."""
    run = simulation(size=8)
    for _ in range(8):
        run.ask()
    lost = run.pending[:5]
    for _ in range(3):
        run.tell(5, float(run.rng.random()))
    for _ in range(2000):
        entry = run.ask()
        if isinstance(entry.move, Promote) and entry.move.bracket == 0:
            break
        run.tell(len(run.pending) - 1, float(run.rng.random()))
    else:
        raise AssertionError("expected the population to go on")
    assert run.pending[:5] == lost


def test_a_small_finite_space_has_a_small_population():
    run = simulation(capacity=3)
    finish_first_rung(run, [0.1, 0.2, 0.3])
    assert isinstance(run.ask().move, Promote)
    assert len(run.brackets[0].rungs[0].entered) == 3


def test_results_from_outside_are_the_first_members_best_first():
    run = simulation()
    for config_id, loss in enumerate([0.3, inf, 0.1]):
        run.observe(0, config_id, loss)
    run.ask()
    assert list(run.brackets[0].rungs[0].entered)[:2] == [2, 0]
    assert 1 not in run.brackets[0].rungs[0].entered


@given(seed=SEEDS, workers=st.integers(1, 20), size=st.integers(1, 12))
def test_what_is_kept_for_a_population_is_bounded(seed, workers, size):
    """Beside those that wait, a rung keeps the checkpoints of its best quarter, and none once all have left it."""
    run = simulation(size, seed=seed)
    run.play(lambda rng, _: float(rng.random()), num_steps=200, workers=workers)
    for bracket in run.brackets.open:
        for number, rung in enumerate(bracket.rungs[:-1]):
            kept = [entry for entry in rung.finished if run.schedule.may_inherit(bracket, number, entry)]
            assert len(kept) <= max(1, size // 4)
            assert not kept or len(bracket.rungs[number + 1].entered) < size


@pytest.mark.parametrize(
    "settings",
    [{"size": 0}, {"size": 1.5}, *({"share": value} for value in (0.0, 0.6, "0.2", None, True, float("nan")))],
)
def test_a_setting_out_of_its_range_is_refused(settings):
    with pytest.raises(bohb.SettingError):
        Population(**settings)


def test_a_ladder_of_one_rung_is_refused():
    with pytest.raises(bohb.BudgetError, match="at least two budgets"):
        bohb.Optimizer({"x": (0.0, 1.0)}, [5], preset="population")
