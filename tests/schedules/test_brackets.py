"""The brackets as schedules read them."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bohb
from bohb.budgets import geometric, ladder
from bohb.errors import SettingError
from bohb.models import RandomModel
from bohb.record import LevelRecord, Record
from bohb.schedules import HpBandSterHyperband, Hyperband, Rung
from bohb.schedules.bracket_log import BracketLog
from bohb.schedules.bracket_sizes import BracketPlan, continuing_bracket, endless_bracket, longer_bracket
from bohb.schedules.brackets import RungLog
from tests.record.bare import BracketRecorder, bare_result

RESULTS = st.lists(st.one_of(st.integers(0, 3).map(float), st.floats(0, 1), st.just(inf)), max_size=30)


@given(RESULTS, st.randoms(use_true_random=False), st.data())
def test_a_rung_is_sorted_for_any_order_of_moves(results, random, data):
    """Entries, results and promotions may come in any order, and the rung may be read at any time."""
    told, log = LevelRecord(), RungLog()
    rung, known = Rung(0, told, log), dict(enumerate(results))
    promoted = data.draw(st.sets(st.sampled_from(sorted(known)))) if known else set()
    moves = (
        [("enter", i) for i in range(len(known) + 2)] + [("tell", i) for i in known] + [("leave", i) for i in promoted]
    )
    random.shuffle(moves)
    for move, config_id in moves:
        if move == "enter":
            log.entered.add(config_id)
        elif move == "leave":
            log.promoted.add(config_id)
        else:
            told.results[config_id] = bare_result(config_id, known[config_id])
            told.order.append(config_id)
        if random.random() < 0.3:
            assert rung.num_pending == len(rung.entered - told.results.keys())
    assert rung.finished == sorted((loss, config_id) for config_id, loss in known.items())
    assert rung.waiting == [entry for entry in rung.finished if entry[0] < inf and entry[1] not in promoted]
    assert rung.num_pending == 2
    for rank, entry in enumerate(rung.finished):
        assert rung.rank(entry) == rank
        assert rung.is_waiting(entry) == (entry in rung.waiting)


class Planned:
    """A schedule with given plans."""

    def __init__(self, cycle):
        self._cycle = cycle

    def cycle(self, ladder):
        return self._cycle


def recorder(capacity=None):
    plans = [BracketPlan((0, 1), (3, 1)), BracketPlan((1,), (2,))]
    return BracketRecorder(Planned(plans), geometric(1, 3), capacity)


def test_brackets_follow_the_plans_in_turn():
    search = recorder()
    assert [search.brackets.plan(i).levels for i in range(5)] == [(0, 1), (1,), (0, 1), (1,), (0, 1)]
    search.start(0, 0, 7)
    search.start(1, 0, 8)
    assert len(search.brackets) == 2
    assert [bracket.index for bracket in search.brackets.open] == [0, 1]
    assert search.brackets[1].rungs[0].level == 1


def test_a_result_counts_in_every_bracket_of_its_configuration():
    """A configuration that is pending at one budget in two brackets is evaluated once for both."""
    search = recorder()
    search.start(0, 0, 7)
    search.tell(0, 7, 0.1)
    search.start(1, 0, 7)
    search.start(0, 1, 7)
    search.tell(1, 7, 0.2)
    assert search.brackets[0].rungs[1].finished == search.brackets[1].rungs[0].finished == [(0.2, 7)]


def test_a_level_has_room_until_the_space_is_used_up():
    search = recorder(capacity=2)
    search.start(0, 0, 0)
    assert search.brackets.has_room(0)
    search.ask(0, 1)
    assert not search.brackets.has_room(0)
    assert search.brackets.has_room(1)
    assert search.brackets.is_taken(0, 1)
    assert not search.brackets.is_taken(1, 1)
    assert recorder().brackets.has_room(0)


def test_a_waiting_configuration_may_be_promoted_until_the_end():
    search = BracketRecorder(Hyperband(), geometric(1, 3))
    for config_id in range(2):
        search.start(0, 0, config_id)
        search.tell(0, config_id, float(config_id))
    assert search.brackets.may_promote(0, 1, 1.0)
    assert not search.brackets.may_promote(0, 1, 2.0)
    assert not search.brackets.may_promote(1, 1, 1.0)
    search.start(0, 0, 2)
    search.tell(0, 2, 2.0)
    search.start(0, 1, 0)
    assert not search.brackets.may_promote(0, 1, 1.0)
    assert [bracket.index for bracket in search.brackets.open] == [0]
    search.tell(1, 0, 0.0)
    assert search.brackets.open == ()


@pytest.mark.parametrize(
    "cycle",
    [
        *([], [((0, 1), (3, 1))], [BracketPlan((), ())], [BracketPlan((0,), (3, 1))]),
        *([BracketPlan((1, 0), (3, 1))], [BracketPlan((0, 2), (3, 1))], [BracketPlan((-1,), (3,))]),
    ],
)
def test_an_invalid_cycle_is_refused(cycle):
    """The error comes at once, not later as an index out of range."""
    with pytest.raises(SettingError, match=r"schedule's cycle|ascending levels"):
        BracketLog(Planned(cycle), geometric(1, 3), Record([1, 3]))


@given(RESULTS)
def test_results_from_outside_may_start_best_first(results):
    """The space has no new configuration at the level. Failures come last."""
    search = recorder(capacity=len(results))
    for config_id, loss in enumerate(results):
        search.tell(0, config_id, loss)
    left = sorted((loss, config_id) for config_id, loss in enumerate(results))
    while left:
        assert not search.brackets.has_room(0)
        assert search.brackets.may_start(0)
        assert search.brackets.best_outside(0) == left[0][1]
        search.start(0, 0, left.pop(0)[1])
    assert search.brackets.best_outside(0) is None
    assert not search.brackets.may_start(0)
    assert search.brackets.best_outside(1) is None


def test_a_result_in_a_bracket_is_not_outside():
    search = recorder(capacity=1)
    search.start(0, 0, 0)
    search.tell(0, 0, 1.0)
    assert search.brackets.best_outside(0) is None
    assert search.brackets.num_at_work == 0


@given(
    st.lists(st.integers(1, 500), min_size=2, max_size=6, unique=True).map(sorted),
    st.data(),
    st.integers(1, 100),
)
def test_a_bracket_becomes_longer_as_the_ladder_does(budgets, data, num):
    long = ladder(budgets)
    start = data.draw(st.integers(0, len(long) - 2))
    stop = data.draw(st.integers(start + 1, len(long) - 1))
    part = range(start, stop)
    assert longer_bracket(endless_bracket(ladder(budgets[:stop]), part), long) == endless_bracket(
        long, range(start, len(long))
    )
    plan = BracketPlan(tuple(part), tuple(range(num + len(part), num, -1)))
    longer = longer_bracket(plan, long)
    assert longer.levels == tuple(range(start, len(long)))
    assert longer.sizes[: len(part)] == plan.sizes
    assert list(longer.sizes[len(part) - 1 :]) == sorted(longer.sizes[len(part) - 1 :], reverse=True)
    going_on = continuing_bracket(long, start, num)
    assert (going_on.levels, going_on.sizes[0]) == (longer.levels, num)
    for at, size in zip(going_on.levels[1:], going_on.sizes[1:], strict=True):
        assert size == max(1, num // long.reduction(start, at))


@pytest.mark.parametrize("schedule", [Hyperband(), HpBandSterHyperband()])
def test_what_brackets_that_are_over_brought_to_the_top_goes_on_together(schedule):
    """Successive halving of all of them: one of eta goes on, whichever bracket it came from."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, geometric(1, 9), seed=0, schedule=schedule, model=RandomModel())
    while not (len(optimizer.results) > 60 and not optimizer._history.brackets.open):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["x"])
    top = sorted((result.loss, result.trial.config_id) for result in optimizer.results if result.budget == 9)
    num_before = len(optimizer._history.brackets)
    optimizer.extend(geometric(1, 81))
    asked = []
    for _ in range(40):
        asked.append(optimizer.ask())
        optimizer.tell(asked[-1], asked[-1].config["x"])
    here = [trial for trial in asked if trial.bracket == num_before]
    expected = [config_id for _, config_id in top]
    at = {budget: [trial.config_id for trial in here if trial.budget == budget] for budget in (27, 81)}
    assert at == {27: expected[: len(top) // 3], 81: expected[: max(1, len(top) // 9)]}
    after = [trial for trial in asked if trial.bracket == num_before + 1]
    assert {trial.budget for trial in after} <= {1, 3, 9, 27, 81}
    assert after[0].budget == 1  # a new cycle begins
