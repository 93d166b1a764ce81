"""What every schedule keeps to, in any order of asks and tells, with ties, failures and finite spaces."""

import itertools
from math import inf, isfinite

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.budgets import geometric, ladder
from bohb.schedules import AsynchronousHalving, FreezeThaw, FullBudget, HpBandSterHyperband, Hyperband, Promote, Start
from tests.schedules.simulation import LOSSES, Simulation

SCHEDULES = [
    Hyperband(),
    HpBandSterHyperband(),
    AsynchronousHalving(),
    AsynchronousHalving(patience=0),
    FreezeThaw(),
    FullBudget(),
]
LADDERS = st.one_of(
    st.builds(lambda eta, k: geometric(1, eta**k, eta=eta), st.integers(2, 4), st.integers(0, 4)),
    st.lists(st.integers(1, 60), min_size=1, max_size=4, unique=True).map(lambda budgets: ladder(sorted(budgets))),
)
SEEDS = st.integers(0, 2**32 - 1)
KINDS = st.sampled_from(sorted(LOSSES))
CASES = {"rungs": LADDERS, "kind": KINDS, "seed": SEEDS, "workers": st.integers(1, 20)}

every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)


def is_legal(simulation, word):
    """A start is in an open bracket or in the next; a promoted one succeeded in the rung below and waits there."""
    brackets = simulation.brackets
    if isinstance(word, Start):
        assert 0 <= word.bracket <= len(brackets)
        assert word.bracket < len(brackets) or word.rung == 0
        return
    below, above = brackets[word.bracket].rungs[word.rung - 1 : word.rung + 1]
    loss = simulation.losses[below.level, word.config_id]
    assert isfinite(loss)
    assert (loss, word.config_id) in below.finished
    assert (loss, word.config_id) in below.waiting
    assert word.config_id not in above.entered


@every_schedule
@given(**CASES)
def test_there_is_always_work_and_every_word_is_legal(schedule, rungs, kind, seed, workers):
    """In particular a failure is never promoted, nobody is promoted twice, and nobody skips a rung."""
    run = Simulation(schedule, rungs, np.random.default_rng(seed), check=is_legal)
    run.play(LOSSES[kind], num_steps=200, workers=workers)
    assert len(run.jobs) >= 100  # half of the steps at least are asks


@every_schedule
@given(**CASES)
def test_budgets_in_a_bracket_never_shrink_and_rungs_never_grow(schedule, rungs, kind, seed, workers):
    run = Simulation(schedule, rungs, np.random.default_rng(seed))
    run.play(LOSSES[kind], num_steps=200, workers=workers)
    for bracket in map(run.brackets.__getitem__, range(len(run.brackets))):
        sizes = [len(rung.entered) for rung in bracket.rungs]
        if isinstance(schedule, FreezeThaw) and len(sizes) > 1:  # it also starts some at the top
            sizes[-1] = len(bracket.rungs[-1].entered & bracket.rungs[-2].entered)
        path = [
            (job.config_id, job.place[1]) for job in run.jobs if job.place is not None and job.place[0] == bracket.index
        ]
        for config_id in {config_id for config_id, _ in path}:
            steps = [rung for other, rung in path if other == config_id]
            assert steps == list(range(steps[0], steps[0] + len(steps)))
        if isinstance(schedule, HpBandSterHyperband):  # places are refilled from outside, but there are never more
            assert all(size <= planned for size, planned in zip(sizes, bracket.plan.sizes, strict=True))
        assert all(one >= two for one, two in itertools.pairwise(sizes))


@every_schedule
@given(**CASES)
def test_the_same_record_gets_the_same_word(schedule, rungs, kind, seed, workers):
    """A schedule has no state of its own: asked twice it says the same, and so does another one like it."""

    def says_the_same_again(run, word):
        assert word == run.schedule.next(run.brackets) == type(schedule)(**vars(schedule)).next(run.brackets)

    run = Simulation(schedule, rungs, np.random.default_rng(seed), check=says_the_same_again)
    run.play(LOSSES[kind], num_steps=60, workers=workers)


