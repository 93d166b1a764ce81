"""Plans against sums by hand, and against bounds that hold for every schedule."""

import heapq
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bohb
from bohb.budgets import geometric, ladder
from bohb.errors import SettingError
from bohb.optimizer.plan import plan
from bohb.schedules import AsynchronousHalving, FreezeThaw, FullBudget, HpBandSterHyperband, Hyperband
from tests.schedules.test_laws import LADDERS

FIVE = geometric(1, 81)
SCHEDULES = [Hyperband(), HpBandSterHyperband(), AsynchronousHalving(), FullBudget()]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)


@pytest.mark.parametrize(
    ("schedule", "configs", "trials", "resumed", "afresh"),
    [
        # 81 27 9 3 1 / 34 11 3 1 / 15 5 1 / 8 2 / 5. Afresh 405 + 363 + 351 + 378 + 405;
        # with checkpoints 297 (81 + 4 * 54) + 276 + 279 + 324 + 405.
        (Hyperband(), 143, 206, 1581, 1902),
        # 81 27 9 3 1 / 27 9 3 1 / 9 3 1 / 6 2 / 5. Afresh 405 + 324 + 243 + 324 + 405;
        # with checkpoints 297 + 243 (81 + 3 * 54) + 189 (81 + 2 * 54) + 270 (162 + 108) + 405.
        (HpBandSterHyperband(), 128, 187, 1404, 1701),
        (AsynchronousHalving(), 81, 121, 297, 405),
        (FullBudget(), 1, 1, 81, 81),
    ],
    ids=repr,
)
@pytest.mark.parametrize("cycles", [1, 3])
def test_counts_and_costs_equal_sums_by_hand(schedule, configs, trials, resumed, afresh, cycles):
    it = plan(schedule, FIVE, 1, cycles)
    assert (it.num_cycles, it.num_workers) == (cycles, 1)
    assert (it.num_configs, it.num_trials) == (cycles * configs, cycles * trials)
    assert (it.cost_resumed, it.cost_afresh) == (cycles * resumed, cycles * afresh)


def test_the_brackets_are_listed_rung_by_rung():
    it = plan(Hyperband(), FIVE, 1, 1)
    listed = [[(rung.budget, rung.num_configs) for rung in rungs] for rungs in it.brackets]
    assert listed[0] == [(1, 81), (3, 27), (9, 9), (27, 3), (81, 1)]
    assert listed[1] == [(3, 34), (9, 11), (27, 3), (81, 1)]
    assert listed[4] == [(81, 5)]


def test_plans_list_budgets_as_given_and_count_their_costs():
    it = plan(Hyperband(), ladder([{"epochs": 3}, {"epochs": 9}], costs=[3, 36]), 1, 1)
    assert [[rung.budget for rung in rungs] for rungs in it.brackets] == [
        [{"epochs": 3}, {"epochs": 9}],
        [{"epochs": 9}],
    ]
    # 12 at 3, 1 of them at 36; and 2 at 36.
    assert (it.cost_afresh, it.cost_resumed) == (12 * 3 + 36 + 2 * 36, 12 * 3 + 33 + 2 * 36)


def test_an_endless_bracket_is_planned_up_to_the_top():
    it = plan(AsynchronousHalving(), ladder([1, 4, 10, 50]), 1, 1)
    assert [rung.num_configs for rung in it.brackets[0]] == [52, 13, 5, 1]
    assert it.num_trials == 71


@every_schedule
@given(rungs=LADDERS, cycles=st.integers(1, 2))
def test_the_makespan_of_one_worker_is_the_total_cost(schedule, rungs, cycles):
    it = plan(schedule, rungs, 1, cycles)
    assert it.makespan_resumed == pytest.approx(it.cost_resumed)
    assert it.makespan_afresh == pytest.approx(it.cost_afresh)


@every_schedule
@given(rungs=LADDERS, workers=st.integers(1, 40), cycles=st.integers(1, 2))
def test_the_makespan_is_bounded(schedule, rungs, workers, cycles):
    """It is at least an even share of the work and one way to the top, and at most that of one worker."""
    it = plan(schedule, rungs, workers, cycles)
    way_up = sum(rungs.costs) if len(it.brackets[0]) == len(rungs) else rungs.costs[-1]
    slack = 1 + 1e-9
    assert max(it.cost_resumed / workers, rungs.costs[-1]) <= it.makespan_resumed * slack
    assert max(it.cost_afresh / workers, way_up) <= it.makespan_afresh * slack
    assert it.makespan_resumed <= it.cost_resumed * slack
    assert it.makespan_afresh <= it.cost_afresh * slack


@every_schedule
@given(rungs=LADDERS)
def test_with_a_worker_for_each_the_makespan_is_one_way_up(schedule, rungs):
    it = plan(schedule, rungs, plan(schedule, rungs, 1, 1).num_configs, 1)
    way_up = sum(rungs.costs) if len(it.brackets[0]) == len(rungs) else rungs.costs[-1]
    assert it.makespan_resumed == pytest.approx(rungs.costs[-1])
    assert it.makespan_afresh == pytest.approx(way_up)


@pytest.mark.parametrize("schedule", SCHEDULES[:3], ids=repr)
def test_more_workers_finish_earlier(schedule):
    plans = [plan(schedule, FIVE, workers, 2) for workers in (1, 2, 4, 8, 16, 32)]
    for fewer, more in itertools.pairwise(plans):
        assert more.makespan_resumed < fewer.makespan_resumed
        assert more.makespan_afresh < fewer.makespan_afresh
        assert (more.cost_resumed, more.num_trials) == (fewer.cost_resumed, fewer.num_trials)


