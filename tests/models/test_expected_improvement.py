"""The model of expected improvement under Gaussian processes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from benchmarks.problems import hartmann
from bohb.models import ExpectedImprovementModel, PooledDensityModel
from bohb.space import Space
from bohb.surrogates.gp_surrogate import ROUGH, SMOOTH
from bohb.surrogates.hyperparameters import Prior
from tests.models.observed import Recorder, floats, observed, sampled
from tests.strategies import SPACES

MODEL = ExpectedImprovementModel(random_fraction=0)


def bowl(vectors):
    return ((vectors - 0.37) ** 2).sum(axis=1)


def observations_of(space, num, *, num_levels=1, seed=0, bias=0.0, pending=()):
    """Return results of all configurations at the lowest level and of a third at each next one, where bias shrinks."""
    rng = np.random.default_rng(seed)
    vectors, _ = space.sample(rng, num)
    wrong = rng.permutation(num)
    tells = [
        (level, i, float(bowl(vectors[i : i + 1])[0] + bias * (num_levels - 1 - level) * wrong[i] / num))
        for i in range(num)
        for level in range(num_levels)
        if i % 3**level == 0
    ]
    return observed(vectors, tells, num_levels=num_levels, pending=pending)


def told(observations):
    return [level.told for level in observations.levels]


def first(model, observations, space, seed=0):
    return model.propose(observations, space, np.random.default_rng(seed)).vectors[0]


def test_proposals_beat_those_of_a_density_ratio():
    space = floats(4)
    gains = []
    for seed in range(10):
        observations = observations_of(space, 40, seed=seed)
        one, other = (
            first(model, observations, space, seed) for model in (MODEL, PooledDensityModel(random_fraction=0))
        )
        gains.append(bowl(other[None])[0] / bowl(one[None])[0])
    assert np.median(gains) > 10


def best_of_a_search(space, objective, seed, num=25, model=MODEL):
    """Return the lowest value after `num` sequential proposals that follow eight random configurations."""
    vectors = space.sample(np.random.default_rng(seed), 8)[0]
    for _ in range(num):
        tells = [(0, i, float(value)) for i, value in enumerate(objective(vectors))]
        vectors = np.concatenate([vectors, first(model, observed(vectors, tells), space, seed)[None]])
    return objective(vectors).min()


def test_the_smooth_process_helps_on_smooth_objectives():
    """The control is the rough process alone, which takes unexplained differences for noise."""
    both = np.array([best_of_a_search(floats(5), bowl, seed) for seed in range(8)])
    rough = replace(MODEL, surrogates=(ROUGH,))
    alone = np.array([best_of_a_search(floats(5), bowl, seed, model=rough) for seed in range(8)])
    assert np.median(both) < 0.2 * np.median(alone)


def test_the_smooth_process_expects_almost_no_noise():
    """A smooth process that expects more noise takes the narrow minima of Hartmann's function for noise."""

    def hartmann6(vectors):
        distances = (hartmann.A[6] * (vectors[:, None, :] - hartmann.P[6]) ** 2).sum(axis=2)
        return -(hartmann.ALPHA * np.exp(-distances)).sum(axis=1)

    least = hartmann6(np.array([hartmann.ARGMIN[6]]))[0]
    sharp = np.array([best_of_a_search(floats(6), hartmann6, seed, 30) for seed in range(16)])
    noisier = replace(SMOOTH, prior=Prior(noise=(math.log(1e-2), 2.0)))
    model = replace(MODEL, surrogates=(ROUGH, noisier))
    noisy = np.array([best_of_a_search(floats(6), hartmann6, seed, 30, model=model) for seed in range(16)])
    assert (sharp - least < 0.01).sum() >= 4 + 2 * (noisy - least < 0.01).sum()


def test_small_budgets_help_if_they_agree():
    space = floats(3)
    with_small_budgets = [
        bowl(first(MODEL, observations_of(space, 54, num_levels=3, seed=s), space)[None])[0] for s in range(8)
    ]
    full_only = [
        bowl(first(replace(MODEL, min_results=2), observations_of(space, 6, seed=s), space)[None])[0] for s in range(8)
    ]
    assert np.median(with_small_budgets) < 0.2 * np.median(full_only)


