"""The model of expected improvement under a Gaussian process."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from benchmarks.problems import hartmann
from bohb.models import ExpectedImprovementModel, PooledDensityModel
from bohb.space import Space
from bohb.surrogates.gaussian_process import Prior
from bohb.surrogates.gp_surrogate import ROUGH, SMOOTH
from tests.models.told import World, floats, sampled, told
from tests.strategies import SPACES

MODEL = ExpectedImprovementModel(random_fraction=0)


def bowl(vectors):
    return ((vectors - 0.37) ** 2).sum(axis=1)


def observations_of(space, num, *, num_levels=1, seed=0, bias=0.0, pending=()):
    """Every configuration at the lowest level, a third at each further one, where the truth is seen with less bias."""
    rng = np.random.default_rng(seed)
    vectors, _ = space.sample(rng, num)
    wrong = rng.permutation(num)
    tells = [
        (level, i, float(bowl(vectors[i : i + 1])[0] + bias * (num_levels - 1 - level) * wrong[i] / num))
        for i in range(num)
        for level in range(num_levels)
        if i % 3**level == 0
    ]
    return told(vectors, tells, num_levels=num_levels, pending=pending)


def first(model, observations, space, seed=0):
    return model.propose(observations, space, np.random.default_rng(seed)).vectors[0]


def test_proposals_come_far_closer_to_the_best_than_a_density_ratio():
    space = floats(4)
    gains = []
    for seed in range(10):
        observations = observations_of(space, 40, seed=seed)
        one, other = (
            first(model, observations, space, seed) for model in (MODEL, PooledDensityModel(random_fraction=0))
        )
        gains.append(bowl(other[None])[0] / bowl(one[None])[0])
    assert np.median(gains) > 10


def after_a_search(space, objective, seed, num=25, model=MODEL):
    """The lowest value that so many proposals find, one after the other, from eight random configurations."""
    vectors = space.sample(np.random.default_rng(seed), 8)[0]
    for _ in range(num):
        tells = [(0, i, float(value)) for i, value in enumerate(objective(vectors))]
        vectors = np.concatenate([vectors, first(model, told(vectors, tells), space, seed)[None]])
    return objective(vectors).min()


def test_of_two_processes_one_sees_to_smooth_objectives():
    """The control is the other one alone, which takes what it does not explain for noise."""
    both = np.array([after_a_search(floats(5), bowl, seed) for seed in range(8)])
    rough = replace(MODEL, surrogates=(ROUGH,))
    alone = np.array([after_a_search(floats(5), bowl, seed, model=rough) for seed in range(8)])
    assert np.median(both) < 0.2 * np.median(alone)


def test_of_two_processes_one_expects_next_to_no_noise():
    """The control sees the losses of Hartmann's function alike, and takes its hollows for noise."""

    def hartmann6(vectors):
        distances = (hartmann.A[6] * (vectors[:, None, :] - hartmann.P[6]) ** 2).sum(axis=2)
        return -(hartmann.ALPHA * np.exp(-distances)).sum(axis=1)

    least = hartmann6(np.array([hartmann.ARGMIN[6]]))[0]
    sharp = np.array([after_a_search(floats(6), hartmann6, seed, 30) for seed in range(6)])
    noisier = replace(SMOOTH, prior=Prior(noise=(math.log(1e-2), 2.0)))
    model = replace(MODEL, surrogates=(ROUGH, noisier))
    noisy = np.array([after_a_search(floats(6), hartmann6, seed, 30, model=model) for seed in range(6)])
    assert np.median(sharp - least) < 0.5 * np.median(noisy - least)


def test_cheap_results_help_where_they_agree():
    space = floats(3)
    with_cheap = [
        bowl(first(MODEL, observations_of(space, 54, num_levels=3, seed=s), space)[None])[0] for s in range(8)
    ]
    few = [
        bowl(first(replace(MODEL, min_results=2), observations_of(space, 6, seed=s), space)[None])[0] for s in range(8)
    ]
    assert np.median(with_cheap) < 0.2 * np.median(few)


