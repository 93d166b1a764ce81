"""Laws of ladders and bracket sizes: both ends are exact, powers are exact, and rounding loses no budget."""

import itertools
import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import bohb
from bohb.budgets import Ladder, geometric, ladder
from bohb.errors import BohbWarning, BudgetError
from bohb.schedules.bracket_sizes import hpbandster_bracket, paper_bracket

GOLDEN = Path(__file__).parent / "golden" / "bracket_sizes.json"
ETAS, NUM_LEVELS = (2, 3, 4, 10), range(1, 9)


def same(actual, expected):
    """Whether two sequences are equal in values, types and length: 9 is not 9.0."""
    return [(type(x), x) for x in actual] == [(type(x), x) for x in expected]


# --- ladders ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "eta", "expected"),
    [
        (1, 243, 3, [1, 3, 9, 27, 81, 243]),
        (1, 1000, 10, [1, 10, 100, 1000]),
        (9, 2187, 3, [9, 27, 81, 243, 729, 2187]),
        (3, 729, 3, [3, 9, 27, 81, 243, 729]),
        (1, 81, 3, [1, 3, 9, 27, 81]),
        (1 / 27, 1, 3, [1 / 27, 1 / 9, 1 / 3, 1]),
        (1 / 27, 1.0, 3, [1 / 27, 1 / 9, 1 / 3, 1.0]),
        (0.1, 24.3, 3, [0.1, 0.3, 0.9, 2.7, 8.1, 24.3]),
        (1, 16, 4, [1, 4, 16]),
        (1.0, 8.0, 2, [1.0, 2.0, 4.0, 8.0]),
        (1, 6.25, 2.5, [1, 2.5, 6.25]),
        (7, 7, 3, [7]),
        (7.5, 7.5, 3, [7.5]),
        (2, 3, 3, [2, 3]),  # less than half a step apart
        (1, 2, 1.1, [1, 2]),  # several steps, but no integer in between
    ],
)
def test_geometric_ladders(low, high, eta, expected):
    assert same(geometric(low, high, eta=eta), expected)


@pytest.mark.parametrize(("low", "high"), [(2, 51), (500, 10000)])
def test_an_irregular_ladder_rounds_the_number_of_steps(low, high):
    """log3(51 / 2) = 2.95 and log3(20) = 2.73, so both have three steps, evenly spaced on a log scale."""
    rungs = geometric(low, high, eta=3)
    ratio = high / low
    assert same(rungs, [low, round(low * ratio ** (1 / 3)), round(low * ratio ** (2 / 3)), high])


def test_the_default_reduction_factor_is_three():
    assert geometric(1, 81) == geometric(1, 81, eta=3)


def test_an_explicit_ladder_is_used_as_given():
    rungs = ladder([1, 4, 10, 50])
    assert same(rungs, [1, 4, 10, 50])
    assert same(rungs.costs, [1, 4, 10, 50])
    assert [rungs.reduction(i, i + 1) for i in range(3)] == [4, Fraction(5, 2), 5]
    assert rungs.reduction(0, 3) == 50
    assert rungs.reduction(2, 2) == 1


def test_a_ladder_may_have_one_rung():
    for rungs in (ladder([5]), geometric(5, 5)):
        assert same(rungs, [5])
        assert paper_bracket(rungs, 0).sizes == hpbandster_bracket(rungs, 0).sizes == (1,)


def test_budgets_that_are_not_numbers_have_costs():
    budgets = [{"epochs": 3, "pixels": 64}, {"epochs": 9, "pixels": 128}]
    rungs = ladder(budgets, costs=[3, 36])
    assert list(rungs) == budgets
    assert rungs.costs == (3, 36)
    assert rungs.reduction(0, 1) == 12
    assert paper_bracket(rungs, 0).sizes == (12, 1)
    assert rungs.level({"pixels": 128, "epochs": 9}) == 1


def test_a_ladder_copies_its_budgets():
    budgets = [{"epochs": 3}, {"epochs": 9}]
    rungs = ladder(budgets, costs=[1, 3])
    budgets[0]["epochs"] = 100
    assert list(rungs) == [{"epochs": 3}, {"epochs": 9}]


def test_a_ladder_of_a_ladder_is_itself():
    rungs = geometric(1, 9)
    assert ladder(rungs) is rungs


def test_numpy_numbers_become_python_numbers():
    assert same(ladder(np.array([1, 3, 9])), [1, 3, 9])
    assert same(ladder(np.array([0.5, 1.5])), [0.5, 1.5])
    assert same(geometric(np.int64(1), np.float64(9.0), eta=np.int32(3)), [1, 3.0, 9.0])


