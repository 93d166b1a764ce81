"""The laws of all schedules, for any order of asks and tells, with ties, failures and finite spaces."""

import itertools
from math import inf, isfinite

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bohb.budgets import geometric, ladder
from bohb.schedules import (
    AsynchronousHalving,
    Exploit,
    FreezeThaw,
    FullBudget,
    HpBandSterHyperband,
    Hyperband,
    Population,
    Promote,
    Start,
)
from tests.schedules.simulation import LOSSES, Simulation

SCHEDULES = [
    Hyperband(),
    HpBandSterHyperband(),
    AsynchronousHalving(),
    AsynchronousHalving(patience=0),
    FreezeThaw(),
    FullBudget(),
    Population(),
    Population(size=3),
]
LADDERS = st.one_of(
    st.builds(lambda eta, k: geometric(1, eta**k, eta=eta), st.integers(2, 4), st.integers(0, 4)),
    st.lists(st.integers(1, 60), min_size=1, max_size=4, unique=True).map(lambda budgets: ladder(sorted(budgets))),
)
SEEDS = st.integers(0, 2**32 - 1)
KINDS = st.sampled_from(sorted(LOSSES))
CASES = {"rungs": LADDERS, "kind": KINDS, "seed": SEEDS, "workers": st.integers(1, 20)}

every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)


def may_climb(schedule, rungs):
    """Whether the schedule works with this ladder: a population needs two rungs."""
    return len(rungs) > 1 or not isinstance(schedule, Population)


def is_legal(simulation, move):
    """A start is in an opened bracket or the next. A promoted configuration succeeded and waits in the rung below.

    What is replaced has a result in the rung below and did not leave it, and what is exploited is better.
    """
    brackets = simulation.brackets
    if isinstance(move, Exploit):
        below = brackets[move.bracket].rungs[move.rung - 1]
        source, replaced = (simulation.losses[below.level, each] for each in (move.source, move.replaces))
        assert {move.source, move.replaces} <= below.entered
        assert source < replaced
        assert move.replaces not in below.left
        return
    if isinstance(move, Start):
        assert 0 <= move.bracket <= len(brackets)
        assert move.bracket < len(brackets) or move.rung == 0
        return
    below, above = brackets[move.bracket].rungs[move.rung - 1 : move.rung + 1]
    loss = simulation.losses[below.level, move.config_id]
    assert isfinite(loss)
    assert (loss, move.config_id) in below.finished
    assert (loss, move.config_id) in below.waiting
    assert move.config_id not in above.entered


@every_schedule
@given(**CASES)
def test_there_is_always_a_legal_move(schedule, rungs, kind, seed, workers):
    """In particular no failure is promoted, and no configuration is promoted twice or skips a rung."""
    assume(may_climb(schedule, rungs))
    run = Simulation(schedule, rungs, np.random.default_rng(seed), check=is_legal)
    run.play(LOSSES[kind], num_steps=200, workers=workers)
    assert len(run.trials) >= 100  # at least half of the steps are asks


@every_schedule
@given(**CASES)
def test_configurations_climb_rung_by_rung_and_rungs_shrink(schedule, rungs, kind, seed, workers):
    assume(may_climb(schedule, rungs))
    run = Simulation(schedule, rungs, np.random.default_rng(seed))
    run.play(LOSSES[kind], num_steps=200, workers=workers)
    for bracket in map(run.brackets.__getitem__, range(len(run.brackets))):
        sizes = [len(rung.entered) for rung in bracket.rungs]
        if isinstance(schedule, FreezeThaw) and len(sizes) > 1:  # without the direct starts
            sizes[-1] = len(bracket.rungs[-1].entered & bracket.rungs[-2].entered)
        path = [
            (trial.config_id, trial.position[1])
            for trial in run.trials
            if trial.position is not None and trial.position[0] == bracket.index
        ]
        for config_id in {config_id for config_id, _ in path}:
            steps = [rung for other, rung in path if other == config_id]
            assert steps == list(range(steps[0], steps[0] + len(steps)))
        if isinstance(schedule, HpBandSterHyperband):  # replacements never exceed the plan
            assert all(size <= planned for size, planned in zip(sizes, bracket.plan.sizes, strict=True))
        assert all(one >= two for one, two in itertools.pairwise(sizes))


