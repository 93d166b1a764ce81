"""Freeze-thaw: what it leaves to the model, and the three rules that bound the model."""

from fractions import Fraction
from itertools import pairwise
from math import ceil, inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bohb.budgets import geometric
from bohb.errors import SettingError
from bohb.schedules import FreezeThaw, Promote, Start
from bohb.schedules.freeze_thaw import FEW_DIRECT, MANY_RESULTS, _advantage
from tests.record.bare import BracketWorld
from tests.schedules.simulation import LOSSES, Simulation
from tests.schedules.test_laws import CASES, is_legal

FIVE = geometric(1, 81, eta=3)


class AnyOfThem:
    """A freeze-thaw schedule whose model picks any of the moves that it is offered; notes every offer."""

    def __init__(self, schedule, seed):
        self.schedule, self.rng, self.contests = schedule, np.random.default_rng(seed), []

    def cycle(self, ladder):
        return self.schedule.cycle(ladder)

    def next(self, brackets):
        offer = self.schedule.offer(brackets)
        self.contests.append(offer)
        moves = [*offer.promotions, *([] if offer.start is None else [offer.start])]
        return moves[self.rng.integers(len(moves))]


def promoted(rung, above):
    return len(rung.entered & above.entered)


@given(**CASES)
def test_whatever_the_model_picks_is_legal(rungs, kind, seed, workers):
    """There is always a move, and every one on offer keeps the laws of the brackets."""

    def every_move_is_legal(run, word):
        offer = run.schedule.contests[-1]
        assert offer.promotions or offer.start is not None
        for move in offer.promotions:
            is_legal(run, move)
        if offer.start is None:
            assert len({move.rung for move in offer.promotions}) == 1

    run = Simulation(AnyOfThem(FreezeThaw(), seed), rungs, np.random.default_rng(seed), check=every_move_is_legal)
    run.play(LOSSES[kind], num_steps=200, workers=workers)


@given(**CASES)
def test_without_a_model_the_best_that_has_to_go_on_does(rungs, kind, seed, workers):
    def is_the_default_of_the_contest(run, word):
        offer = run.schedule.offer(run.brackets)
        if offer.start is not None:
            assert word == offer.start
        else:
            rung = run.brackets[0].rungs[word.rung - 1]
            assert word == Promote(0, word.rung, rung.waiting[0][1])

    run = Simulation(FreezeThaw(), rungs, np.random.default_rng(seed), check=is_the_default_of_the_contest)
    run.play(LOSSES[kind], num_steps=150, workers=workers)


@given(**{**CASES, "workers": st.integers(1, 48)}, share=st.sampled_from([1.0, 0.5]))
def test_until_somebody_trains_in_full_the_rungs_fill_as_in_successive_halving(rungs, kind, seed, workers, share):
    """Up to 16 workers by the proportions of the plan; more leave fewer behind, but no fewer than three for two."""
    sizes = [ceil(share * size) for size in FreezeThaw().cycle(rungs)[0].sizes]

    def keeps_the_proportions(run, word):
        if isinstance(word, Promote) and not run.brackets[0].rungs[-1].entered:
            below, above = run.brackets[0].rungs[word.rung - 1 : word.rung + 1]
            num_pending = run.brackets.num_at_work
            planned = Fraction(sizes[word.rung - 1], sizes[word.rung])
            behind = min(planned, max(planned * Fraction(16, num_pending + 1), Fraction(3, 2)))
            assert (len(above.entered) + 1) * behind <= len(below.finished)
            assert word.rung > 1 or len(below.finished) >= FreezeThaw().first_started
            assert word.rung < len(rungs) - 1 or num_pending < 16 or len(below.finished) > num_pending / 2

    schedule = AnyOfThem(FreezeThaw(first_share=share), seed)
    run = Simulation(schedule, rungs, np.random.default_rng(seed), check=keeps_the_proportions)
    run.play(LOSSES[kind], num_steps=150, workers=workers)


def test_many_workers_hurry_to_the_full_budget_and_enter_it_in_numbers():
    """How many were trained at each smaller budget when the first enters the full one; one after the other they end."""

    def filled(workers):
        run = Simulation(FreezeThaw(), FIVE, np.random.default_rng(0))
        while not (len(run.brackets) and run.brackets[0].rungs[-1].entered):
            run.ask()
            if len(run.pending) == workers:
                run.tell(0, float(run.rng.random()))
        return [len(rung.finished) for rung in run.brackets[0].rungs[:-1]]

    assert filled(1) == [81, 27, 9, 3]
    assert filled(16)[-1] == 3
    lowest, *_, many = filled(32)
    assert many == 16
    assert lowest < 16 * 3**3 / 2


