"""Work grows with the rungs and the results, not with the ratio of the budgets; what cannot be served is refused."""

import itertools
import sys

import pytest

import bohb
from bohb.budgets import MAX_LEVELS, MAX_REDUCTION, geometric, ladder
from bohb.errors import BudgetError, SettingError
from bohb.optimizer.plan import MAX_SIMULATED, plan
from bohb.optimizer.presets import PRESETS, from_preset
from tests.strategies import POPULATIONS

WIDE = [[1, 1e5], [1, 1e100], [1e-100, 1e100], [1e-100, 1, 1e100], [1, 10**100], geometric(1, 10**6), [1, 1 + 1e-15]]
every_preset = pytest.mark.parametrize("preset", PRESETS)


def num_calls(act):
    """How many functions an act calls; unlike its time, the number is the same every time."""
    count = 0

    def note(_, event, __):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


@every_preset
@pytest.mark.parametrize("budgets", WIDE, ids=str)
def test_every_ladder_is_served(preset, budgets):
    """Every answer is a number that JSON can carry."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, budgets, seed=0, preset=preset)
    for i in range(30):
        optimizer.tell(optimizer.ask(), float(i % 7))
    planned = optimizer.plan(4, 10**6)
    assert str(planned)
    assert 0 < planned.cost_resumed <= planned.cost_afresh < float("inf")
    assert str(optimizer.health())
    assert len(bohb.Optimizer.from_state(optimizer.to_state()).results) == 30


@every_preset
def test_an_ask_takes_no_longer_if_the_budgets_are_far_apart(preset):
    def asks(ratio):
        optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, ratio], seed=0, preset=preset)
        optimizer.ask()
        return num_calls(lambda: [optimizer.tell(optimizer.ask(), i) for i in range(9)])

    asks(3)  # what is loaded on first use is loaded now
    assert asks(1e100) <= 1.5 * asks(1000)


@every_preset
@pytest.mark.parametrize("cycles", [1, 10**9])
def test_a_plan_takes_no_longer_if_the_budgets_are_far_apart(preset, cycles):
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, geometric(1, 3**100), seed=0, preset=preset)
    limit = 400 * MAX_SIMULATED if preset == "random" and cycles == 1 else 200_000
    if preset in POPULATIONS and cycles == 1:  # 8 members reach each of 101 budgets, in each of six simulations
        limit = 2000 * MAX_SIMULATED
    assert num_calls(lambda: optimizer.plan(4, cycles)) < limit


@every_preset
def test_a_plan_by_the_sizes_is_near_the_simulation(preset):
    """One worker: the counts and costs are those of the schedule, up to its rounding."""
    schedule = from_preset(preset).make_schedule()
    rungs = geometric(1, 27)
    cycles = MAX_SIMULATED // plan(schedule, rungs, 1, 1).num_trials - 1
    simulated, by_sizes = plan(schedule, rungs, 1, cycles), plan(schedule, rungs, 1, cycles * 3)
    assert by_sizes.num_configs == pytest.approx(3 * simulated.num_configs, rel=0.3)
    assert by_sizes.cost_afresh == pytest.approx(3 * simulated.cost_afresh, rel=0.3)
    assert by_sizes.makespan_resumed == pytest.approx(by_sizes.cost_resumed)


def test_a_plan_of_a_finite_space_ends_when_it_is_exhausted():
    optimizer = bohb.Optimizer({"x": (1, 6000), "y": [1, 2]}, [1, 3], seed=0, preset="hyperband")
    assert optimizer.plan(1, 10**6).num_configs <= 2 * 12_000


@pytest.mark.parametrize(("workers", "cycles"), [(10**400, 1), (1, 10**400), (10**5000, 10**5000)], ids="abc")
def test_numbers_that_nobody_has_are_refused(workers, cycles):
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0)
    with pytest.raises(SettingError, match="at most"):
        optimizer.plan(workers, cycles)


@pytest.mark.parametrize(
    "make",
    [
        lambda: geometric(1, 1e300, eta=1.0000001),
        lambda: geometric(1, 1e99, eta=1.0000001),
        lambda: geometric(1, 2, eta=1.0000000000000002),
        lambda: ladder([5e-324, 1]),
        lambda: ladder([1, 1e300]),
        lambda: ladder([1, 2], costs=[1, 10**300]),
        lambda: ladder(itertools.count(1)),
        lambda: ladder([1, 2], costs=itertools.count(1)),
        lambda: ladder(range(1, MAX_LEVELS + 2)),
        lambda: geometric(1, 10**5000),
    ],
    ids=range(10),
)
def test_a_ladder_that_cannot_be_served_is_refused_at_once(make):
    def refused():
        with pytest.raises(BudgetError):
            make()

    assert num_calls(refused) < 20_000


def test_the_best_of_a_limited_number_is_promoted():
    assert ladder([1, 1e50, 1e100]).reduction(0, 2) == MAX_REDUCTION**2
    assert ladder([1, 999]).reduction(0, 1) == 999
    assert len(ladder(range(1, MAX_LEVELS + 1))) == MAX_LEVELS