@every_schedule
@given(**CASES)
def test_the_order_of_tells_between_two_asks_does_not_matter(schedule, rungs, kind, seed, workers):
    """Two searches told the same in batches, forwards and backwards, are asked the same."""
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
    assert one.jobs == two.jobs


@every_schedule
@given(**CASES)
def test_only_ranks_matter(schedule, rungs, kind, seed, workers):
    """Under a strictly increasing transform of the losses every word stays the same."""
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
def test_a_finite_space_is_evaluated_to_the_end(schedule, rungs, kind, seed, workers, capacity):
    """Nothing gets stuck: every configuration is had once at every level, and no more is asked."""
    run = Simulation(schedule, rungs, np.random.default_rng(seed), capacity=capacity, check=is_legal)
    run.play(LOSSES[kind], num_steps=3 * capacity * len(rungs), workers=workers)
    assert run.ask() is None
    had = [(job.level, job.config_id) for job in run.jobs]
    assert sorted(had) == list(itertools.product(range(len(rungs)), range(capacity)))


@every_schedule
@given(**CASES)
def test_results_from_elsewhere_are_survived(schedule, rungs, kind, seed, workers):
    """Losses that nobody asked for, of new, known and pending configurations, never confuse the brackets."""
    rng = np.random.default_rng(seed)
    run = Simulation(schedule, rungs, rng, check=is_legal)
    for _ in range(40):
        run.play(LOSSES[kind], num_steps=4, workers=workers)
        level, config_id = int(rng.integers(len(rungs))), int(rng.integers(run.num_configs + 2))
        if (level, config_id) not in run.losses:
            run.observe(level, config_id, LOSSES[kind](rng, level))


@every_schedule
@given(**CASES)
def test_what_may_not_be_promoted_never_is(schedule, rungs, kind, seed, workers):
    """Once `may_promote` says no, a checkpoint may be deleted; so it must not say yes again."""
    hopeless = set()

    def is_not_hopeless(run, word):
        if isinstance(word, Promote):
            assert (run.brackets[word.bracket].rungs[word.rung - 1].level, word.config_id) not in hopeless

    run = Simulation(schedule, rungs, np.random.default_rng(seed), check=is_not_hopeless)
    for _ in range(60):
        run.play(LOSSES[kind], num_steps=3, workers=workers)
        hopeless.update(key for key, loss in run.losses.items() if not run.brackets.may_promote(*key, loss))


@every_schedule
def test_a_cycle_covers_levels_of_the_ladder_upwards(schedule):
    for rungs in (geometric(1, 81), ladder([1, 4, 10, 50]), ladder([7])):
        for plan in schedule.cycle(rungs):
            assert plan.levels == tuple(range(plan.levels[0], len(rungs)))
            assert len(plan.sizes) == len(plan.levels)


@every_schedule
def test_a_start_is_a_start_even_if_a_promotion_is_due(schedule):
    run = Simulation(schedule, geometric(1, 9), np.random.default_rng(0))
    for _ in range(30):
        start = run.schedule.start(run.brackets)
        assert isinstance(start, Start)
        assert start.rung == 0
        run.ask()
        run.tell(0, 0.5)


@pytest.mark.parametrize("schedule", [s for s in SCHEDULES if not isinstance(s, FullBudget)], ids=repr)
def test_a_rung_that_fails_as_a_whole_sends_nobody_up(schedule):
    """The lowest level fails always; whoever is evaluated above it started there."""
    run = Simulation(schedule, geometric(1, 27), np.random.default_rng(0))
    run.play(lambda rng, level: float(rng.random()) if level else inf, num_steps=2000, workers=5)
    failed = {config_id for (level, config_id), loss in run.losses.items() if not level}
    assert failed
    assert not failed & {config_id for level, config_id in run.losses if level}