@pytest.mark.parametrize("workers", [1, 8, 32])
@pytest.mark.parametrize("seed", range(3))
def test_no_rung_starves_under_a_model_that_only_ever_starts(seed, workers):
    """Each rung has sent on its due whenever something else is asked; the due grows with what is pending."""
    schedule = FreezeThaw()  # promotes nobody but who has to go

    def nobody_is_due(run, word):
        if word == Start(0) and len(run.brackets) and run.brackets[0].rungs[-1].entered:
            rungs = run.brackets[0].rungs
            num_pending = run.brackets.num_at_work
            most = max(schedule.max_behind * 3 / (num_pending + 1) ** (1 / 4), 1.5)
            for below, above in pairwise(rungs):
                assert len(below.finished) < most * (promoted(below, above) + 1)

    run = Simulation(schedule, FIVE, np.random.default_rng(seed), check=nobody_is_due)
    run.play(LOSSES["distinct"], num_steps=4000, workers=workers)
    assert promoted(*run.brackets[0].rungs[-2:]) >= 3


def test_the_more_workers_the_larger_the_share_that_goes_on():
    """Up to two thirds."""
    shares = []
    for workers in (1, 8, 32, 128):
        run = Simulation(FreezeThaw(), FIVE, np.random.default_rng(0))
        run.play(LOSSES["distinct"], num_steps=4000, workers=workers)
        lowest, above = run.brackets[0].rungs[:2]
        shares.append(promoted(lowest, above) / len(lowest.finished))
    assert shares == pytest.approx([1 / 3.6, 8 ** (1 / 4) / 3.6, 32 ** (1 / 4) / 3.6, 2 / 3], rel=0.1)


def test_starting_at_the_full_budget_waits_for_the_first_result_there_and_climbing_does_not():
    """Many workers climb on while the first of them trains in full; with its result direct starts get their share."""
    run = Simulation(FreezeThaw(), FIVE, np.random.default_rng(0))
    for _ in range(600):
        if run.ask().level < len(FIVE) - 1:
            run.tell(-1, float(run.rng.random()))
    below, top = run.brackets[0].rungs[-2:]
    assert len(top.entered) > 1
    assert top.entered <= below.entered
    run.tell(0, 0.0)
    assert run.ask().word == Start(0, len(FIVE) - 1)


def most_at_a_time(workers, share):
    """How many that started at the full budget were pending at the same time; some trainings fail."""
    run = Simulation(FreezeThaw(least_direct=share, most_direct=share), geometric(1, 9), np.random.default_rng(0))
    most = 0
    for _ in range(1000):
        while len(run.pending) < workers:
            run.ask()
        direct = {(job.level, job.config_id) for job in run.jobs if job.word == Start(0, 2)}
        most = max(most, len(direct.intersection(run.pending)))
        run.tell(0, float(run.rng.random()) if run.rng.random() < 0.9 else inf)
    return most


def test_direct_starts_are_no_more_than_their_share_of_what_many_workers_train_at_a_time():
    """Else most that are free would start there with the first result, to make up for the first pass."""
    assert [most_at_a_time(workers, 0.5) for workers in (20, 32, 128)] == [10, 16, 64]
    assert [most_at_a_time(workers, 0.25) for workers in (24, 41)] == [FEW_DIRECT, 10]


def asks_before_a_full_training(share_lost, *, most=1500):
    """How many one worker asks until the first training in full, when a share is never told."""
    run = Simulation(FreezeThaw(), FIVE, np.random.default_rng(0))
    for number in range(most):
        if run.ask().level == len(FIVE) - 1:
            return number
        if run.rng.random() >= share_lost:
            run.tell(-1, float(run.rng.random()))
    return most


def test_what_is_never_told_does_not_keep_the_others_from_the_full_budget(monkeypatch):
    """One in five is lost without a word; the control takes nobody for lost, and waits for workers that never were."""
    assert asks_before_a_full_training(0.0) == 120
    assert asks_before_a_full_training(0.2) < 400
    monkeypatch.setattr("bohb.record.pending.LOST_AGE", inf)
    assert asks_before_a_full_training(0.2) == 1500


def test_direct_starts_that_are_lost_make_room_for_others(monkeypatch):
    """More are lost than may be pending; the control takes nobody for lost, and starts none there any more."""

    def num_direct():
        run, num = Simulation(FreezeThaw(), FIVE, np.random.default_rng(0)), 0
        for _ in range(2000):
            is_direct = run.ask().word == Start(0, len(FIVE) - 1)
            num += is_direct
            if not is_direct or num > FEW_DIRECT + 2:
                run.tell(-1, float(run.rng.random()))
        return num

    assert num_direct() > 4 * FEW_DIRECT
    monkeypatch.setattr("bohb.record.pending.LOST_AGE", inf)
    assert num_direct() == FEW_DIRECT


