"""The pooled model: one pool over all budgets, with a guard, and with the pending configurations in it."""

from dataclasses import dataclass, field
from math import inf

import numpy as np
import pytest
from hypothesis import given

from bohb.facts import Facts
from bohb.models import PooledDensityModel
from bohb.space import Space
from tests.models.told import World, floats, sampled, tellings, told
from tests.strategies import SPACES

VECTORS, _ = floats(2).sample(np.random.default_rng(0), 600)


@dataclass(frozen=True)
class Watched(PooledDensityModel):
    """Writes down which configurations it takes for good and for bad, and the ratio that it makes of them."""

    random_fraction: float = 0.0
    seen: dict = field(default_factory=dict, compare=False)

    def _fit(self, observations, good, bad, space):
        self.seen.update(good=list(good), bad=list(bad), ratio=super()._fit(observations, good, bad, space))
        return self.seen["ratio"]


def look(observations, *, seed=0, space=None, **settings):
    """What the model made of the observations: the facts it reports, and the sets."""
    model = Watched(**settings)
    answer = model.propose(observations, space or floats(2), np.random.default_rng(seed))
    return answer.facts, model.seen


def slow_pool(tells, lowest):
    """(level descending, loss, id) of each configuration, at the largest level where it was told, if it succeeded."""
    top = {}
    for level, config_id, loss in sorted(tells):
        top[config_id] = (-level, loss, config_id)
    return sorted(entry for entry in top.values() if entry[1] < inf and -entry[0] >= lowest)


# --- the pool -------------------------------------------------------------------------------------------------------