def test_the_optimizer_plans_with_its_own_schedule():
    for preset, schedule in (
        ("paper", Hyperband()),
        ("hpbandster", HpBandSterHyperband()),
        ("default", FreezeThaw()),
        ("fast", AsynchronousHalving()),
    ):
        optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, FIVE, seed=0, preset=preset)
        before = optimizer.to_state()
        assert optimizer.plan(4, 2) == plan(schedule, FIVE, 4, 2)
        assert optimizer.plan() == plan(schedule, FIVE, 1, 1)
        assert optimizer.to_state() == before


@pytest.mark.parametrize("preset", ["hyperband", "hpbandster"])
def test_a_search_without_failures_follows_the_plan(preset):
    """The first cycle has the planned trials, in the planned brackets, at the planned cost."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, FIVE, seed=0, preset=preset)
    it = optimizer.plan()
    asked = {}
    while len(asked) < it.num_trials:
        trial = optimizer.ask()
        assert trial.bracket < len(it.brackets)
        asked[trial.id] = trial
        optimizer.tell(trial, trial.config["x"])
    assert sum(trial.budget for trial in asked.values()) == it.cost_afresh
    assert optimizer.ask().bracket == len(it.brackets)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "2", None])
def test_numbers_of_workers_and_cycles_are_positive_integers(wrong):
    for arguments in ((wrong, 1), (1, wrong)):
        with pytest.raises(SettingError) as error:
            plan(Hyperband(), FIVE, *arguments)
        assert repr(wrong) in str(error.value)


def test_a_plan_prints_as_text():
    text = str(plan(Hyperband(), FIVE, 4, 1))
    assert text.splitlines()[:2] == ["budget      1   3   9  27  81", "bracket 0  81  27   9   3   1"]
    assert "143 configurations, 206 trials; cost 1581 with checkpoints, 1902 without" in text
    assert text.splitlines()[-2].startswith("4 worker(s): done after")
    assert text.splitlines()[-1].startswith("the first full result takes ")


def first_full(optimizer, num_workers, price):
    """The number of the first trial to end in full, and when, if trials take as long as they are priced."""
    running, now = [], 0.0
    while True:
        while len(running) < num_workers:
            trial = optimizer.ask()
            heapq.heappush(running, (now + price(optimizer, trial), trial.id))
        now, trial_id = heapq.heappop(running)
        result = optimizer.tell(trial_id, optimizer.trial(trial_id).config["x"])
        if result.trial.budget == optimizer.ladder[-1]:
            return trial_id + 1, now


def even(optimizer, trial):
    return 1.0


def afresh(optimizer, trial):
    return float(trial.budget)


def resumed(optimizer, trial):
    return float(trial.budget - (0 if trial.previous is None else optimizer.trial(trial.previous).budget))


@pytest.mark.parametrize("num_workers", [1, 2, 5, 20])
@pytest.mark.parametrize("preset", ["default", "hyperband", "hpbandster", "random"])
def test_the_first_full_result_comes_when_the_plan_says(preset, num_workers):
    """With any losses, because these schedules count results until then."""
    for seed in range(2):
        planned = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3, 9], seed=0, preset=preset).plan(num_workers).first_full
        found = {
            price: first_full(
                bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3, 9], seed=seed, preset=preset), num_workers, price
            )
            for price in (even, resumed, afresh)
        }
        assert found[even][0] == planned.trial_even
        assert found[resumed] == (planned.trial_resumed, planned.time_resumed)
        assert found[afresh] == (planned.trial_afresh, planned.time_afresh)
        assert planned.max_trials == max(number for number, _ in found.values())


@pytest.mark.parametrize("preset", ["fast", "asha"])
def test_promotion_by_loss_brings_the_first_full_result_no_later(preset):
    for seed in range(5):
        optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3, 9], seed=seed, preset=preset)
        planned = optimizer.plan(2).first_full
        number, seconds = first_full(optimizer, 2, resumed)
        assert number <= planned.trial_resumed
        assert seconds <= planned.time_resumed


def test_a_plan_that_never_reaches_the_top_says_nothing_of_it():
    assert plan(AsynchronousHalving(), ladder([1, 10**5]), 30_000, 1).first_full is None


@every_schedule
@given(rungs=LADDERS, workers=st.integers(1, 3), capacity=st.integers(1, 30))
def test_no_plan_exceeds_a_finite_space(schedule, rungs, workers, capacity):
    it = plan(schedule, rungs, workers, 2, capacity=capacity)
    at_budget = {}
    for rung in itertools.chain.from_iterable(it.brackets):
        at_budget[rung.budget] = at_budget.get(rung.budget, 0) + rung.num_configs
    assert it.num_trials >= 1
    assert max(at_budget.values()) <= capacity
    assert plan(schedule, rungs, workers, 2, capacity=10**9) == plan(schedule, rungs, workers, 2)


def test_any_integer_counts_workers_and_cycles():
    assert plan(Hyperband(), FIVE, np.int64(3), np.uint8(2)) == plan(Hyperband(), FIVE, 3, 2)
    for number in (0, -1, True, 1.0, "1", None):
        with pytest.raises(SettingError, match="positive integer"):
            plan(Hyperband(), FIVE, number, 1)