def test_misleading_small_budgets_do_little_harm():
    """Despite 243 biased results below, 27 full results lead to good proposals."""
    space = floats(2)
    misled = [
        bowl(first(MODEL, observations_of(space, 243, num_levels=3, seed=s, bias=1.0), space)[None])[0]
        for s in range(10)
    ]
    random = [bowl(space.sample(np.random.default_rng(s), 1)[0])[0] for s in range(10)]
    assert np.median(misled) < 0.2 * np.median(random)


def test_parallel_proposals_spread_out():
    """Without knowledge of pending trials, sixteen asks in a row would give one point."""
    space = floats(2)
    vectors, _ = space.sample(np.random.default_rng(0), 20)
    values = np.sin(9 * vectors).sum(axis=1) + bowl(vectors)
    tells = [(0, i, float(value)) for i, value in enumerate(values)]

    def num_different(knows_pending):
        known, found = vectors, []
        for seed in range(16):
            pending = range(20, len(known)) if knows_pending else ()
            found.append(first(MODEL, observed(known, tells, pending=pending), space, seed))
            known = np.concatenate([known, found[-1][None]])
        return sum(all(np.abs(x - y).max() > 0.02 for y in found[:i]) for i, x in enumerate(found))

    assert num_different(knows_pending=False) == 1
    assert num_different(knows_pending=True) >= 4


def test_the_newest_of_many_pending_configurations_counts():
    space = floats(2)
    vectors, _ = space.sample(np.random.default_rng(0), 400)
    tells = [(0, i, float(value)) for i, value in enumerate(bowl(vectors[:20]))]
    proposed = first(MODEL, observed(vectors, tells, pending=range(20, 400)), space)
    crowded = np.concatenate([vectors, proposed[None]])
    again = first(MODEL, observed(crowded, tells, pending=range(20, 401)), space)
    assert not np.array_equal(again, proposed)


def test_a_region_of_failures_is_avoided():
    """The successes alone would point there, as the control shows."""
    space = floats(1)
    positions = np.linspace(0, 1, 30)[:, None]
    tells = [(0, i, float("inf") if x > 0.6 else 1 - float(x)) for i, (x,) in enumerate(positions)]
    assert first(MODEL, observed(positions, tells), space)[0] < 0.65
    harmless = [(0, i, 1 - float(x)) for i, (x,) in enumerate(positions)]
    assert first(MODEL, observed(positions, harmless), space)[0] > 0.9  # the control


def test_the_density_ratio_takes_over_above_max_results():
    space = floats(2)
    observations = observations_of(space, 51)
    model = replace(MODEL, max_results=50, many=PooledDensityModel(random_fraction=0))
    rng = np.random.default_rng(0)
    assert model.propose(observations, space, rng).facts.good is not None
    assert replace(model, max_results=51).propose(observations, space, rng).facts.surrogate == "Gaussian process"


def test_max_points_holds_on_a_long_ladder():
    vectors, _ = floats(2).sample(np.random.default_rng(0), 100)
    tells = [(level, i, i + 1 / (level + 1)) for level in range(20) for i in range(100)]
    points = MODEL._fit_settings.points(told(observed(vectors, tells, num_levels=20)), 0)
    assert len(points) == MODEL.max_points
    assert {level for level, _, _ in points} >= set(range(14, 20))


def test_a_failure_counts_as_the_worst_success():
    """Also at a budget with a single, very good success."""
    positions = np.linspace(0, 1, 12)[:, None]
    tells = [(0, i, 1.0 + i) for i in range(12)] + [(1, 0, 0.5)] + [(1, i, float("inf")) for i in range(1, 6)]
    points = MODEL._fit_settings.points(told(observed(positions, tells, num_levels=2)), 0)
    assert {loss for level, config_id, loss in points if level == 1 and config_id > 0} == {12.0}


@pytest.mark.parametrize("by_level", [[0.9], [0.0], [-1e308], [1e308], [2.0, 1.0], [-1e308, 1e308], [0.0, 0.5, 0.5]])
def test_failures_are_worse_than_tied_successes(by_level):
    """If they were equal, the region of failures would attract proposals by its uncertainty alone."""
    space = floats(3)
    vectors, _ = space.sample(np.random.default_rng(0), 60)
    fails = np.abs(vectors[:, 0] - 0.5) > 0.2

    def farthest(*, with_failures):
        tells = [
            (level, i, float("inf") if with_failures and fails[i] else loss)
            for level, loss in enumerate(by_level)
            for i in range(0, 60, 3**level)
        ]
        observations = observed(vectors, tells, num_levels=len(by_level))
        return max(abs(first(MODEL, observations, space, seed)[0] - 0.5) for seed in range(5))

    assert farthest(with_failures=True) < 0.25
    assert farthest(with_failures=False) > 0.35  # the control