def test_a_generator_of_budgets_is_read_once():
    assert same(ladder(3**k for k in range(3)), [1, 3, 9])


def test_level_is_the_inverse_of_indexing():
    rungs = geometric(1, 243)
    assert [rungs.level(budget) for budget in rungs] == list(range(6))
    assert rungs.level(np.int64(27)) == rungs.level(27.0) == 3
    with pytest.raises(BudgetError, match=r"\[1, 3, 9, 27, 81, 243\].*got 28"):
        rungs.level(28)


NUMBERS = st.one_of(
    st.integers(1, 10**6),
    st.floats(1e-6, 1e6),
    st.decimals("0.001", 1000, places=3).filter(bool).map(float),
)
FACTORS = st.one_of(st.integers(2, 12), st.floats(1.2, 12), st.sampled_from([1.5, 2.5, math.e]))


@given(NUMBERS, NUMBERS, FACTORS)
def test_both_ends_are_on_the_ladder_as_given(one, two, eta):
    """With value and type, and the budgets increase strictly."""
    low, high = sorted((one, two))
    rungs = geometric(low, high, eta=eta)
    assert same([rungs[0], rungs[-1]], [low, high] if low != high else [rungs[0]] * 2)
    assert rungs[0] == low
    assert rungs[-1] == high
    assert all(lower < upper for lower, upper in itertools.pairwise(rungs))
    assert tuple(rungs) == rungs.budgets == rungs.costs


@given(st.integers(1, 10**6), st.integers(1, 10**6), FACTORS)
def test_integer_ends_give_integer_budgets(one, two, eta):
    rungs = geometric(min(one, two), max(one, two), eta=eta)
    assert {type(budget) for budget in rungs} == {int}
    assert len(set(rungs)) == len(rungs)


@given(NUMBERS, NUMBERS, FACTORS)
def test_the_number_of_steps_is_the_nearest_whole_number(one, two, eta):
    """A logarithm in floats gives the same number, except where its rounding error decides about a half."""
    low, high = sorted((float(one), float(two)))  # close integers may coincide
    assume(high > low)
    steps = math.log(high / low) / math.log(eta)
    assume(abs(steps % 1 - 0.5) > 1e-6)
    assert len(geometric(low, high, eta=eta)) == max(round(steps), 1) + 1


@given(st.integers(1, 10**6), st.integers(2, 12), st.integers(0, 24))
def test_powers_of_integers_are_exact(low, eta, num_steps):
    assert same(geometric(low, low * eta**num_steps, eta=eta), [low * eta**k for k in range(num_steps + 1)])


@given(
    st.sampled_from(["0.1", "0.01", "0.3", "0.7", "1.1", "0.05", "2.5", "12.3"]),
    st.sampled_from(["2", "3", "4", "5", "10", "1.5", "2.5"]),
    st.integers(0, 9),
)
def test_powers_of_decimals_are_exact(low, eta, num_steps):
    """If the ends are short decimals, each budget is the float nearest to the exact product."""
    rungs = [Fraction(low) * Fraction(eta) ** k for k in range(num_steps + 1)]
    assume(len(str(rungs[-1].numerator)) <= 14)
    factor = int(eta) if eta.isdigit() else float(eta)
    assert same(geometric(float(rungs[0]), float(rungs[-1]), eta=factor), [float(rung) for rung in rungs])


@given(st.integers(2, 12), st.integers(1, 12))
def test_powers_below_one_are_accurate_to_one_ulp(eta, num_steps):
    """A float cannot hold 1 / 27, so a budget may be off by one unit in the last place, but none is lost."""
    rungs = geometric(1 / eta**num_steps, 1, eta=eta)
    exact = [Fraction(eta) ** (k - num_steps) for k in range(num_steps + 1)]
    assert len(rungs) == len(exact)
    for rung, value in zip(rungs, exact, strict=True):
        assert abs(Fraction(rung) - value) <= Fraction(math.ulp(float(value)))


@given(NUMBERS, st.integers(1, 6), st.integers(2, 5))
def test_ladders_survive_json(low, num_steps, eta):
    rungs = geometric(low, low * eta**num_steps, eta=eta)
    restored = Ladder.from_json(json.loads(json.dumps(rungs.to_json())))
    assert restored == rungs
    assert same(restored, rungs)
    assert [restored.reduction(0, i) for i in range(len(rungs))] == [rungs.reduction(0, i) for i in range(len(rungs))]