@every_schedule
@given(**CASES)
def test_the_same_brackets_give_the_same_move(schedule, rungs, kind, seed, workers):
    """A schedule has no state of its own. Called twice, or created anew, it returns the same."""
    assume(may_climb(schedule, rungs))

    def returns_the_same_again(run, move):
        assert move == run.schedule.next(run.brackets) == type(schedule)(**vars(schedule)).next(run.brackets)

    run = Simulation(schedule, rungs, np.random.default_rng(seed), check=returns_the_same_again)
    run.play(LOSSES[kind], num_steps=60, workers=workers)


@every_schedule
@given(**CASES)
def test_the_order_of_tells_between_two_asks_does_not_matter(schedule, rungs, kind, seed, workers):
    """Two searches that tell the same batches, forwards and backwards, ask the same."""
    assume(may_climb(schedule, rungs))
    one, two = (Simulation(schedule, rungs, np.random.default_rng(seed)) for _ in range(2))
    rng = np.random.default_rng(seed)
    for _ in range(30):
        while len(one.pending) < workers:
            assert one.ask() == two.ask()
        batch = [(entry, LOSSES[kind](rng, entry[0])) for entry in one.pending if rng.random() < 0.5]
        for entry, loss in batch:
            one.observe(*entry, loss)
        for entry, loss in reversed(batch):
            two.observe(*entry, loss)
    assert one.trials == two.trials


@every_schedule
@given(**CASES)
def test_moves_depend_only_on_the_order_of_losses(schedule, rungs, kind, seed, workers):
    """A strictly increasing transform of the losses changes no move."""
    assume(may_climb(schedule, rungs))
    one, two = (Simulation(schedule, rungs, np.random.default_rng(seed)) for _ in range(2))
    rng = np.random.default_rng(seed)
    for _ in range(100):
        assert one.ask() == two.ask()
        while len(one.pending) >= workers:
            index = int(rng.integers(len(one.pending)))
            loss = LOSSES[kind](rng, one.pending[index][0])
            one.tell(index, loss)
            two.tell(index, 4 * loss - 7)


@every_schedule
@given(rungs=LADDERS, kind=KINDS, seed=SEEDS, workers=st.integers(1, 20), capacity=st.integers(1, 12))
def test_a_finite_space_is_evaluated_completely(schedule, rungs, kind, seed, workers, capacity):
    """Every configuration is asked once at every level, and then no more."""
    assume(may_climb(schedule, rungs))
    run = Simulation(schedule, rungs, np.random.default_rng(seed), capacity=capacity, check=is_legal)
    run.play(LOSSES[kind], num_steps=3 * capacity * len(rungs), workers=workers)
    assert run.ask() is None
    asked = [(trial.level, trial.config_id) for trial in run.trials]
    assert sorted(asked) == list(itertools.product(range(len(rungs)), range(capacity)))


@every_schedule
@given(**CASES)
def test_observed_results_keep_moves_legal(schedule, rungs, kind, seed, workers):
    """Results may come unasked, of new, known and pending configurations."""
    assume(may_climb(schedule, rungs))
    rng = np.random.default_rng(seed)
    run = Simulation(schedule, rungs, rng, check=is_legal)
    for _ in range(40):
        run.play(LOSSES[kind], num_steps=4, workers=workers)
        level, config_id = int(rng.integers(len(rungs))), int(rng.integers(run.num_configs + 2))
        if (level, config_id) not in run.losses:
            run.observe(level, config_id, LOSSES[kind](rng, level))