def test_the_model_for_many_results_need_not_be_hashable():
    class Unhashable:
        __hash__ = None

        def propose(self, observations, space, rng):
            raise NotImplementedError

    assert len(first(replace(MODEL, many=Unhashable()), observations_of(floats(2), 20), floats(2)))


@pytest.mark.parametrize("num", [10, 160, 1000])
def test_the_points_are_bounded_and_hold_each_budgets_best(num):
    observations = observations_of(floats(2), num, num_levels=3)
    points = MODEL._fit_settings.points(told(observations), 0)
    assert len(points) <= MODEL.max_points
    assert len({(level, config_id) for level, config_id, _ in points}) == len(points)
    for number, level in enumerate(observations.levels):
        assert (number, level.told[0][1], level.told[0][0]) in points


class Nearest:
    """A surrogate that predicts the value of the nearest point; the uncertainty is the distance."""

    name = "nearest"

    def __init__(self):
        self.num_fits = 0

    def transform(self, losses, at_full_budget):
        return losses

    def learn(self, examples):
        return None

    def fit(self, examples, learned):
        assert learned is None
        self.num_fits += 1
        return NearestPosterior(examples.points, examples.values)


class NearestPosterior:
    def __init__(self, points, values):
        self.points, self.values = points, values

    def predict(self, points):
        distances = np.sqrt(((points[:, None] - self.points) ** 2).sum(axis=-1))
        return self.values[distances.argmin(axis=1)], distances.min(axis=1) + 1e-3

    def log_predictive(self, rows):
        return np.zeros(len(rows))

    def believing(self, points):
        means, _ = self.predict(points)
        return NearestPosterior(np.concatenate([self.points, points]), np.concatenate([self.values, means]))


def test_a_custom_surrogate_is_fitted_once_between_two_tells():
    """It proposes good configurations, and the facts name it."""
    space, rng, surrogate = floats(2), np.random.default_rng(0), Nearest()
    vectors, _ = space.sample(rng, 31)
    recorder, model = Recorder(vectors), replace(MODEL, surrogates=(surrogate,))
    for i, loss in enumerate(bowl(vectors[:30]).tolist()):
        recorder.tell(0, i, loss)
    proposal = model.propose(recorder.observations, space, rng)
    assert proposal.facts.surrogate == "nearest"
    assert bowl(proposal.vectors[:1])[0] < np.median(bowl(vectors))
    first(model, recorder.observations, space, 1)
    assert surrogate.num_fits == 1
    recorder.tell(0, 30, 0.1)
    first(model, recorder.observations, space)
    assert surrogate.num_fits == 2


def test_candidates_need_no_repair_in_a_conditional_space():
    """They are allowed, lie on the grid, and have no values for inactive parameters; floats are rounded later."""
    space = Space(SPACES["mixed"]())
    for seed in range(3):
        observations = sampled(space, np.random.default_rng(seed).random(40).tolist(), seed=seed)
        vectors = MODEL.propose(observations, space, np.random.default_rng(seed)).vectors
        snapped = space.deactivate(space.snap(vectors))
        assert np.array_equal(space.deactivate(space.snap(vectors, floats=False)), vectors, equal_nan=True)
        np.testing.assert_allclose(snapped, vectors, atol=1e-9)
        assert space.is_allowed(snapped).all()


def chosen(model, observations, space, waiting, *, paid=0.5, start=0, seed=0):
    remaining_cost = [1 - paid] * len(waiting)
    return model.choose(observations, space, np.random.default_rng(seed), waiting, remaining_cost, start)


def two_levels(seed=0, *, last=1.0):
    """Return results of 40 configurations, ten of them at both levels, and of one more with the loss `last`."""
    space = floats(2)
    vectors, _ = space.sample(np.random.default_rng(seed), 41)
    losses = 1 + bowl(vectors)
    losses[40] = last
    tells = [(0, i, float(loss)) for i, loss in enumerate(losses)]
    return space, observed(vectors, [*tells, *((1, i, tells[i][2] - 0.1) for i in range(10))], num_levels=2)