@given(tellings(max_configs=40, min_size=20))
def test_larger_budgets_come_first_and_then_lower_losses(tells):
    """Each configuration counts once; the good are the first of the pool, the bad the rest and the failures."""
    observations = told(VECTORS[:40], tells, num_levels=3)
    facts, seen = look(observations)
    lowest = PooledDensityModel().lowest_level(observations)
    pool = [config_id for *_, config_id in slow_pool(tells, lowest)]
    if len(pool) < 6:  # 2 (d + 1)
        assert facts.reason == "too few results"
        assert facts.results == len(pool)
        return
    num_good = min(max(-(-15 * len(pool) // 100), 3), 64, len(pool) // 2)
    assert facts.level == lowest
    assert seen["good"] == pool[:num_good]
    assert seen["bad"][: len(pool) - num_good] == pool[num_good:]
    failed = {config_id for _, config_id in observations.failed}
    assert set(seen["bad"][len(pool) - num_good :]) == failed
    assert not failed & set(seen["good"])


def test_the_good_set_is_bounded():
    observations = told(VECTORS, [(0, i, float(i)) for i in range(600)])
    assert look(observations)[1]["good"] == list(range(PooledDensityModel().max_good))
    assert look(observations, max_good=10)[1]["good"] == list(range(10))


def test_the_bad_set_is_thinned_at_random_and_bounded():
    """From the whole rest of the pool, the failures included, anew for each proposal."""
    tells = [(0, i, float(i)) for i in range(400)] + [(0, i, inf) for i in range(400, 600)]
    observations = told(VECTORS, tells)
    drawn = [look(observations, seed=seed, max_bad=50)[1] for seed in range(40)]
    assert all(len(seen["bad"]) == 50 for seen in drawn)
    assert all(set(seen["bad"]) <= set(range(len(seen["good"]), 600)) for seen in drawn)
    everything = np.concatenate([seen["bad"] for seen in drawn])
    assert len(set(everything.tolist())) > 450
    assert abs((everything >= 400).mean() - 200 / (600 - PooledDensityModel().max_good)) < 0.05
    assert look(observations, max_bad=10_000)[1]["bad"] == list(range(PooledDensityModel().max_good, 600))


def test_pending_configurations_are_bounded_too():
    observations = told(VECTORS, [(0, i, float(i)) for i in range(20)], pending=range(20, 600))
    assert len(look(observations, max_bad=50)[1]["bad"]) <= 100


# --- the guard ------------------------------------------------------------------------------------------------------


def two_budgets(agreement, num_shared, *, seed=0):
    """200 results at the lower budget; the first `num_shared` also at the upper one, ranked alike or the other way."""
    rng = np.random.default_rng(seed)
    lower = rng.random(200)
    upper = {"alike": lower, "opposite": -lower, "unrelated": rng.random(200)}[agreement]
    tells = [(0, i, loss) for i, loss in enumerate(lower)] + [(1, i, upper[i]) for i in range(num_shared)]
    return told(VECTORS[:200], tells, num_levels=2)


@pytest.mark.parametrize(("agreement", "level"), [("alike", 0), ("opposite", 1)])
def test_a_budget_that_misleads_is_left_out(agreement, level):
    observations = two_budgets(agreement, 40)
    assert PooledDensityModel().lowest_level(observations) == level
    facts, seen = look(observations)
    assert facts.level == level
    used = set(seen["good"]) | set(seen["bad"])
    assert used == set(range(40)) if level else not used <= set(range(40))


def test_a_good_budget_is_kept_however_the_few_shared_ones_fall():
    """Two or three in disorder are no reason to doubt."""
    for num_shared in range(4):
        assert PooledDensityModel().lowest_level(two_budgets("opposite", num_shared)) == 0


def test_a_good_budget_is_hardly_ever_taken_for_a_misleading_one():
    """A true Kendall's tau of about 0.5, ten configurations shared: fewer than one false alarm in fifty."""
    alarms = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        lower = rng.random(10)
        tells = [(0, i, loss) for i, loss in enumerate(lower)] + [
            (1, i, loss + rng.normal() / 4) for i, loss in enumerate(lower)
        ]
        alarms += PooledDensityModel().lowest_level(told(VECTORS[:10], tells, num_levels=2))
    assert alarms <= 4


def test_what_misleads_takes_all_below_with_it():
    """Levels 0 and 1 agree perfectly; level 2 contradicts level 1, so neither helps."""
    lower = np.random.default_rng(0).random(60)
    tells = [(level, i, loss if level < 2 else -loss) for level in range(3) for i, loss in enumerate(lower)]
    assert PooledDensityModel().lowest_level(told(VECTORS[:60], tells, num_levels=3)) == 2


def test_a_ladder_of_agreeing_budgets_is_used_to_the_bottom():
    lower = np.random.default_rng(0).random(60)
    tells = [(level, i, loss) for level in range(3) for i, loss in enumerate(lower)]
    assert PooledDensityModel().lowest_level(told(VECTORS[:60], tells, num_levels=3)) == 0


def test_empty_upper_budgets_are_no_evidence():
    assert (
        PooledDensityModel().lowest_level(told(VECTORS[:20], [(0, i, float(i)) for i in range(20)], num_levels=4)) == 0
    )
    assert PooledDensityModel().lowest_level(told(VECTORS[:20], [], num_levels=4)) == 0


# --- pending configurations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["float", "mixed"])
def test_the_score_falls_near_pending_configurations(name):
    """And so the next proposal keeps away; the control is a point far from all of them."""
    space = Space(SPACES[name]())
    vectors, _ = space.sample(np.random.default_rng(5), 45)
    vectors[41:] = vectors[40]  # five pending configurations in one place
    tells = [(0, i, loss) for i, loss in enumerate(np.random.default_rng(6).random(40).tolist())]
    _, without = look(told(vectors, tells), space=space)
    _, with_them = look(told(vectors, tells, pending=range(40, 45)), space=space)
    assert with_them["good"] == without["good"]
    assert with_them["bad"] == without["bad"] + list(range(40, 45))
    fall = without["ratio"].score(vectors) - with_them["ratio"].score(vectors)
    assert fall[40] > 0.5
    assert fall[40] > 3 * np.median(np.abs(fall[:40]))


def test_parallel_proposals_keep_apart():
    """Ten asks in a row without a tell lie further from each other if the pending ones are known."""

    def spread(*, known):
        space, distances = floats(2), []
        for seed in range(15):
            rng = np.random.default_rng(seed)
            vectors, _ = space.sample(rng, 30)
            losses = ((vectors - 0.5) ** 2).sum(axis=1).tolist()
            world, chosen = World(vectors), []
            for i, loss in enumerate(losses):
                world.tell(0, i, loss)
            for k in range(10):
                chosen.append(Watched().propose(world.observations, space, rng).vectors[0])
                world.add(chosen[-1])
                if known:
                    world.ask(0, 30 + k)
            points = np.array(chosen)
            distances.append(np.sqrt(((points[:, None] - points) ** 2).sum(axis=-1)).sum() / 90)
        return np.mean(distances)

    assert spread(known=True) > 1.1 * spread(known=False)


def test_a_pending_promotion_is_good_and_bad_at_once():
    """It stands in the pool with the loss it has; that it runs again says that others should try elsewhere."""
    observations = told(VECTORS[:20], [(0, i, float(i)) for i in range(20)], num_levels=2, pending=[0])
    _, seen = look(observations)
    assert 0 in seen["good"]
    assert 0 in seen["bad"]


# --- when it starts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 5])
def test_the_model_starts_at_twice_d_plus_one_configurations(d):
    space, n = floats(d), 2 * (d + 1)
    too_few, enough = (sampled(space, np.arange(float(k)).tolist()) for k in (n - 1, n))
    facts, _ = look(too_few, space=space)
    assert facts == Facts(reason="too few results", results=n - 1, needed=n)
    assert look(enough, space=space)[0].good == d + 1


def test_configurations_of_all_budgets_count_towards_the_start():
    tells = [(0, 0, 0.1), (0, 1, 0.2), (1, 2, 0.3), (1, 3, 0.4), (2, 4, 0.5), (2, 5, 0.6)]
    assert look(told(VECTORS[:6], tells, num_levels=3))[1]["good"] == [4, 5, 2]
