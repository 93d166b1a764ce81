"""Which trials count as lost: almost none that a worker runs, and soon all others."""

import heapq
import math
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.record import PendingTrials
from bohb.record.pending import LOST_AGE, MEMORY
from bohb.trials import Origin
from tests.record.bare import bare_trial

COSTS = st.lists(st.integers(1, 4), min_size=1, max_size=5).map(
    lambda steps: [3 ** sum(steps[:i]) for i in range(len(steps))]
)


def ask(pending, level, config_id):
    """Ask a trial of a bracket."""
    pending.ask(level, bare_trial(config_id), in_bracket=True)


class Fleet:
    """Equal workers. A trial takes as long as it costs, and each worker asks again at once."""

    def __init__(self, costs, workers, seed, *, share_lost=0.0, spread=0.0):
        self.costs, self.rng, self.pending = costs, np.random.default_rng(seed), PendingTrials(costs)
        self.share_lost, self.spread = share_lost, spread
        self.ids, self.num_lost, self.most_lost = count(), 0, 0
        self.running = []
        for _ in range(workers):
            self.ask(0.0)

    def ask(self, now):
        """Ask until a trial is not lost."""
        while True:
            level, config_id = int(self.rng.integers(len(self.costs))), next(self.ids)
            ask(self.pending, level, config_id)
            self.most_lost = max(self.most_lost, self.pending.num_lost)
            if self.rng.random() >= self.share_lost:
                break
            self.num_lost += 1
        lasts = self.costs[level] * np.exp(self.spread * self.rng.standard_normal())
        heapq.heappush(self.running, (now + lasts, config_id, level))

    def run(self, num):
        for _ in range(num):
            now, config_id, level = heapq.heappop(self.running)
            self.pending.settle(level, config_id)
            self.ask(now)
        return self


@given(COSTS, st.integers(1, 100), st.integers(0, 100))
def test_a_pending_trial_is_either_at_work_or_lost(costs, workers, seed):
    fleet = Fleet(costs, workers, seed, share_lost=0.2).run(200)
    pending = fleet.pending
    assert pending.num_at_work + pending.num_lost == workers + fleet.num_lost
    assert sum(len(pending.at_work(level)) for level in range(len(costs))) == pending.num_at_work


@given(st.sampled_from([1, 2, 8, 32, 128]), st.integers(0, 100))
def test_equal_workers_at_one_budget_lose_no_trial(workers, seed):
    assert Fleet([1], workers, seed).run(500).most_lost == 0


@given(COSTS, st.integers(0, 100))
def test_a_single_worker_loses_no_trial(costs, seed):
    assert Fleet(costs, 1, seed).run(500).most_lost == 0


@pytest.mark.parametrize("workers", [2, 8, 32, 128])
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_few_running_trials_count_as_lost(workers, spread):
    """Fewer than one in fifty on average, on four budgets, also with lognormal durations."""
    fleet, lost = Fleet([1, 3, 9, 27], workers, 0, spread=spread), 0
    for _ in range(1000):
        fleet.run(1)
        lost += fleet.pending.num_lost
    assert lost < 1000 * workers / 50


@pytest.mark.parametrize(("workers", "share", "most"), [(1, 0.2, 12), (1, 0.5, 30), (8, 0.2, 80), (32, 0.1, 140)])
def test_lost_trials_stop_counting_as_work(workers, share, most):
    """The trials at work stay in proportion to the workers, although many more were lost."""
    fleet = Fleet([1], workers, 0, share_lost=share).run(6000)
    assert fleet.pending.num_at_work <= most
    assert fleet.num_lost > 4 * most


@pytest.mark.parametrize("fleet", [8, 64, 1000])
def test_a_fleet_that_dies_at_once_is_lost_after_a_few_results(fleet):
    pending = PendingTrials([1, 3])
    for config_id in range(fleet):
        ask(pending, config_id % 2, config_id)
    for config_id in range(fleet, fleet + 3 * LOST_AGE + 2):
        ask(pending, 0, config_id)
        pending.settle(0, config_id)
    ask(pending, 0, 2 * fleet)
    assert pending.num_lost == fleet
    assert pending.at_work(0) == [2 * fleet]