def test_the_best_paused_configuration_is_promoted_if_cheap():
    for seed in range(5):
        space, observations = two_levels(seed, last=3.0)
        by_loss = sorted(range(10, 40), key=observations.levels[0].loss)
        waiting = [by_loss[-1], by_loss[0], by_loss[15]]
        assert chosen(MODEL, observations, space, waiting, paid=0.99, seed=seed) == 1


def test_a_new_configuration_beats_bad_paused_ones():
    """If one of the paused ones must be promoted, it is the better one."""
    for seed in range(5):
        space, observations = two_levels(seed, last=3.0)
        assert not isinstance(chosen(MODEL, observations, space, [40], seed=seed), int)
        best = min(range(10, 40), key=observations.levels[0].loss)
        assert chosen(MODEL, observations, space, [40, best], start=None, seed=seed) == 1


def test_the_lower_remaining_cost_wins():
    """Of two equally good configurations, the one nearer to its full training is promoted."""
    space = floats(1)
    vectors = np.array([[0.1], [0.5], [0.5000001], [0.9], *np.linspace(0, 1, 9)[:, None]])
    tells = [(0, i, float(bowl(vectors[i : i + 1])[0])) for i in range(len(vectors))]
    observations = observed(vectors, [*tells, (1, 0, 0.3), (1, 3, 0.5)], num_levels=2)
    for remaining_cost, best in (([0.9, 0.1], 1), ([0.1, 0.9], 0)):
        assert MODEL.choose(observations, space, np.random.default_rng(0), [1, 2], remaining_cost, None) == best


def test_direct_starts_ignore_smaller_budgets():
    """The proposal is the same for any results there."""
    space, _ = two_levels()
    vectors, _ = space.sample(np.random.default_rng(0), 41)
    full = [(1, i, float(loss)) for i, loss in enumerate(bowl(vectors[:10]))]
    proposals = [
        chosen(
            MODEL, observed(vectors, [*((0, i, low(i)) for i in range(41)), *full], num_levels=2), space, [], start=1
        )
        for low in (float, lambda i: -float(i))
    ]
    assert np.array_equal(proposals[0].vectors, proposals[1].vectors)
    assert proposals[0].facts.points == 10


@pytest.mark.parametrize("num_full", [0, 2, 3])
def test_direct_starts_with_few_full_results(num_full):
    """Below three full results, they are random; or based on all results if trials are pending."""
    space = floats(2)
    vectors, _ = space.sample(np.random.default_rng(0), 41)
    tells = [(0, i, float(loss)) for i, loss in enumerate(bowl(vectors))]
    full = [(1, i, tells[i][2]) for i in range(num_full)]
    alone, with_pending = (
        chosen(MODEL, observed(vectors, [*tells, *full], num_levels=2, pending=pending), space, [], start=1)
        for pending in ((), (40,))
    )
    assert len(alone.vectors) == (0 if num_full < 3 else MODEL.num_candidates)
    assert with_pending.facts.points == (41 + num_full if num_full < 3 else 3)
    assert len(with_pending.vectors) == MODEL.num_candidates


def test_misleading_small_budgets_are_ignored_in_time():
    """The small budget is pure noise, the full one a noiseless bowl. The control never ignores a budget."""
    space = floats(4)
    gains = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        vectors, _ = space.sample(rng, 120)
        tells = [(0, i, float(2 * rng.random())) for i in range(120)]
        tells += [(1, i, float(loss)) for i, loss in enumerate(bowl(vectors[:30]))]
        one, other = (
            first(replace(MODEL, doubt=doubt), observed(vectors, tells, num_levels=2), space, seed)
            for doubt in (2.0, np.inf)
        )
        gains.append(bowl(other[None])[0] / bowl(one[None])[0])
    assert stats.gmean(gains) > 3


def test_helpful_small_budgets_are_not_ignored():
    space = floats(3)
    for seed in range(5):
        one, other = (
            first(replace(MODEL, doubt=doubt), observations_of(space, 90, num_levels=2, seed=seed), space, seed)
            for doubt in (2.0, np.inf)
        )
        assert np.array_equal(one, other)


def test_the_schedule_chooses_above_max_results():
    space, observations = two_levels()
    assert chosen(replace(MODEL, max_results=50), observations, space, [40]) is None
