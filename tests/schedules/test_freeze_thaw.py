"""Freeze-thaw: what the model may choose, and the three rules that limit the choice."""

from fractions import Fraction
from itertools import pairwise
from math import ceil, inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bohb._rank_sum import advantage
from bohb.budgets import geometric
from bohb.errors import SettingError
from bohb.schedules import FreezeThaw, Promote, Start
from bohb.schedules.freeze_thaw import FEW_DIRECT, MANY_RESULTS
from tests.record.bare import BracketRecorder
from tests.schedules.simulation import LOSSES, Simulation
from tests.schedules.test_laws import CASES, is_legal

FIVE = geometric(1, 81, eta=3)


class RandomChoice:
    """A freeze-thaw schedule with a model that chooses at random. It keeps every offer."""

    def __init__(self, schedule, seed):
        self.schedule, self.rng, self.offers = schedule, np.random.default_rng(seed), []

    def cycle(self, ladder):
        return self.schedule.cycle(ladder)

    def next(self, brackets):
        offer = self.schedule.offer(brackets)
        self.offers.append(offer)
        moves = [*offer.promotions, *([] if offer.start is None else [offer.start])]
        return moves[self.rng.integers(len(moves))]


def num_promoted(rung, above):
    return len(rung.entered & above.entered)


@given(**CASES)
def test_every_offered_move_is_legal(rungs, kind, seed, workers):
    """An offer has at least one move."""

    def every_move_is_legal(run, move):
        offer = run.schedule.offers[-1]
        assert offer.promotions or offer.start is not None
        for move in offer.promotions:
            is_legal(run, move)
        if offer.start is None:
            assert len({move.rung for move in offer.promotions}) == 1

    run = Simulation(RandomChoice(FreezeThaw(), seed), rungs, np.random.default_rng(seed), check=every_move_is_legal)
    run.play(LOSSES[kind], num_steps=200, workers=workers)


@given(**CASES)
def test_without_a_model_the_best_due_promotion_is_made(rungs, kind, seed, workers):
    def is_the_default_of_the_offer(run, move):
        offer = run.schedule.offer(run.brackets)
        if offer.start is not None:
            assert move == offer.start
        else:
            rung = run.brackets[0].rungs[move.rung - 1]
            assert move == Promote(0, move.rung, rung.waiting[0][1])

    run = Simulation(FreezeThaw(), rungs, np.random.default_rng(seed), check=is_the_default_of_the_offer)
    run.play(LOSSES[kind], num_steps=150, workers=workers)


@given(**{**CASES, "workers": st.integers(1, 48)}, share=st.sampled_from([1.0, 0.5]))
def test_the_first_pass_fills_rungs_as_successive_halving(rungs, kind, seed, workers, share):
    """More than 16 workers promote earlier in proportion, but at most two of three results."""
    sizes = [ceil(share * size) for size in FreezeThaw().cycle(rungs)[0].sizes]

    def keeps_the_proportions(run, move):
        if isinstance(move, Promote) and not run.brackets[0].rungs[-1].entered:
            below, above = run.brackets[0].rungs[move.rung - 1 : move.rung + 1]
            num_pending = run.brackets.num_at_work
            planned = Fraction(sizes[move.rung - 1], sizes[move.rung])
            limit = min(planned, max(planned * Fraction(16, num_pending + 1), Fraction(3, 2)))
            assert (len(above.entered) + 1) * limit <= len(below.finished)
            assert move.rung > 1 or len(below.finished) >= FreezeThaw().first_started
            assert move.rung < len(rungs) - 1 or num_pending < 16 or len(below.finished) > num_pending / 2

    schedule = RandomChoice(FreezeThaw(first_share=share), seed)
    run = Simulation(schedule, rungs, np.random.default_rng(seed), check=keeps_the_proportions)
    run.play(LOSSES[kind], num_steps=150, workers=workers)


def test_many_workers_shorten_the_first_pass_but_enter_later():
    """With 32 workers the smallest budget takes fewer results, and the first entry more than half of the pending."""

    def num_results(workers):
        """Return the number of results at each smaller budget when the first configuration enters the full one."""
        run = Simulation(FreezeThaw(), FIVE, np.random.default_rng(0))
        while not (len(run.brackets) and run.brackets[0].rungs[-1].entered):
            run.ask()
            if len(run.pending) == workers:
                run.tell(0, float(run.rng.random()))
        return [len(rung.finished) for rung in run.brackets[0].rungs[:-1]]

    sizes = FreezeThaw().cycle(FIVE)[0].sizes[:-1]
    assert num_results(1) == list(sizes)
    assert num_results(16)[-1] == sizes[-1]
    lowest, *_, below_full = num_results(32)
    assert below_full > 31 / 2
    assert lowest < below_full * 3**3 / 2


