"""Hyperparameters are learned from the first results, are recorded, and are a function of the record alone."""

import json
from dataclasses import replace
from itertools import accumulate, chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.errors import StateError
from bohb.models import ExpectedImprovementModel
from bohb.models.learning import EARLY_PERIOD, NUM_EARLY, PERIOD, learning_size
from bohb.surrogates.gp_surrogate import ROUGH, SMOOTH

TOP = 2
LEVELS = st.lists(st.integers(0, TOP), max_size=200)
NUMBERS = st.integers(0, 2)


def size_of(levels, number, batches=None):
    """Return from how many results a surrogate learns; without batches, each was told before another ask."""
    return learning_size(levels, range(len(levels)) if batches is None else batches, TOP, number)


@given(LEVELS, NUMBERS)
@settings(deadline=None)
def test_sizes_grow_with_the_results(levels, number):
    """A size jumps to the newest result or stays, so it does not depend on when a process last asked."""
    before = 0
    for num in range(1, len(levels) + 1):
        size = size_of(levels[:num], number)
        assert size in (num, before)
        before = size


@given(LEVELS)
@settings(deadline=None)
def test_two_surrogates_learn_at_different_results(levels):
    """Otherwise an ask would have to wait for both."""
    for num in range(1, len(levels) + 1):
        assert [size_of(levels[:num], number) for number in (0, 1)] != [num, num]


@given(LEVELS, NUMBERS)
@settings(deadline=None)
def test_nothing_learned_is_much_older_than_the_results(levels, number):
    """It is a thirtieth of the results, or two, and a period behind."""
    behind = len(levels) - size_of(levels, number)
    assert behind <= max(2, len(levels) // 30) + (PERIOD if len(levels) > NUM_EARLY else EARLY_PERIOD)


@given(st.lists(st.lists(st.integers(0, TOP), min_size=1, max_size=9), max_size=40), NUMBERS, st.randoms())
@settings(deadline=None)
def test_a_batch_counts_as_a_whole(parts, number, rng):
    """The size is the end of a batch, is never far behind, and does not depend on the order within batches."""
    levels = list(chain.from_iterable(parts))
    batches = list(chain.from_iterable([index] * len(part) for index, part in enumerate(parts)))
    size = size_of(levels, number, batches)
    assert size in (0, *accumulate(map(len, parts)))
    shuffled = list(chain.from_iterable(rng.sample(part, len(part)) for part in parts))
    assert size_of(shuffled, number, batches) == size


class CountsReads(list):
    """A list that counts the items that are read one by one."""

    def __init__(self, items):
        super().__init__(items)
        self.num_reads = 0

    def __getitem__(self, index):
        self.num_reads += isinstance(index, int)
        return super().__getitem__(index)


@pytest.mark.parametrize("number", [0, 1])
def test_a_large_batch_is_not_read_one_by_one(number):
    """Such as 100,000 results of another search: each ask after them would take longer."""
    num, after = 100_000, 30
    levels, batches = CountsReads([0] * (num + after)), CountsReads([0] * num + list(range(1, after + 1)))
    assert size_of(levels, number, batches) == num
    assert levels.num_reads + batches.num_reads < 50 * after


class Counting:
    """A surrogate that counts how often it learns."""

    def __init__(self, surrogate):
        self.surrogate, self.name, self.num_learned = surrogate, surrogate.name, 0

    def transform(self, losses, at_full_budget):
        return self.surrogate.transform(losses, at_full_budget)

    def learn(self, examples):
        self.num_learned += 1
        return self.surrogate.learn(examples)

    def fit(self, examples, learned):
        return self.surrogate.fit(examples, learned)


def search(surrogates, state=None, num=1):
    """Ask and tell a search, new or restored; return it."""
    model = replace(ExpectedImprovementModel(), surrogates=surrogates)
    if state is None:
        optimizer = bohb.Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, [1, 3, 9], seed=0, model=model)
    else:
        optimizer = bohb.Optimizer.from_state(json.loads(json.dumps(state)), model=model)
    for _ in range(num):
        trial = optimizer.ask()
        optimizer.tell(trial, (trial.config["x"] - 0.3) ** 2 + trial.config["y"] + 1 / trial.budget)
    return optimizer


def test_what_is_recorded_need_not_be_learned_again():
    """Restored after every trial, a search asks the same, and learns no more often in all."""
    whole, parts = Counting(ROUGH), Counting(ROUGH)
    expected = search((whole,), num=70)
    state = search((parts,), num=20).to_state()
    for _ in range(50):
        state = search((parts,), state).to_state()
    assert [result.trial for result in bohb.Optimizer.from_state(state, model=ExpectedImprovementModel()).results] == [
        result.trial for result in expected.results
    ]
    assert 10 < whole.num_learned == parts.num_learned < 70


@pytest.mark.parametrize("damaged", [[1.0, 2.0], "text", [1e9] * 6, [float(10**6)] * 6, {"a": 1}])
def test_damaged_lessons_are_refused(damaged):
    """The ask says that the record was damaged; the trial is not asked."""
    state = search((ROUGH, SMOOTH), num=61).to_state()
    for event in state["events"]:
        for name, (size, lesson) in event.get("learned", {}).items():
            event["learned"][name] = [size, [lesson[0], damaged]]
    with pytest.raises(StateError, match="restore it from a copy"):
        search((ROUGH, SMOOTH), state, num=10)