def test_cheap_results_that_mislead_do_little_harm():
    """27 honest results at the full budget stay worth more than 243 of noise below them."""
    space = floats(2)
    misled = [
        bowl(first(MODEL, observations_of(space, 243, num_levels=3, seed=s, bias=1.0), space)[None])[0]
        for s in range(10)
    ]
    random = [bowl(space.sample(np.random.default_rng(s), 1)[0])[0] for s in range(10)]
    assert np.median(misled) < 0.2 * np.median(random)


def test_parallel_proposals_keep_apart():
    """Sixteen asks without a tell; blind to what is pending they would fall on one spot."""
    space = floats(2)
    vectors, _ = space.sample(np.random.default_rng(0), 20)
    values = np.sin(9 * vectors).sum(axis=1) + bowl(vectors)
    tells = [(0, i, float(value)) for i, value in enumerate(values)]

    def num_different(is_blind):
        known, found = vectors, []
        for seed in range(16):
            pending = () if is_blind else range(20, len(known))
            found.append(first(MODEL, told(known, tells, pending=pending), space, seed))
            known = np.concatenate([known, found[-1][None]])
        return sum(all(np.abs(x - y).max() > 0.02 for y in found[:i]) for i, x in enumerate(found))

    assert num_different(is_blind=True) == 1
    assert num_different(is_blind=False) >= 4


def test_the_newest_of_many_pending_configurations_count():
    space = floats(2)
    vectors, _ = space.sample(np.random.default_rng(0), 400)
    tells = [(0, i, float(value)) for i, value in enumerate(bowl(vectors[:20]))]
    proposed = first(MODEL, told(vectors, tells, pending=range(20, 400)), space)
    crowded = np.concatenate([vectors, proposed[None]])
    again = first(MODEL, told(crowded, tells, pending=range(20, 401)), space)
    assert not np.array_equal(again, proposed)


def test_failures_keep_it_away():
    """Where everything fails nothing is proposed, although the successes point there."""
    space = floats(1)
    positions = np.linspace(0, 1, 30)[:, None]
    tells = [(0, i, float("inf") if x > 0.6 else 1 - float(x)) for i, (x,) in enumerate(positions)]
    assert first(MODEL, told(positions, tells), space)[0] < 0.65
    harmless = [(0, i, 1 - float(x)) for i, (x,) in enumerate(positions)]
    assert first(MODEL, told(positions, harmless), space)[0] > 0.9  # the control


def test_the_density_ratio_takes_over_when_results_are_many():
    space = floats(2)
    observations = observations_of(space, 51)
    model = replace(MODEL, max_results=50, many=PooledDensityModel(random_fraction=0))
    rng = np.random.default_rng(0)
    assert model.propose(observations, space, rng).facts.good is not None
    assert replace(model, max_results=51).propose(observations, space, rng).facts.surrogate == "Gaussian process"


def test_a_ladder_of_many_budgets_does_not_overfill_it():
    vectors, _ = floats(2).sample(np.random.default_rng(0), 100)
    tells = [(level, i, i + 1 / (level + 1)) for level in range(20) for i in range(100)]
    points = MODEL._points(told(vectors, tells, num_levels=20), 0)
    assert len(points) == MODEL.max_points
    assert {level for level, _, _ in points} >= set(range(14, 20))


def test_failures_are_never_the_best():
    """Not even where the one success at the largest budget is."""
    positions = np.linspace(0, 1, 12)[:, None]
    tells = [(0, i, 1.0 + i) for i in range(12)] + [(1, 0, 0.5)] + [(1, i, float("inf")) for i in range(1, 6)]
    points = MODEL._points(told(positions, tells, num_levels=2), 0)
    assert {loss for level, config_id, loss in points if level == 1 and config_id > 0} == {12.0}