@given(st.integers(1, 300), st.randoms(use_true_random=False))
def test_a_batch_told_in_any_order_is_never_lost(num, random):
    pending, ids = PendingTrials([1, 9]), list(range(num))
    for config_id in ids:
        ask(pending, config_id % 2, config_id)
    random.shuffle(ids)
    for config_id in ids:
        pending.settle(config_id % 2, config_id)
        assert pending.num_lost == 0
    assert pending.num_at_work == 0


def test_a_lost_trial_that_is_told_or_asked_again_is_not_lost():
    pending = PendingTrials([1])
    for config_id in (0, 1):
        ask(pending, 0, config_id)
    for config_id in range(2, 30):
        ask(pending, 0, config_id)
        pending.settle(0, config_id)
    assert pending.num_lost == 2
    pending.settle(0, 0)
    ask(pending, 0, 1)
    assert pending.num_lost == 0
    assert pending.at_work(0) == [1]


def test_results_of_trials_never_asked_make_no_difference():
    pending = PendingTrials([1])
    ask(pending, 0, 0)
    for config_id in range(1, 100):
        pending.settle(0, config_id)
        pending.settle(0, config_id)
    ask(pending, 0, 100)
    assert pending.at_work(0) == [0, 100]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30, unique=True), st.randoms(use_true_random=False))
def test_the_order_of_tells_between_two_asks_does_not_matter(told, random):
    one, other = PendingTrials([1, 3, 9]), PendingTrials([1, 3, 9])
    shuffled = random.sample(told, len(told))
    for pending, order in ((one, told), (other, shuffled)):
        for config_id in range(51):
            ask(pending, config_id % 3, config_id)
        for config_id in order:
            pending.settle(config_id % 3, config_id)
        for config_id in range(51, 90):
            ask(pending, 0, config_id)
            pending.settle(0, config_id)
        ask(pending, 0, 90)
    assert [list(one.at_work(level)) for level in range(3)] == [list(other.at_work(level)) for level in range(3)]


def test_costs_may_differ_by_hundreds_of_orders_of_magnitude():
    pending = PendingTrials([1e-200, 1e200])
    for config_id in range(100):
        ask(pending, config_id % 2, config_id)
        pending.settle(config_id % 2, config_id)
    ask(pending, 0, 100)
    assert (pending.num_at_work, pending.num_lost) == (1, 0)


class NaivePending:
    """The pending trials, counted at each look: [level, configuration, trial, asked at, is lost, is forgotten]."""

    def __init__(self, costs):
        self.costs, self.rows, self.told = [cost / costs[-1] for cost in costs], [], []
        self.finished = self.usual_age = 0.0
        self.num_told = 0

    def ask(self, level, trial, *, in_bracket):
        self.rows = [row for row in self.rows if row[:2] != [level, trial.config_id]]
        if in_bracket and self.told:
            told, self.told = self.told, []
            self.finished += math.fsum(self.costs[at] for at, _ in told)
            self.num_told = min(self.num_told + len(told), MEMORY)
            mean = math.fsum((self.finished - asked_at) / self.costs[at] - 1 for at, asked_at in told) / len(told)
            self.usual_age += (mean - self.usual_age) * min(len(told) / self.num_told, 1.0)
            for row in self.rows:
                if row[3] is not None and (self.finished - row[3]) / self.costs[row[0]] > LOST_AGE * (
                    1 + self.usual_age
                ):
                    row[4] = True
        self.rows.append([level, trial.config_id, trial, self.finished if in_bracket else None, False, False])

    def forget(self, level, config_id):
        for row in self.rows:
            if row[:2] == [level, config_id]:
                row[3:] = None, False, True

    def settle(self, level, config_id):
        for row in self.rows:
            if row[:2] == [level, config_id] and row[3] is not None:
                self.told.append((level, row[3]))
        self.rows = [row for row in self.rows if row[:2] != [level, config_id]]

    def at_work(self, level):
        return [row[1] for row in self.rows if row[0] == level and row[3] is not None and not row[4]]

    def num_started_at_work(self, level):
        working = self.at_work(level)
        return sum(row[0] == level and row[1] in working and row[2].origin is not Origin.PROMOTED for row in self.rows)