@pytest.mark.parametrize(
    "rungs", [ladder([1, 4, 10, 50]), ladder([2.5]), ladder([{"epochs": 3}, "all"], costs=[0.5, 36])]
)
def test_explicit_ladders_survive_json(rungs):
    assert Ladder.from_json(json.loads(json.dumps(rungs.to_json()))) == rungs


def test_a_ladder_is_an_immutable_sequence():
    rungs = geometric(1, 9)
    assert len(rungs) == 3
    assert 3 in rungs
    assert 4 not in rungs
    assert rungs[1:] == (3, 9)
    with pytest.raises(AttributeError):
        rungs.eta = 2


# --- errors -----------------------------------------------------------------------

NOT_POSITIVE = [0, -1, 0.0, -2.5, math.nan, math.inf, -math.inf, True, "9", None, [3], {"epochs": 3}, 1 + 2j, 10**400]


@pytest.mark.parametrize("wrong", NOT_POSITIVE, ids=lambda wrong: repr(wrong)[:20])
def test_a_budget_is_a_positive_finite_number(wrong):
    for call in (
        lambda: geometric(wrong, 9),
        lambda: geometric(1, wrong),
        lambda: geometric(1, 9, eta=wrong),
        lambda: ladder([wrong]),
        lambda: ladder(["a"], costs=[wrong]),
    ):
        with pytest.raises(BudgetError, match="expected") as error:
            call()
        assert repr(wrong)[:40] in str(error.value)


@pytest.mark.parametrize("eta", [1, 1.0, 0.5])
def test_the_reduction_factor_exceeds_one(eta):
    with pytest.raises(BudgetError, match=f"eta > 1, got {eta}"):
        geometric(1, 9, eta=eta)


def test_the_minimum_is_at_most_the_maximum():
    with pytest.raises(BudgetError, match="min=9, max=1; swap"):
        geometric(9, 1)


@pytest.mark.parametrize("budgets", [[3, 1], [1, 9, 3], [1.0, 3.0, 2.9]])
def test_budgets_must_increase(budgets):
    with pytest.raises(BudgetError, match=f"strictly increasing budgets, got {budgets[-1]} after {budgets[-2]}"):
        ladder(budgets)


def test_costs_must_increase():
    for costs in ([3, 3], [36, 3]):
        with pytest.raises(BudgetError, match=f"strictly increasing costs, got {costs[1]} after {costs[0]}"):
            ladder(["small", "large"], costs=costs)


@pytest.mark.parametrize("budgets", [[1, 1], [1, 3, 3.0], [1, 3, 1]])
def test_budgets_must_differ(budgets):
    with pytest.raises(BudgetError, match="every budget once, got"):
        ladder(budgets)


def test_budgets_with_costs_must_differ():
    with pytest.raises(BudgetError, match="every budget once, got"):
        ladder([{"epochs": 3}, {"epochs": 3}], costs=[1, 3])


def test_a_ladder_has_at_least_one_rung():
    for empty in ([], (), np.array([]), iter(())):
        with pytest.raises(BudgetError, match="at least one budget"):
            ladder(empty)


@pytest.mark.parametrize("costs", [[], [1], [1, 2, 3]])
def test_every_budget_has_one_cost(costs):
    with pytest.raises(BudgetError, match=f"one cost for each of the 2 budgets, got {len(costs)}"):
        ladder(["small", "large"], costs=costs)


@pytest.mark.parametrize("wrong", ["1,3,9", b"139", 9, None, 2.5])
def test_a_ladder_is_made_from_a_sequence(wrong):
    with pytest.raises(BudgetError, match="expected a sequence of budgets") as error:
        ladder(wrong)
    assert repr(wrong) in str(error.value)


def test_a_budget_must_be_a_json_value():
    with pytest.raises(BudgetError, match="JSON value"):
        ladder([{1, 2}, object()], costs=[1, 2])


# --- bracket sizes ------------------------------------------------------------------------------------------------


