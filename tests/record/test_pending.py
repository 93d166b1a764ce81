"""Who is taken for lost: nobody whom somebody trains, and before long everybody else."""

import heapq
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.record import PendingTrials
from bohb.record.pending import LOST_AGE
from tests.record.bare import bare_trial

COSTS = st.lists(st.integers(1, 4), min_size=1, max_size=5).map(
    lambda steps: [3 ** sum(steps[:i]) for i in range(len(steps))]
)


def enter(pending, level, config_id):
    """A trial of a bracket is asked."""
    pending.ask(level, bare_trial(config_id), in_bracket=True)


class Fleet:
    """Equal workers that train for as long as it costs, each asking again as soon as it has told."""

    def __init__(self, costs, workers, seed, *, share_lost=0.0, stragglers=0.0):
        self.costs, self.rng, self.pending = costs, np.random.default_rng(seed), PendingTrials(costs)
        self.share_lost, self.stragglers = share_lost, stragglers
        self.ids, self.num_lost, self.most_lost = count(), 0, 0
        self.running = []
        for _ in range(workers):
            self.ask(0.0)

    def ask(self, now):
        """Asks until there is something that is not lost."""
        while True:
            level, config_id = int(self.rng.integers(len(self.costs))), next(self.ids)
            enter(self.pending, level, config_id)
            self.most_lost = max(self.most_lost, self.pending.num_lost)
            if self.rng.random() >= self.share_lost:
                break
            self.num_lost += 1
        lasts = self.costs[level] * np.exp(self.stragglers * self.rng.standard_normal())
        heapq.heappush(self.running, (now + lasts, config_id, level))

    def run(self, num):
        for _ in range(num):
            now, config_id, level = heapq.heappop(self.running)
            self.pending.settle(level, config_id)
            self.ask(now)
        return self


@given(COSTS, st.integers(1, 100), st.integers(0, 100))
def test_what_is_pending_is_at_work_or_lost_and_nothing_else(costs, workers, seed):
    fleet = Fleet(costs, workers, seed, share_lost=0.2).run(200)
    pending = fleet.pending
    assert pending.num_at_work + pending.num_lost == workers + fleet.num_lost
    assert sum(len(pending.at_work(level)) for level in range(len(costs))) == pending.num_at_work


@given(st.sampled_from([1, 2, 8, 32, 128]), st.integers(0, 100))
def test_nobody_is_lost_among_equal_workers_at_one_budget(workers, seed):
    assert Fleet([1], workers, seed).run(500).most_lost == 0


@given(COSTS, st.integers(0, 100))
def test_nobody_is_lost_with_one_worker(costs, seed):
    assert Fleet(costs, 1, seed).run(500).most_lost == 0


@pytest.mark.parametrize("workers", [2, 8, 32, 128])
@pytest.mark.parametrize("stragglers", [0.0, 1.0])
def test_hardly_anybody_is_lost_who_is_at_work(workers, stragglers):
    """At any time less than one in fifty, on a ladder of four budgets; lognormal durations, as in the benchmarks."""
    fleet, lost = Fleet([1, 3, 9, 27], workers, 0, stragglers=stragglers), 0
    for _ in range(1000):
        fleet.run(1)
        lost += fleet.pending.num_lost
    assert lost < 1000 * workers / 50


@pytest.mark.parametrize(("workers", "share", "most"), [(1, 0.2, 12), (1, 0.5, 30), (8, 0.2, 80), (32, 0.1, 140)])
def test_what_was_lost_stops_to_count(workers, share, most):
    """However many were lost, what counts stays in proportion to the workers; the control is what is pending."""
    fleet = Fleet([1], workers, 0, share_lost=share).run(6000)
    assert fleet.pending.num_at_work <= most
    assert fleet.num_lost > 4 * most


@pytest.mark.parametrize("fleet", [8, 64, 1000])
def test_a_fleet_that_dies_before_it_told_anything_is_lost_after_a_few_results(fleet):
    pending = PendingTrials([1, 3])
    for config_id in range(fleet):
        enter(pending, config_id % 2, config_id)
    for config_id in range(fleet, fleet + 3 * LOST_AGE + 2):
        enter(pending, 0, config_id)
        pending.settle(0, config_id)
    enter(pending, 0, 2 * fleet)
    assert pending.num_lost == fleet
    assert pending.at_work(0) == [2 * fleet]


@given(st.integers(1, 300), st.randoms(use_true_random=False))
def test_what_is_asked_at_once_and_told_in_any_order_is_never_lost(num, random):
    pending, ids = PendingTrials([1, 9]), list(range(num))
    for config_id in ids:
        enter(pending, config_id % 2, config_id)
    random.shuffle(ids)
    for config_id in ids:
        pending.settle(config_id % 2, config_id)
        assert pending.num_lost == 0
    assert pending.num_at_work == 0


def test_who_is_told_after_all_or_asked_again_is_not_lost():
    pending = PendingTrials([1])
    for config_id in (0, 1):
        enter(pending, 0, config_id)
    for config_id in range(2, 30):
        enter(pending, 0, config_id)
        pending.settle(0, config_id)
    assert pending.num_lost == 2
    pending.settle(0, 0)
    enter(pending, 0, 1)
    assert pending.num_lost == 0
    assert pending.at_work(0) == [1]


def test_what_is_told_without_having_entered_makes_no_difference():
    pending = PendingTrials([1])
    enter(pending, 0, 0)
    for config_id in range(1, 100):
        pending.settle(0, config_id)
        pending.settle(0, config_id)
    enter(pending, 0, 100)
    assert pending.at_work(0) == [0, 100]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30, unique=True), st.randoms(use_true_random=False))
def test_what_is_told_between_two_entries_is_told_in_any_order(told, random):
    one, other = PendingTrials([1, 3, 9]), PendingTrials([1, 3, 9])
    shuffled = random.sample(told, len(told))
    for pending, order in ((one, told), (other, shuffled)):
        for config_id in range(51):
            enter(pending, config_id % 3, config_id)
        for config_id in order:
            pending.settle(config_id % 3, config_id)
        for config_id in range(51, 90):
            enter(pending, 0, config_id)
            pending.settle(0, config_id)
        enter(pending, 0, 90)
    assert [list(one.at_work(level)) for level in range(3)] == [list(other.at_work(level)) for level in range(3)]


def test_budgets_that_differ_beyond_measure_are_counted_too():
    pending = PendingTrials([1e-200, 1e200])
    for config_id in range(100):
        enter(pending, config_id % 2, config_id)
        pending.settle(config_id % 2, config_id)
    enter(pending, 0, 100)
    assert (pending.num_at_work, pending.num_lost) == (1, 0)