ACTIONS = st.sampled_from(["ask", "ask", "ask outside", "settle", "settle", "settle oldest", "forget"])


@given(st.lists(st.tuples(ACTIONS, st.integers(0, 2), st.integers(0, 20), st.booleans()), max_size=150))
def test_what_is_kept_up_to_date_is_what_counting_finds(actions):
    one, naive = PendingTrials([1, 3, 9]), NaivePending([1, 3, 9])
    for number, (action, level, config_id, is_promoted) in enumerate(actions):
        if action.startswith("ask"):
            trial = bare_trial(config_id, number, Origin.PROMOTED if is_promoted else Origin.RANDOM)
            one.ask(level, trial, in_bracket=action == "ask")
            naive.ask(level, trial, in_bracket=action == "ask")
        elif action == "forget":
            if one.has(level, config_id):
                one.forget(level, config_id)
                naive.forget(level, config_id)
        else:
            oldest = next((row[1] for row in naive.rows if row[0] == level), config_id)
            settled = oldest if action == "settle oldest" else config_id
            one.settle(level, settled)
            naive.settle(level, settled)
        for look in range(3):
            assert one.at_work(look) == naive.at_work(look)
            assert one.num_started_at_work(look) == naive.num_started_at_work(look)
        assert one.num_at_work == sum(len(naive.at_work(look)) for look in range(3))
        assert one.num_lost == sum(row[4] for row in naive.rows)
        assert list(one.config_ids) == sorted({row[1] for row in naive.rows})
        assert [trial.id for trial in one.forgotten] == sorted(row[2].id for row in naive.rows if row[5])
        assert one.next_forgotten == min(one.forgotten, key=lambda trial: trial.id, default=None)


@given(st.lists(st.tuples(ACTIONS, st.integers(0, 1), st.integers(0, 20), st.booleans()), max_size=150), st.data())
def test_a_longer_ladder_changes_no_age(actions, data):
    """Costs are shares of a full training, which becomes a longer one in between."""
    long, grown, at = PendingTrials([1, 4, 16]), PendingTrials([1, 4]), data.draw(st.integers(0, len(actions)))
    for number, (action, level, config_id, is_promoted) in enumerate([*actions, ("ask", 0, 99, False)]):
        if number == at:
            grown.extend([1, 4, 16])
        for one in (long, grown):
            if action.startswith("ask"):
                trial = bare_trial(config_id, number, Origin.PROMOTED if is_promoted else Origin.RANDOM)
                one.ask(level, trial, in_bracket=action == "ask")
            elif action == "forget":
                if one.has(level, config_id):
                    one.forget(level, config_id)
            else:
                one.settle(level, config_id)
        for look in range(2):
            assert long.at_work(look) == grown.at_work(look)
            assert long.num_started_at_work(look) == grown.num_started_at_work(look)
        assert (long.num_lost, long.running, long.forgotten) == (grown.num_lost, grown.running, grown.forgotten)
    assert not grown.has(2, 0)


def test_finding_the_lost_looks_at_no_trial_twice(monkeypatch):
    """Many lost trials that stay pending make no later ask slower."""
    pending, ages = PendingTrials([1]), []
    monkeypatch.setattr(pending, "_age", lambda *_, age=pending._age: ages.append(0) or age(*_))
    for config_id in range(3000):
        ask(pending, 0, config_id)
        if config_id % 2:
            pending.settle(0, config_id)
    assert pending.num_lost > 1000
    assert len(ages) < 3 * 3000 + pending.num_lost