def paper_sizes(num_levels, eta, start):
    """Hyperband, Algorithm 1, in integers: ceil(S / (s + 1) * eta^s) first, then floor(n * eta^-i)."""
    s = num_levels - 1 - start
    first = -(-num_levels * eta**s // (s + 1))
    return [first // eta**i for i in range(s + 1)]


def hpbandster_sizes(num_levels, eta, start):
    """HpBandSter's `get_next_iteration`, in integers: floor(S / (s + 1)) * eta^s first, then at least 1."""
    s = num_levels - 1 - start
    first = num_levels // (s + 1) * eta**s
    return [max(first // eta**i, 1) for i in range(s + 1)]


def tables():
    """The sizes of every bracket for every eta and number of levels, cheapest start first, from the formulas alone."""
    formulas = {"paper": paper_sizes, "hpbandster": hpbandster_sizes}
    return {
        name: {
            str(eta): {str(size): [formula(size, eta, start) for start in range(size)] for size in NUM_LEVELS}
            for eta in ETAS
        }
        for name, formula in formulas.items()
    }


def test_golden_sizes_agree_with_the_formulas():
    assert json.loads(GOLDEN.read_text()) == tables()


def test_golden_sizes_agree_with_the_literature():
    """With R = 81 the brackets start with 81, 34, 15, 8, 5 in the paper and 81, 27, 9, 6, 5 in HpBandSter."""
    golden = json.loads(GOLDEN.read_text())
    assert [sizes[0] for sizes in golden["paper"]["3"]["5"]] == [81, 34, 15, 8, 5]
    assert [sizes[0] for sizes in golden["hpbandster"]["3"]["5"]] == [81, 27, 9, 6, 5]
    assert golden["paper"]["3"]["5"][1] == [34, 11, 3, 1]


@pytest.mark.parametrize("eta", ETAS)
@pytest.mark.parametrize("num_levels", NUM_LEVELS)
@pytest.mark.parametrize(("name", "bracket"), [("paper", paper_bracket), ("hpbandster", hpbandster_bracket)])
def test_bracket_sizes_are_golden(name, bracket, num_levels, eta):
    rungs = geometric(1, eta ** (num_levels - 1), eta=eta)
    plans = [bracket(rungs, start) for start in range(len(rungs))]
    assert [list(plan.sizes) for plan in plans] == json.loads(GOLDEN.read_text())[name][str(eta)][str(num_levels)]
    assert [plan.levels for plan in plans] == [tuple(range(start, num_levels)) for start in range(num_levels)]
    assert not any(plan.is_endless for plan in plans)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=6, unique=True).map(sorted), st.data())
def test_rungs_never_grow_and_are_never_empty(budgets, data):
    rungs = ladder(budgets)
    start = data.draw(st.integers(0, len(rungs) - 1))
    for bracket in (paper_bracket, hpbandster_bracket):
        plan = bracket(rungs, start)
        assert len(plan.sizes) == len(plan.levels) == len(rungs) - start
        assert all(one >= two for one, two in itertools.pairwise(plan.sizes))
        assert plan.sizes[-1] >= 1


@given(st.integers(1, 8), st.sampled_from(ETAS))
def test_brackets_cost_about_the_same(num_levels, eta):
    """With S levels no bracket of the paper costs more than S + 1 full trainings; rounding up accounts for one."""
    rungs = geometric(1, eta ** (num_levels - 1), eta=eta)
    for start in range(num_levels):
        plan = paper_bracket(rungs, start)
        spent = sum(size * rungs[level] for size, level in zip(plan.sizes, plan.levels, strict=True))
        assert spent <= (num_levels + 1) * rungs[-1]


def test_a_pair_that_may_be_a_range_is_asked_about_once(tmp_path):
    """A list is meant as it is, and so is a pair without a rung between."""
    space = {"x": (0.0, 1.0)}
    for make in (lambda: bohb.Optimizer(space, (1, 9)), lambda: bohb.Study.open(tmp_path / "s.db", space, (1, 9))):
        with pytest.warns(BohbWarning, match=r"two rungs; did you mean the 3 rungs of geometric\(1, 9\)") as caught:
            assert list(make().ladder) == [1, 9]
        assert (len(caught), caught[0].filename) == (1, __file__)
    for budgets in ([1, 9], (1, 3), (1, 3, 9), (1,)):
        bohb.Optimizer(space, budgets)


@given(
    st.lists(st.integers(1, 1000), min_size=1, max_size=6, unique=True).map(sorted),
    st.floats(0.5, 1100, allow_nan=False) | st.integers(1, 1000),
)
def test_a_cost_counts_at_the_highest_level_that_costs_no_more(budgets, cost):
    made = ladder(budgets)
    if budgets[0] <= cost <= budgets[-1]:
        level = made.level_below(cost)
        assert budgets[level] <= cost
        assert all(above > cost for above in budgets[level + 1 :])
        assert made.is_cost(level, cost) == (budgets[level] == cost)
    elif not any(math.isclose(cost, budget, rel_tol=1e-9) for budget in budgets):
        with pytest.raises(BudgetError, match="larger" if cost > budgets[-1] else "smaller"):
            made.level_below(cost)


def test_a_cost_is_that_of_a_level_up_to_rounding():
    made = ladder([27, 81])
    assert [made.level_below(cost) for cost in (80.99999999999999, 81.00000000000001, 80.9)] == [1, 1, 0]