@pytest.mark.parametrize("by_level", [[0.9], [0.0], [-1e308], [1e308], [2.0, 1.0], [-1e308, 1e308], [0.0, 0.5, 0.5]])
def test_failures_are_worse_than_successes_that_are_all_equal_at_each_budget(by_level):
    """Else what fails would promise most, being as good as all others and less known: in the corners."""
    space = floats(3)
    vectors, _ = space.sample(np.random.default_rng(0), 60)
    fails = np.abs(vectors[:, 0] - 0.5) > 0.2

    def farthest(*, do_they):
        tells = [
            (level, i, float("inf") if do_they and fails[i] else loss)
            for level, loss in enumerate(by_level)
            for i in range(0, 60, 3**level)
        ]
        observations = told(vectors, tells, num_levels=len(by_level))
        return max(abs(first(MODEL, observations, space, seed)[0] - 0.5) for seed in range(5))

    assert farthest(do_they=True) < 0.25
    assert farthest(do_they=False) > 0.35  # the control


def test_a_model_of_the_users_own_takes_over_too():
    class Mine:
        __hash__ = None

        def propose(self, observations, space, rng):
            raise NotImplementedError

    assert len(first(replace(MODEL, many=Mine()), observations_of(floats(2), 20), floats(2)))


@pytest.mark.parametrize("num", [10, 160, 1000])
def test_the_process_sees_a_bounded_number_of_results_the_best_of_each_budget_among_them(num):
    observations = observations_of(floats(2), num, num_levels=3)
    points = MODEL._points(observations, 0)
    assert len(points) <= MODEL.max_points
    assert len({(level, config_id) for level, config_id, _ in points}) == len(points)
    for number, level in enumerate(observations.levels):
        assert (number, level.told[0][1], level.told[0][0]) in points


class Nearest:
    """A surrogate of a user's own: the value of the nearest point, less sure the further away it is."""

    name = "nearest"

    def __init__(self):
        self.num_fits = 0

    def transform(self, losses, at_full_budget):
        return losses

    def fit(self, examples):
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


def test_another_surrogate_takes_part_in_the_same_search():
    """It proposes, is named, and is fitted once between two tells."""
    space, rng, surrogate = floats(2), np.random.default_rng(0), Nearest()
    vectors, _ = space.sample(rng, 31)
    world, model = World(vectors), replace(MODEL, surrogates=(surrogate,))
    for i, loss in enumerate(bowl(vectors[:30]).tolist()):
        world.tell(0, i, loss)
    proposal = model.propose(world.observations, space, rng)
    assert proposal.facts.surrogate == "nearest"
    assert bowl(proposal.vectors[:1])[0] < np.median(bowl(vectors))
    first(model, world.observations, space, 1)
    assert surrogate.num_fits == 1
    world.tell(0, 30, 0.1)
    first(model, world.observations, space)
    assert surrogate.num_fits == 2


def test_a_space_of_choices_and_conditions():
    """Candidates are what would be evaluated: allowed, on the grid, without values where a parameter is inactive."""
    space = Space(SPACES["mixed"]())
    for seed in range(3):
        observations = sampled(space, np.random.default_rng(seed).random(40).tolist(), seed=seed)
        vectors = MODEL.propose(observations, space, np.random.default_rng(seed)).vectors
        assert np.array_equal(space.deactivate(space.snap(vectors)), vectors, equal_nan=True)
        assert space.is_allowed(vectors).all()


def chosen(model, observations, space, waiting, *, paid=0.5, start=0, seed=0):
    remaining_cost = [1 - paid] * len(waiting)
    return model.choose(observations, space, np.random.default_rng(seed), waiting, remaining_cost, start)


def climbing(seed=0, *, last=1.0):
    """Forty configurations at the lower of two levels, ten of them at the upper; and one more with the loss `last`."""
    space = floats(2)
    vectors, _ = space.sample(np.random.default_rng(seed), 41)
    losses = 1 + bowl(vectors)
    losses[40] = last
    tells = [(0, i, float(loss)) for i, loss in enumerate(losses)]
    return space, told(vectors, [*tells, *((1, i, tells[i][2] - 0.1) for i in range(10))], num_levels=2)


def test_whoever_is_far_ahead_and_nearly_there_goes_on():
    for seed in range(5):
        space, observations = climbing(seed, last=3.0)
        by_loss = sorted(range(10, 40), key=observations.levels[0].loss)
        waiting = [by_loss[-1], by_loss[0], by_loss[15]]
        assert chosen(MODEL, observations, space, waiting, paid=0.99, seed=seed) == 1