@every_schedule
@given(**CASES)
def test_no_promotion_follows_after_may_promote_was_false(schedule, rungs, kind, seed, workers):
    """Its checkpoint may have been deleted by then."""
    assume(may_climb(schedule, rungs))
    hopeless = set()

    def is_not_hopeless(run, move):
        if isinstance(move, Promote):
            assert (run.brackets[move.bracket].rungs[move.rung - 1].level, move.config_id) not in hopeless
        if isinstance(move, Exploit):
            assert (run.brackets[move.bracket].rungs[move.rung - 1].level, move.source) not in hopeless

    run = Simulation(schedule, rungs, np.random.default_rng(seed), check=is_not_hopeless)
    for _ in range(60):
        run.play(LOSSES[kind], num_steps=3, workers=workers)
        hopeless.update(
            (level, config_id)
            for (level, config_id), loss in run.losses.items()
            if not run.brackets.may_promote(level, config_id, loss)
            and not run.recorder.log.may_inherit(level, (loss, config_id))
        )


@every_schedule
def test_every_bracket_climbs_to_the_top_of_the_ladder(schedule):
    for rungs in (geometric(1, 81), ladder([1, 4, 10, 50]), ladder([7])):
        for plan in schedule.cycle(rungs) if may_climb(schedule, rungs) else ():
            assert plan.levels == tuple(range(plan.levels[0], len(rungs)))
            assert len(plan.sizes) == len(plan.levels)


@every_schedule
def test_start_returns_a_start_even_if_a_promotion_is_due(schedule):
    run = Simulation(schedule, geometric(1, 9), np.random.default_rng(0))
    for _ in range(30):
        start = run.schedule.start(run.brackets)
        assert isinstance(start, Start)
        assert start.rung == 0
        run.ask()
        run.tell(0, 0.5)


@pytest.mark.parametrize("schedule", [s for s in SCHEDULES if not isinstance(s, FullBudget)], ids=repr)
def test_a_rung_of_failures_promotes_nothing(schedule):
    """The lowest level always fails, so configurations above it started there."""
    run = Simulation(schedule, geometric(1, 27), np.random.default_rng(0))
    run.play(lambda rng, level: float(rng.random()) if level else inf, num_steps=2000, workers=5)
    failed = {config_id for (level, config_id), loss in run.losses.items() if not level}
    assert failed
    assert not failed & {config_id for level, config_id in run.losses if level}


class Unhurried:
    """A schedule without `is_waiting`, so that it looks at every open bracket before each move."""

    def __init__(self, schedule):
        self.cycle, self.next, self.start, self.is_over = (
            schedule.cycle,
            schedule.next,
            schedule.start,
            schedule.is_over,
        )


@pytest.mark.parametrize("schedule", [Hyperband(), HpBandSterHyperband()], ids=repr)
@given(**CASES | {"workers": st.integers(1, 100)}, capacity=st.sampled_from([None, 5, 30]))
def test_brackets_that_wait_are_left_out_without_any_difference(schedule, rungs, kind, seed, workers, capacity):
    """Also when results arrive from outside the brackets."""
    assume(may_climb(schedule, rungs))
    rng = np.random.default_rng(seed)
    one, other = (
        Simulation(each, rungs, np.random.default_rng(seed), capacity=capacity)
        for each in (schedule, Unhurried(schedule))
    )
    for _ in range(20):
        entry, loss = (int(rng.integers(len(rungs))), int(rng.integers(capacity or 100))), float(rng.random())
        for run in (one, other):
            run.play(LOSSES[kind], num_steps=10, workers=workers)
            if entry not in run.losses:
                run.observe(*entry, loss)
    assert one.trials == other.trials
    assert [bracket.index for bracket in one.brackets.open] == [bracket.index for bracket in other.brackets.open]
    assert set(one.brackets.ready) <= set(one.brackets.open)
    assert one.schedule.start(one.brackets) == other.schedule.start(other.brackets)


@pytest.mark.parametrize("schedule", [Hyperband(), HpBandSterHyperband()], ids=repr)
def test_a_move_looks_at_few_brackets_however_many_are_open(schedule):
    run = Simulation(schedule, geometric(1, 9), np.random.default_rng(0))
    most_ready = 0
    for _ in range(3000):
        run.ask()
        most_ready = max(most_ready, len(run.brackets.ready))
        if len(run.pending) > 1000:
            run.tell(int(run.rng.integers(len(run.pending))), float(run.rng.random()))
    assert len(run.brackets.open) > 50
    assert most_ready < 10