def direct_share(bonus, *, num_steps=3000, seed=0):
    """The share of the cost that went to direct starts whose losses are lower by the bonus than those that climbed."""
    schedule = FreezeThaw()
    run = Simulation(schedule, FIVE, np.random.default_rng(seed))
    spent = direct = 0.0
    for _ in range(num_steps):
        job = run.ask()
        is_direct = isinstance(job.word, Start) and job.word.rung == 4
        cost = FIVE.costs[job.level] - (FIVE.costs[job.level - 1] if isinstance(job.word, Promote) else 0)
        spent, direct = spent + cost, direct + cost * is_direct
        run.tell(0, float(run.rng.random()) - bonus * is_direct)
    return direct / spent


def test_direct_starts_earn_their_share():
    """Where they are no different it lies in the middle, and where they are better or worse it goes to its bounds."""
    least, most = FreezeThaw().least_direct, FreezeThaw().most_direct
    worse, same, better = (direct_share(bonus) for bonus in (-2.0, 0.0, 2.0))
    assert least - 0.02 < worse < least + 0.05
    assert max(worse, least) + 0.05 < same < min(better, most) - 0.05
    assert most - 0.05 < better <= most


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=60))
def test_the_advantage_is_the_statistic_of_mann_and_whitney(entries):
    """Ties share their middle rank; the error is that of distinct ranks, which a tie can only make smaller."""
    losses, is_first = zip(*sorted(entries), strict=True)
    one = [loss for loss, flag in entries if flag]
    other = [loss for loss, flag in entries if not flag]
    if not one or not other:
        assert _advantage(losses, is_first) == 0
        return
    num_pairs = len(one) * len(other)
    lost = stats.mannwhitneyu(one, other).statistic
    error = (num_pairs * (len(entries) + 1) / 12) ** 0.5
    assert _advantage(losses, is_first) == pytest.approx((num_pairs / 2 - lost) / error, abs=1e-9)


@pytest.mark.parametrize("num", [MANY_RESULTS, 10 * MANY_RESULTS + 1])
def test_of_many_results_a_fair_part_is_compared(num):
    """Every second one that started there is the better of two, or none is: the share is that of all results."""
    for lag, expected in ((0, 0.5), (num // 4, 0.75)):
        world = BracketWorld(FreezeThaw(), geometric(1, 3))
        for number in range(2 * num):
            if number < num:
                world.start(0, 0, number)
            world.start(0, 1, number)
            world.tell(1, number, 2.0 * number + 1 if number < num else 2.0 * (number - num) - lag)
        schedule = FreezeThaw()
        share = schedule._direct_share(world.brackets[0])
        assert share == pytest.approx(expected, abs=0.05)


def test_equal_losses_speak_for_neither():
    """Nor do failures of everything."""
    assert _advantage([1.0] * 9, [True] * 3 + [False] * 6) == _advantage([inf] * 9, [False] * 6 + [True] * 3) == 0


def test_who_was_trained_in_full_is_not_trained_again_below():
    """In a finite space a direct start may pick a configuration that also climbs; it enters the top once."""
    for seed in range(30):
        schedule = AnyOfThem(FreezeThaw(least_direct=0.4), seed)
        run = Simulation(schedule, geometric(1, 9), np.random.default_rng(seed), capacity=40)
        run.play(LOSSES["distinct"], num_steps=220, workers=8)
        top = run.brackets[0].rungs[-1].finished
        assert len(set(top)) == len(top)


def test_a_small_space_climbs_as_soon_as_nothing_new_is_left_below():
    """Eight configurations are fewer than the first pass waits for."""
    run = Simulation(FreezeThaw(), geometric(1, 27), np.random.default_rng(0), capacity=8)
    for _ in range(12):
        run.ask()
        run.tell(0, float(run.rng.random()))
    assert [job.level for job in run.jobs[:8]] == [0] * 8
    assert all(isinstance(job.word, Promote) for job in run.jobs[8:])


@pytest.mark.parametrize(
    "settings",
    [{"width": 0}, {"first_share": 0.0}, {"max_behind": 0.5}, {"least_direct": 0.8}, {"most_direct": 1.0}],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(SettingError, match="expected first_share"):
        FreezeThaw(**settings)


def test_a_ladder_of_one_budget_only_ever_starts():
    run = Simulation(FreezeThaw(), geometric(9, 9), np.random.default_rng(0))
    run.play(LOSSES["distinct"], num_steps=50, workers=2)
    assert {job.word for job in run.jobs} == {Start(0)}
