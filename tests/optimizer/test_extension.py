"""Extend: the same search with a longer ladder, in which the best of the old top are trained further."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.budgets import Ladder, extended
from bohb.models import RandomModel
from bohb.optimizer.presets import PRESETS
from bohb.schedules import BracketPlan, Hyperband, Promote, Start
from tests.strategies import POPULATIONS, SPACES, loss_of, make, presets, seeds, spaces

LONG = {
    "geometric": bohb.geometric(1, 81, eta=3),
    "plain": bohb.ladder([1, 4, 10, 50]),
    "dicts": bohb.ladder([{"e": 1}, {"e": 2, "p": 8}, {"e": 4}, {"e": 8}, {"e": 9}], costs=[1, 3, 9, 20, 90]),
}
ladders = st.sampled_from(sorted(LONG))
FAST = sorted(set(PRESETS) - {"default"})


def first(ladder, num):
    return Ladder(ladder.budgets[:num], ladder.costs[:num], ladder.eta)


def loss(trial):
    value = sum(math.sin(10 * v) for v in trial.config.values() if isinstance(v, int | float))
    return math.nan if value > 2 else value


def work(optimizer, num, *, skip=lambda number: False):
    """Ask and tell; the trials that are skipped stay pending."""
    asked = []
    for number in range(num):
        try:
            trial = optimizer.ask()
        except bohb.SpaceExhausted:
            break
        asked.append(trial)
        if not skip(number):
            optimizer.tell(trial, loss(trial), checkpoint=f"ck/{trial.id}")
    return asked


def searched(preset, space, ladder, seed, num, **options):
    optimizer = bohb.Optimizer(SPACES[space](), ladder, seed=seed, preset=preset)
    return optimizer, work(optimizer, num, **options)


@settings(max_examples=20, deadline=None)
@given(preset=presets, space=spaces, name=ladders, seed=seeds, num=st.integers(1, 3))
def test_extended_before_the_first_ask_it_is_a_search_with_the_long_ladder(preset, space, name, seed, num):
    long, num = LONG[name], max(num, 2) if preset in POPULATIONS else num
    short = bohb.Optimizer(SPACES[space](), first(long, num), seed=seed, preset=preset)
    for length in range(num + 1, len(long) + 1):
        assert short.extend(first(long, length)) == first(long, length)
    other = bohb.Optimizer(SPACES[space](), long, seed=seed, preset=preset)
    assert short.ladder == other.ladder
    assert work(short, 25, skip=lambda n: n % 7 == 3) == work(other, 25, skip=lambda n: n % 7 == 3)
    assert short.results == other.results
    assert str(short.plan()) == str(other.plan())


@settings(max_examples=30, deadline=None)
@given(preset=presets, space=spaces, name=ladders, seed=seeds, num=st.integers(0, 40), more=st.integers(1, 2))
def test_what_is_saved_and_restored_goes_on_alike(preset, space, name, seed, num, more):
    long, short = LONG[name], first(LONG[name], len(LONG[name]) - 2)
    optimizer, _ = searched(preset, space, short, seed, num if preset != "default" else num // 3)
    before, pending = optimizer.results, optimizer.pending
    optimizer.extend(first(long, len(short) + more))
    assert (optimizer.results, optimizer.pending) == (before, pending)
    again = bohb.Optimizer.from_state(json.loads(json.dumps(optimizer.to_state())))
    assert again.ladders == optimizer.ladders == (short, first(long, len(short) + more))
    assert work(again, 10, skip=lambda n: n % 5 == 2) == work(optimizer, 10, skip=lambda n: n % 5 == 2)
    again.extend(long)
    optimizer.extend(long)
    third = bohb.Optimizer.from_state(json.loads(json.dumps(again.to_state())))
    assert work(again, 10) == work(optimizer, 10) == work(third, 10)
    assert again.releasable() == optimizer.releasable() == third.releasable()
    assert (again.incumbent, str(again.health())) == (optimizer.incumbent, str(optimizer.health()))


@settings(max_examples=30, deadline=None)
@given(preset=st.sampled_from(FAST), seed=seeds, num=st.integers(30, 90), lag=st.integers(0, 4))
def test_the_best_of_the_old_top_are_promoted_first_with_their_checkpoints(preset, seed, num, lag):
    optimizer, _ = searched(preset, "float", bohb.geometric(1, 9, eta=3), seed, num, skip=lambda n: n % 11 < lag)
    top = sorted((r.loss, r.trial.config_id) for r in optimizer.results if r.budget == 9 and not r.is_failure)
    old = {config_id for _, config_id in top}
    optimizer.extend(bohb.geometric(1, 27, eta=3))
    asked = [t for t in work(optimizer, 120) if t.budget == 27 and t.config_id in old]
    ranks = [[config_id for _, config_id in top].index(t.config_id) for t in asked]
    one_of_three = max(1, math.ceil(len(top) / 3)) + 8  # and one of each bracket that was open
    assert len(asked) <= (len(top) if preset in POPULATIONS else one_of_three)  # a whole population goes on
    if top and preset in ("random", "fast", "asha") and len(top) >= 9:
        assert ranks[0] == 0
    for trial in asked:
        assert trial.checkpoint == f"ck/{trial.previous}"
        assert optimizer.trial(trial.previous).budget == 9
        assert optimizer.explain(trial).text
    assert optimizer.ladder[-1] == 27


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_trains_the_best_further(preset):
    num = 80 if preset == "default" else 150  # asynchronous halving promotes one of nine results first
    optimizer, _ = searched(preset, "float", bohb.geometric(1, 9, eta=3), 0, num)
    old = {r.trial.id for r in optimizer.results if r.budget == 9}
    assert optimizer.incumbent.budget == 9
    needed = set(optimizer.releasable())
    optimizer.extend(bohb.geometric(1, 81, eta=3))
    assert optimizer.incumbent.budget == 9
    assert set(optimizer.releasable()) <= needed
    asked = work(optimizer, num)
    assert any(trial.previous in old and trial.budget == 27 for trial in asked)
    assert any(trial.budget == 81 for trial in asked)
    assert optimizer.incumbent.budget == 81


@pytest.mark.parametrize("preset", FAST)
def test_a_trial_that_was_pending_at_the_old_top_may_be_promoted(preset):
    optimizer, _ = searched(preset, "float", [1.0, 2.0], 0, 40, skip=lambda n: n >= 30)
    pending = [trial for trial in optimizer.pending if trial.budget == 2.0]
    optimizer.extend([1.0, 2.0, 4.0])
    for trial in optimizer.pending:
        optimizer.tell(trial, -100.0 - trial.id, checkpoint=f"ck/{trial.id}")
    promoted = {trial.config_id for trial in work(optimizer, 80) if trial.budget == 4.0}
    assert bool(pending) <= bool(promoted & {trial.config_id for trial in pending})


def test_a_checkpoint_that_was_deleted_is_not_resumed():
    optimizer, _ = searched("random", "float", [9], 0, 9)
    gone = optimizer.releasable()
    optimizer.extend([9, 27], released=gone)
    again = bohb.Optimizer.from_state(json.loads(json.dumps(optimizer.to_state())))
    for one in (optimizer, again):
        promoted = [trial for trial in work(one, 9) if trial.config_id < 9]
        kept = [trial for trial in promoted if trial.previous is not None]
        assert len(promoted) == 3
        assert {trial.checkpoint for trial in kept} == {f"ck/{trial.previous}" for trial in kept}
        assert not {trial.checkpoint for trial in kept} & set(gone)
        assert len(kept) == 1  # the incumbent's, which is never releasable


@pytest.mark.parametrize("wrong", [[1, 3], [1, 3, 10], [3, 9, 27], [27], [1, 3, 9, 9], "x"])
def test_what_does_not_begin_with_the_old_budgets_is_refused(wrong):
    optimizer, _ = searched("fast", "float", bohb.ladder([1, 3, 9]), 0, 5)
    before = optimizer.to_state()
    with pytest.raises(bohb.BudgetError):
        optimizer.extend(wrong)
    with pytest.raises(bohb.BudgetError):
        optimizer.extend(bohb.ladder([1, 3, 9, 27], costs=[1, 2, 3, 4]))
    assert optimizer.to_state() == before


def test_a_ladder_that_the_search_has_had_changes_nothing():
    optimizer = make("fast", space="float", ladder="explicit")
    optimizer.extend([1, 4, 10, 30])
    optimizer.extend([1, 4, 10, 30, 90])
    events = list(optimizer.events)
    for again in ([1, 4, 10], [1, 4, 10, 30], [1, 4, 10, 30, 90]):
        assert optimizer.extend(again) == bohb.ladder([1, 4, 10, 30, 90])
    assert optimizer.events == events


def test_a_finite_space_that_was_exhausted_has_work_again():
    optimizer, _ = searched("fast", "finite", [1, 3], 0, 100)
    with pytest.raises(bohb.SpaceExhausted):
        optimizer.ask()
    optimizer.extend([1, 3, 9])
    assert {trial.budget for trial in work(optimizer, 100)} == {9}


def test_advice_from_before_teaches_nothing_about_the_longer_ladder():
    """What a model learned about another full budget is not kept, whoever asks with it."""
    optimizer, _ = searched("default", "float", bohb.geometric(1, 9, eta=3), 0, 30)
    advice = optimizer.advise()
    optimizer.extend(bohb.geometric(1, 27, eta=3))
    trial = optimizer.follow(advice) or optimizer.ask()
    optimizer.tell(trial, loss(trial))
    again = bohb.Optimizer.from_state(json.loads(json.dumps(optimizer.to_state())))
    assert work(optimizer, 20) == work(again, 20)


class Own(Hyperband):
    """A schedule of a user, with nothing but the ordinary protocol; it knows ladders of at most three budgets."""

    is_over = None
    is_waiting = None

    def cycle(self, ladder):
        if len(ladder) > 3:
            raise bohb.SettingError("expected at most three budgets")
        return super().cycle(ladder)


class Plain:
    """The simplest schedule: two brackets of two rungs each, one after the other."""

    def cycle(self, ladder):
        return [BracketPlan((0, len(ladder) - 1), (3, 1))]

    def next(self, brackets):
        for bracket in brackets.open:
            if not bracket.is_full(0):
                return Start(bracket.index)
            for number in range(1, len(bracket.rungs)):
                if not bracket.is_full(number) and bracket.rungs[number - 1].waiting:
                    return Promote(bracket.index, number, bracket.rungs[number - 1].waiting[0][1])
        return self.start(brackets)

    def start(self, brackets):
        return Start(next((one.index for one in brackets.open if not one.is_full(0)), len(brackets)))


def test_a_schedule_of_a_user_gets_the_longer_ladder_by_its_protocol():
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 9], seed=0, schedule=Plain(), model=RandomModel())
    work(optimizer, 20)
    optimizer.extend([1, 9, 27])
    asked = work(optimizer, 40)
    assert any(trial.budget == 27 and trial.previous is not None and trial.previous < 20 for trial in asked)
    again = bohb.Optimizer.from_state(optimizer.to_state(), schedule=Plain(), model=RandomModel())
    assert work(again, 10) == work(optimizer, 10)


def test_a_schedule_that_refuses_the_longer_ladder_changes_nothing():
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3, 9], seed=0, schedule=Own())
    work(optimizer, 20)
    before = optimizer.to_state()
    with pytest.raises(bohb.SettingError, match="at most three"):
        optimizer.extend([1, 3, 9, 27])
    assert optimizer.to_state() == before
    assert optimizer.ladder == bohb.ladder([1, 3, 9])
    work(optimizer, 20)


@settings(max_examples=30, deadline=None)
@given(low=st.integers(1, 9), short=st.integers(1, 3), more=st.integers(1, 3), eta=st.sampled_from([2, 3, 4]))
def test_a_larger_maximum_continues_the_steps(low, short, more, eta):
    long = bohb.geometric(low, low * eta ** (short + more), eta=eta)
    assert extended(bohb.geometric(low, low * eta**short, eta=eta), long[-1]) == long


def test_a_larger_maximum_needs_numbers_and_lies_above():
    assert list(extended(bohb.ladder([1, 2, 4]), 16)) == [1, 2, 4, 8, 16]
    assert list(extended(bohb.ladder([5]), 45)) == [5, 15, 45]
    for wrong in (4, 3.5, math.inf):
        with pytest.raises(bohb.BudgetError):
            extended(bohb.ladder([1, 2, 4]), wrong)
    with pytest.raises(bohb.BudgetError, match="numbers"):
        extended(LONG["dicts"], 1000)


def test_a_later_ladder_does_not_change_what_is_explained():
    optimizer, asked = searched("default", "mixed", bohb.geometric(1, 9, eta=3), 0, 25)
    before = [str(optimizer.explain(trial)) for trial in asked]
    optimizer.extend(bohb.geometric(1, 27, eta=3))
    assert [str(optimizer.explain(trial)) for trial in asked] == before
    assert loss_of(asked[0]) == loss_of(optimizer.trial(asked[0].id))