@pytest.mark.parametrize("workers", [1, 8, 32])
@pytest.mark.parametrize("seed", range(3))
def test_no_rung_starves_under_a_model_that_only_starts(seed, workers):
    """A configuration starts only if no rung holds too many results for each promotion."""
    schedule = FreezeThaw()  # its default is a start unless a promotion is due

    def no_promotion_is_due(run, move):
        if move == Start(0) and len(run.brackets) and run.brackets[0].rungs[-1].entered:
            rungs = run.brackets[0].rungs
            num_pending = run.brackets.num_at_work
            limit = max(schedule.max_behind * 3 / (num_pending + 1) ** (1 / 4), 1.5)
            for below, above in pairwise(rungs):
                assert len(below.finished) < limit * (num_promoted(below, above) + 1)

    run = Simulation(schedule, FIVE, np.random.default_rng(seed), check=no_promotion_is_due)
    run.play(LOSSES["distinct"], num_steps=4000, workers=workers)
    assert num_promoted(*run.brackets[0].rungs[-2:]) >= 3


def test_the_promoted_share_grows_with_the_number_of_workers():
    """It is 1 / (1.2 eta) with one worker, and at most two thirds."""
    shares = []
    for workers in (1, 8, 32, 128):
        run = Simulation(FreezeThaw(), FIVE, np.random.default_rng(0))
        run.play(LOSSES["distinct"], num_steps=4000, workers=workers)
        lowest, above = run.brackets[0].rungs[:2]
        shares.append(num_promoted(lowest, above) / len(lowest.finished))
    assert shares[0] == pytest.approx(1 / 3.6, rel=0.1)
    assert all(less < greater for less, greater in pairwise(shares))
    assert 0.6 < shares[-1] <= 2 / 3


def test_direct_starts_wait_for_the_first_full_result():
    """Promotions into the full budget do not wait."""
    run = Simulation(FreezeThaw(), FIVE, np.random.default_rng(0))
    for _ in range(600):
        if run.ask().level < len(FIVE) - 1:
            run.tell(-1, float(run.rng.random()))
    below, top = run.brackets[0].rungs[-2:]
    assert len(top.entered) > 1
    assert top.entered <= below.entered
    run.tell(0, 0.0)
    assert run.ask().move == Start(0, len(FIVE) - 1)


def most_at_a_time(workers, share):
    """Return the largest number of direct starts that were pending at the same time. Some trials fail."""
    run = Simulation(FreezeThaw(least_direct=share, most_direct=share), geometric(1, 9), np.random.default_rng(0))
    most = 0
    for _ in range(1000):
        while len(run.pending) < workers:
            run.ask()
        direct = {(trial.level, trial.config_id) for trial in run.trials if trial.move == Start(0, 2)}
        most = max(most, len(direct.intersection(run.pending)))
        run.tell(0, float(run.rng.random()) if run.rng.random() < 0.9 else inf)
    return most


@pytest.mark.parametrize(("workers", "share"), [(20, 0.5), (32, 0.5), (128, 0.5), (24, 0.25), (41, 0.25)])
def test_pending_direct_starts_are_limited_by_their_share(workers, share):
    """Without a limit most free workers would make direct starts at once, to make up for the first pass."""
    limit = max(share * workers, FEW_DIRECT)
    assert limit - 1 < most_at_a_time(workers, share) <= limit


def asks_before_a_full_training(share_lost, *, most=1500):
    """Return how many trials a worker asks before the first full training, if a share of them is never told."""
    run = Simulation(FreezeThaw(), FIVE, np.random.default_rng(0))
    for number in range(most):
        if run.ask().level == len(FIVE) - 1:
            return number
        if run.rng.random() >= share_lost:
            run.tell(-1, float(run.rng.random()))
    return most


def test_lost_trials_do_not_delay_the_first_full_training(monkeypatch):
    """One in five is lost. The control never gives up a trial, and waits for workers that do not exist."""
    assert asks_before_a_full_training(0.2) < 4 * asks_before_a_full_training(0.0)
    monkeypatch.setattr("bohb.record.pending.LOST_AGE", inf)
    assert asks_before_a_full_training(0.2, most=1500) == 1500


def test_lost_direct_starts_make_room_for_others(monkeypatch):
    """More are lost than may be pending. The control never gives up a trial, and stops making direct starts."""

    def num_direct():
        run, num = Simulation(FreezeThaw(), FIVE, np.random.default_rng(0)), 0
        for _ in range(2000):
            is_direct = run.ask().move == Start(0, len(FIVE) - 1)
            num += is_direct
            if not is_direct or num > FEW_DIRECT + 2:
                run.tell(-1, float(run.rng.random()))
        return num

    assert num_direct() > 4 * FEW_DIRECT
    monkeypatch.setattr("bohb.record.pending.LOST_AGE", inf)
    assert num_direct() == FEW_DIRECT


