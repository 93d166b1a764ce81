"""The record that schedules read."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.budgets import geometric
from bohb.errors import SettingError
from bohb.schedules import Brackets, Rung
from bohb.schedules.bracket_sizes import BracketPlan

RESULTS = st.lists(st.one_of(st.integers(0, 3).map(float), st.floats(0, 1), st.just(inf)), max_size=30)


@given(RESULTS, st.randoms(use_true_random=False))
def test_a_rung_is_sorted_whatever_the_order_of_the_tells(results, random):
    told = list(enumerate(results))
    random.shuffle(told)
    rung = Rung(0, entered=set(range(len(told) + 2)))
    for config_id, loss in told:
        rung.finish(config_id, loss)
    assert rung.finished == sorted((loss, config_id) for config_id, loss in told)
    assert rung.waiting == [entry for entry in rung.finished if entry[0] < inf]
    assert rung.num_pending == 2
    for rank, entry in enumerate(rung.finished):
        assert rung.rank(entry) == rank
        assert rung.is_waiting(entry) == (entry[0] < inf)


@given(RESULTS, st.data())
def test_released_ones_wait_no_more(results, data):
    rung = Rung(0)
    for config_id, loss in enumerate(results):
        rung.finish(config_id, loss)
    gone = data.draw(st.sets(st.integers(0, 35)))
    for config_id in gone:
        rung.release(config_id)
    assert rung.waiting == [entry for entry in rung.finished if entry[0] < inf and entry[1] not in gone]
    assert len(rung.finished) == len(results)


def brackets(capacity=None):
    return Brackets(geometric(1, 3), [BracketPlan((0, 1), (3, 1)), BracketPlan((1,), (2,))], capacity)


def test_brackets_follow_the_plans_in_turn():
    record = brackets()
    assert [record.plan(i).levels for i in range(5)] == [(0, 1), (1,), (0, 1), (1,), (0, 1)]
    record.enter(0, 0, 7)
    record.enter(1, 0, 8)
    assert len(record) == 2
    assert [bracket.index for bracket in record.open] == [0, 1]
    assert record[1].rungs[0].level == 1


def test_a_loss_reaches_every_bracket_in_which_the_configuration_is_pending():
    """One configuration, pending at the same budget in two brackets, is evaluated once for both."""
    record = brackets()
    record.enter(0, 0, 7)
    record.finish(0, 7, 0.1)
    record.enter(1, 0, 7)
    record.enter(0, 1, 7)
    record.finish(1, 7, 0.2)
    assert record[0].rungs[1].finished == record[1].rungs[0].finished == [(0.2, 7)]


def test_a_loss_counts_once():
    record = brackets()
    record.enter(0, 0, 7)
    record.finish(0, 7, 0.1)
    record.finish(0, 7, 0.3)
    assert record[0].rungs[0].finished == [(0.1, 7)]


def test_room_is_what_the_space_has_left_at_a_level():
    record = brackets(capacity=2)
    record.enter(0, 0, 0)
    assert record.has_room(0)
    record.take(0, 1)
    assert not record.has_room(0)
    assert record.has_room(1)
    assert record.is_taken(0, 1)
    assert not record.is_taken(1, 1)
    assert brackets().has_room(0)


def test_a_closed_bracket_promotes_nobody():
    record = brackets()
    record.enter(0, 0, 7)
    record.finish(0, 7, 0.1)
    assert record.may_promote(0, 7, 0.1)
    assert not record.may_promote(0, 7, 0.2)
    assert not record.may_promote(1, 7, 0.1)
    record.close(record[0])
    assert not record.may_promote(0, 7, 0.1)
    assert record[0].is_closed
    assert record.open == ()


@pytest.mark.parametrize(
    "cycle",
    [
        *([], [((0, 1), (3, 1))], [BracketPlan((), ())], [BracketPlan((0,), (3, 1))]),
        *([BracketPlan((1, 0), (3, 1))], [BracketPlan((0, 2), (3, 1))], [BracketPlan((-1,), (3,))]),
    ],
)
def test_a_cycle_that_is_none_is_refused(cycle):
    """Whoever writes a schedule is told at once, and not by an index that is out of range later on."""
    with pytest.raises(SettingError, match=r"schedule's cycle|ascending levels"):
        Brackets(geometric(1, 3), cycle)


@given(RESULTS)
def test_who_was_told_outside_may_start_until_it_entered_the_best_first(results):
    """The space holds nothing new at the level then; who failed comes last."""
    record = brackets(capacity=len(results))
    for config_id, loss in enumerate(results):
        record.finish(0, config_id, loss)
    left = sorted((loss, config_id) for config_id, loss in enumerate(results))
    while left:
        assert not record.has_room(0)
        assert record.may_start(0)
        assert record.best_outside(0) == left[0][1]
        record.enter(0, 0, left.pop(0)[1])
    assert record.best_outside(0) is None
    assert not record.may_start(0)
    assert record.best_outside(1) is None


def test_who_is_told_in_a_bracket_is_not_outside():
    record = brackets(capacity=1)
    record.enter(0, 0, 0)
    record.finish(0, 0, 1.0)
    assert record.best_outside(0) is None
    assert record.pending.num_at_work == 0
