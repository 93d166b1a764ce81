"""The observations equal ones computed from scratch, for any order of the tells."""

from math import inf, isfinite

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from bohb.models.observations import ids
from bohb.models.rank_agreement import MAX_PAIRS, rank_agreement
from tests.models.observed import Recorder, observed, tell_lists

VECTORS = np.arange(50.0).reshape(25, 2)


def largest(tells, config_id):
    return max(level for level, other, _ in tells if other == config_id)


@given(tell_lists())
def test_observations_equal_those_computed_from_scratch(tells):
    observations = observed(VECTORS, tells, num_levels=3)
    for level, here in enumerate(observations.levels):
        at_level = {config_id: loss for other, config_id, loss in tells if other == level}
        below = {config_id: loss for other, config_id, loss in tells if other == level - 1}
        everything = sorted((loss, config_id) for config_id, loss in at_level.items())
        successes = [entry for entry in everything if isfinite(entry[0])]
        assert here.told == everything
        assert {config_id: here.loss(config_id) for config_id in at_level} == at_level
        assert len(here) == len(at_level)
        assert here.num_failures == len(everything) - len(successes)
        assert here.num_successes == len(successes)
        assert here.highest == [entry for entry in successes if largest(tells, entry[1]) == level]
        assert here.shared == sorted(
            config_id for _, config_id in successes if level and isfinite(below.get(config_id, inf))
        )
        for config_id in range(25):
            assert here.is_success(config_id) == isfinite(at_level.get(config_id, inf))
    assert observations.failed == sorted(
        (inf, config_id) for level, config_id, loss in tells if loss == inf and level == largest(tells, config_id)
    )


@given(tell_lists(), st.integers(0, 50))
def test_catching_up_makes_no_difference(tells, num_before):
    recorder = Recorder(VECTORS, 3)
    for tell in tells[:num_before]:
        recorder.tell(*tell)
    recorder.observations.catch_up()
    for tell in tells[num_before:]:
        recorder.tell(*tell)
    other = observed(VECTORS, tells, num_levels=3)
    for here, there in zip(recorder.observations.levels, other.levels, strict=True):
        assert (here.told, here.highest, here.shared) == (there.told, there.highest, there.shared)
    assert recorder.observations.failed == other.failed


@given(tell_lists(), st.randoms(use_true_random=False))
def test_observations_do_not_depend_on_the_order_of_tells(tells, random):
    shuffled = random.sample(tells, len(tells))
    one, two = (observed(VECTORS, order, num_levels=3) for order in (tells, shuffled))
    for here, there in zip(one.levels, two.levels, strict=True):
        assert (here.told, here.highest, here.shared) == (there.told, there.highest, there.shared)
    assert one.failed == two.failed


@given(tell_lists())
def test_each_configuration_is_listed_once_at_its_largest_level(tells):
    """It is in `highest` of that level, or in `failed`."""
    observations = observed(VECTORS, tells, num_levels=3)
    listed = [config_id for here in observations.levels for _, config_id in here.highest] + ids(observations.failed)
    assert sorted(listed) == sorted({config_id for _, config_id, _ in tells})


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), max_size=18, unique=True), st.data())
def test_a_configuration_is_pending_until_its_last_trial_ends(asked, data):
    recorder = Recorder(VECTORS, num_levels=3)
    for level, config_id in asked:
        recorder.ask(level, config_id)
    settled = data.draw(st.permutations(asked))[: data.draw(st.integers(0, len(asked)))]
    for level, config_id in settled:
        recorder.tell(level, config_id, 0.5)
    assert recorder.observations.pending == sorted({config_id for _, config_id in set(asked) - set(settled)})


def test_vectors_are_copies_in_the_order_of_ids():
    vectors = np.random.default_rng(0).random((200, 3))  # more than the first buffer holds
    observations = observed(vectors, [])
    assert np.array_equal(observations.vectors([150, 3, 199, 3]), vectors[[150, 3, 199, 3]])
    observations.vectors([0])[:] = 7
    assert np.array_equal(observations.vectors(range(200)), vectors)
    assert observations.vectors([]).shape == (0, 3)


@pytest.mark.parametrize("seed", range(10))
def test_rank_agreement_is_kendalls_tau_without_ties(seed):
    rng = np.random.default_rng(seed)
    num = int(rng.integers(2, MAX_PAIRS))
    x = rng.random(num)
    y = x + rng.normal(size=num) * rng.choice([0.01, 0.3, 10])
    tells = [(0, i, loss) for i, loss in enumerate(x)] + [(1, i, loss) for i, loss in enumerate(y)]
    tau, num_pairs = rank_agreement(observed(np.zeros((num, 1)), tells, num_levels=2), 1)
    assert tau == pytest.approx(kendalltau(x, y).statistic, abs=1e-12)
    assert num_pairs == num


@given(tell_lists(num_levels=2, losses=st.one_of(st.integers(0, 9).map(float), st.just(inf))))
def test_rank_agreement_with_ties_is_tau_a(tells):
    """Tau-a is the share of concordant pairs minus the share of discordant ones; failures do not count."""
    observations = observed(VECTORS, tells, num_levels=2)
    losses = [{i: loss for other, i, loss in tells if other == level and loss < inf} for level in (0, 1)]
    both = sorted(losses[0].keys() & losses[1].keys())
    pairs = [(i, j) for i in both for j in both if i < j]
    signs = [np.sign((losses[0][i] - losses[0][j]) * (losses[1][i] - losses[1][j])) for i, j in pairs]
    tau, num_pairs = rank_agreement(observations, 1)
    assert num_pairs == len(both)
    assert tau == pytest.approx(np.mean(signs) if pairs else 0.0)


def test_rank_agreement_uses_only_the_latest_configurations():
    """The first hundred disagree, the last agree."""
    num = 100 + MAX_PAIRS
    tells = [(0, i, float(i)) for i in range(num)] + [(1, i, float(i if i >= 100 else -i)) for i in range(num)]
    assert rank_agreement(observed(np.zeros((num, 1)), tells, num_levels=2), 1) == (1.0, MAX_PAIRS)


@given(tell_lists(num_levels=3))
def test_cached_rank_agreement_is_never_stale(tells):
    recorder = Recorder(VECTORS, num_levels=3)
    for i, tell in enumerate(tells):
        recorder.tell(*tell)
        fresh = observed(VECTORS, tells[: i + 1], num_levels=3)
        assert [rank_agreement(recorder.observations, upper) for upper in (1, 2)] == [
            rank_agreement(fresh, upper) for upper in (1, 2)
        ]