def direct_share(bonus, *, num_steps=3000, seed=0):
    """Return the share of the cost of direct starts, whose losses are lower by the bonus than those of promotions."""
    schedule = FreezeThaw()
    run = Simulation(schedule, FIVE, np.random.default_rng(seed))
    spent = direct = 0.0
    for _ in range(num_steps):
        trial = run.ask()
        is_direct = isinstance(trial.move, Start) and trial.move.rung == 4
        cost = FIVE.costs[trial.level] - (FIVE.costs[trial.level - 1] if isinstance(trial.move, Promote) else 0)
        spent, direct = spent + cost, direct + cost * is_direct
        run.tell(0, float(run.rng.random()) - bonus * is_direct)
    return direct / spent


def test_the_share_of_direct_starts_depends_on_their_losses():
    """If they are no different, it lies in the middle. If they are better or worse, it approaches a bound."""
    least, most = FreezeThaw().least_direct, FreezeThaw().most_direct
    worse, same, better = (direct_share(bonus) for bonus in (-2.0, 0.0, 2.0))
    assert least - 0.02 < worse < least + 0.05
    assert max(worse, least) + 0.05 < same < min(better, most) - 0.05
    assert most - 0.05 < better <= most


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=60))
def test_the_advantage_is_the_statistic_of_mann_and_whitney(entries):
    """Ties share their mean rank. The standard error is that without ties."""
    losses, is_first = zip(*sorted(entries), strict=True)
    one = [loss for loss, flag in entries if flag]
    other = [loss for loss, flag in entries if not flag]
    if not one or not other:
        assert advantage(losses, is_first) == 0
        return
    num_pairs = len(one) * len(other)
    lost = stats.mannwhitneyu(one, other).statistic
    error = (num_pairs * (len(entries) + 1) / 12) ** 0.5
    assert advantage(losses, is_first) == pytest.approx((num_pairs / 2 - lost) / error, abs=1e-9)


@pytest.mark.parametrize("num", [MANY_RESULTS, 10 * MANY_RESULTS + 1])
def test_a_thinned_sample_gives_the_share_of_all_results(num):
    """Direct starts and promotions alternate in rank, or direct starts are ahead by a quarter."""
    for lag, expected in ((0, 0.5), (num // 4, 0.75)):
        recorder = BracketRecorder(FreezeThaw(), geometric(1, 3))
        for number in range(2 * num):
            if number < num:
                recorder.start(0, 0, number)
            recorder.start(0, 1, number)
            recorder.tell(1, number, 2.0 * number + 1 if number < num else 2.0 * (number - num) - lag)
        schedule = FreezeThaw()
        share = schedule._direct_share(recorder.brackets[0])
        assert share == pytest.approx(expected, abs=0.05)


def test_equal_losses_give_noadvantage():
    """Nor do failures alone."""
    assert advantage([1.0] * 9, [True] * 3 + [False] * 6) == advantage([inf] * 9, [False] * 6 + [True] * 3) == 0


def test_no_configuration_is_trained_in_full_twice():
    """In a finite space a direct start may pick a configuration that also climbs."""
    for seed in range(30):
        schedule = RandomChoice(FreezeThaw(least_direct=0.4), seed)
        run = Simulation(schedule, geometric(1, 9), np.random.default_rng(seed), capacity=40)
        run.play(LOSSES["distinct"], num_steps=220, workers=8)
        top = run.brackets[0].rungs[-1].finished
        assert len(set(top)) == len(top)


def test_promotions_begin_when_a_small_space_is_used_up():
    """Eight configurations are fewer than the first pass requires."""
    run = Simulation(FreezeThaw(), geometric(1, 27), np.random.default_rng(0), capacity=8)
    for _ in range(12):
        run.ask()
        run.tell(0, float(run.rng.random()))
    assert [trial.level for trial in run.trials[:8]] == [0] * 8
    assert all(isinstance(trial.move, Promote) for trial in run.trials[8:])


@pytest.mark.parametrize(
    "settings",
    [{"width": 0}, {"first_share": 0.0}, {"max_behind": 0.5}, {"least_direct": 0.8}, {"most_direct": 1.0}],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(SettingError, match="expected first_share"):
        FreezeThaw(**settings)


def test_a_ladder_of_one_budget_has_no_promotions():
    run = Simulation(FreezeThaw(), geometric(9, 9), np.random.default_rng(0))
    run.play(LOSSES["distinct"], num_steps=50, workers=2)
    assert {trial.move for trial in run.trials} == {Start(0)}