def test_a_new_one_starts_where_those_that_wait_disappoint():
    """And one of those goes on all the same if it has to; so does the less bad one."""
    for seed in range(5):
        space, observations = climbing(seed, last=3.0)
        assert not isinstance(chosen(MODEL, observations, space, [40], seed=seed), int)
        best = min(range(10, 40), key=observations.levels[0].loss)
        assert chosen(MODEL, observations, space, [40, best], start=None, seed=seed) == 1


def test_what_is_left_to_pay_counts():
    """Of two that promise the same, the one that is nearer to its end goes on."""
    space = floats(1)
    vectors = np.array([[0.1], [0.5], [0.5000001], [0.9], *np.linspace(0, 1, 9)[:, None]])
    tells = [(0, i, float(bowl(vectors[i : i + 1])[0])) for i in range(len(vectors))]
    observations = told(vectors, [*tells, (1, 0, 0.3), (1, 3, 0.5)], num_levels=2)
    for remaining_cost, place in (([0.9, 0.1], 1), ([0.1, 0.9], 0)):
        assert MODEL.choose(observations, space, np.random.default_rng(0), [1, 2], remaining_cost, None) == place


def test_starts_at_the_full_budget_do_not_see_what_is_below():
    """Whatever the small budgets said, the proposal is the same."""
    space, _ = climbing()
    vectors, _ = space.sample(np.random.default_rng(0), 41)
    full = [(1, i, float(loss)) for i, loss in enumerate(bowl(vectors[:10]))]
    proposals = [
        chosen(MODEL, told(vectors, [*((0, i, low(i)) for i in range(41)), *full], num_levels=2), space, [], start=1)
        for low in (float, lambda i: -float(i))
    ]
    assert np.array_equal(proposals[0].vectors, proposals[1].vectors)
    assert proposals[0].facts.points == 10


@pytest.mark.parametrize("num_full", [0, 2, 3])
def test_with_few_full_results_starts_there_are_random_or_beside_others_believe_what_is_below(num_full):
    """Alone one can wait for the three; many workers would have as many random ones by then."""
    space = floats(2)
    vectors, _ = space.sample(np.random.default_rng(0), 41)
    tells = [(0, i, float(loss)) for i, loss in enumerate(bowl(vectors))]
    full = [(1, i, tells[i][2]) for i in range(num_full)]
    alone, beside = (
        chosen(MODEL, told(vectors, [*tells, *full], num_levels=2, pending=pending), space, [], start=1)
        for pending in ((), (40,))
    )
    assert len(alone.vectors) == (0 if num_full < 3 else MODEL.num_candidates)
    assert beside.facts.points == (41 + num_full if num_full < 3 else 3)
    assert len(beside.vectors) == MODEL.num_candidates


def test_cheap_results_that_mislead_are_left_out_once_the_full_ones_show_it():
    """Below, everything is noise of a large scale; above, a bowl without any. The control never doubts."""
    space = floats(4)
    gains = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        vectors, _ = space.sample(rng, 120)
        tells = [(0, i, float(2 * rng.random())) for i in range(120)]
        tells += [(1, i, float(loss)) for i, loss in enumerate(bowl(vectors[:30]))]
        observations = told(vectors, tells, num_levels=2)
        one, other = (first(replace(MODEL, doubt=doubt), observations, space, seed) for doubt in (2.0, np.inf))
        gains.append(bowl(other[None])[0] / bowl(one[None])[0])
    assert stats.gmean(gains) > 3


def test_cheap_results_that_help_are_not_left_out():
    space = floats(3)
    for seed in range(5):
        observations = observations_of(space, 90, num_levels=2, seed=seed)
        one, other = (first(replace(MODEL, doubt=doubt), observations, space, seed) for doubt in (2.0, np.inf))
        assert np.array_equal(one, other)


def test_it_leaves_the_choice_to_the_schedule_when_results_are_many():
    space, observations = climbing()
    assert chosen(replace(MODEL, max_results=50), observations, space, [40]) is None
