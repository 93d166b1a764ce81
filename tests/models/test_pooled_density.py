"""The pooled density model: its pool, its check of smaller budgets, and pending configurations."""

from dataclasses import dataclass, field
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.facts import Facts
from bohb.models import PooledDensityModel
from bohb.space import Space
from tests.models.observed import Recorder, floats, observed, sampled, tell_lists
from tests.strategies import SPACES

VECTORS, _ = floats(2).sample(np.random.default_rng(0), 600)


@dataclass(frozen=True)
class Spy(PooledDensityModel):
    """Keeps the good set, the bad set and the ratio of its last proposal."""

    random_fraction: float = 0.0
    seen: dict = field(default_factory=dict, compare=False)

    def _fit(self, observations, good, bad, space):
        self.seen.update(good=list(good), bad=list(bad), ratio=super()._fit(observations, good, bad, space))
        return self.seen["ratio"]


def look(observations, *, seed=0, space=None, **settings):
    """Return the facts of a proposal, and the sets and the ratio behind it."""
    model = Spy(**settings)
    answer = model.propose(observations, space or floats(2), np.random.default_rng(seed))
    return answer.facts, model.seen


def slow_pool(tells, lowest):
    """Return the sorted (-level, loss, id) of the configurations that succeeded at their largest level."""
    top = {}
    for level, config_id, loss in sorted(tells):
        top[config_id] = (-level, loss, config_id)
    return sorted(entry for entry in top.values() if entry[1] < inf and -entry[0] >= lowest)


# --- the pool -------------------------------------------------------------------------------------------------------


@given(tell_lists(max_configs=40, min_size=20), st.sampled_from([3, 4, PooledDensityModel().max_good]))
def test_larger_budgets_rank_first_then_lower_losses(tells, max_good):
    """Each configuration counts once. The good set is the head of the pool; the bad set is the rest and failures."""
    observations = observed(VECTORS[:40], tells, num_levels=3)
    facts, seen = look(observations, max_good=max_good)
    lowest = PooledDensityModel().lowest_level(observations)
    pool = [config_id for *_, config_id in slow_pool(tells, lowest)]
    if len(pool) < 6:  # 2 (d + 1)
        assert facts.reason == "too few results"
        assert facts.results == len(pool)
        return
    num_good = min(max(-(-15 * len(pool) // 100), 3), max_good, len(pool) // 2)
    assert facts.level == lowest
    assert seen["good"] == pool[:num_good]
    assert seen["bad"][: len(pool) - num_good] == pool[num_good:]
    failed = {config_id for _, config_id in observations.failed}
    assert set(seen["bad"][len(pool) - num_good :]) == failed
    assert not failed & set(seen["good"])


def test_the_good_set_is_bounded():
    observations = observed(VECTORS, [(0, i, float(i)) for i in range(600)])
    assert look(observations)[1]["good"] == list(range(PooledDensityModel().max_good))
    assert look(observations, max_good=10)[1]["good"] == list(range(10))


def test_the_bad_set_is_a_bounded_random_sample():
    """Each proposal draws a new sample from the rest of the pool, failures included."""
    tells = [(0, i, float(i)) for i in range(400)] + [(0, i, inf) for i in range(400, 600)]
    observations = observed(VECTORS, tells)
    drawn = [look(observations, seed=seed, max_bad=50)[1] for seed in range(40)]
    assert all(len(seen["bad"]) == 50 for seen in drawn)
    assert all(set(seen["bad"]) <= set(range(len(seen["good"]), 600)) for seen in drawn)
    everything = np.concatenate([seen["bad"] for seen in drawn])
    assert len(set(everything.tolist())) > 450
    assert abs((everything >= 400).mean() - 200 / (600 - PooledDensityModel().max_good)) < 0.05
    assert look(observations, max_bad=10_000)[1]["bad"] == list(range(PooledDensityModel().max_good, 600))


def test_the_number_of_pending_configurations_is_bounded():
    observations = observed(VECTORS, [(0, i, float(i)) for i in range(20)], pending=range(20, 600))
    assert len(look(observations, max_bad=50)[1]["bad"]) <= 100


# --- misleading budgets ---------------------------------------------------------------------------------------------


def two_budgets(agreement, num_shared, *, seed=0):
    """Return 200 results at the lower budget, the first `num_shared` of them with a result at the upper one."""
    rng = np.random.default_rng(seed)
    lower = rng.random(200)
    upper = {"same": lower, "reversed": -lower}[agreement]
    tells = [(0, i, loss) for i, loss in enumerate(lower)] + [(1, i, upper[i]) for i in range(num_shared)]
    return observed(VECTORS[:200], tells, num_levels=2)


@pytest.mark.parametrize(("agreement", "level"), [("same", 0), ("reversed", 1)])
def test_a_misleading_budget_is_ignored(agreement, level):
    observations = two_budgets(agreement, 40)
    assert PooledDensityModel().lowest_level(observations) == level
    facts, seen = look(observations)
    assert facts.level == level
    used = set(seen["good"]) | set(seen["bad"])
    assert used == set(range(40)) if level else not used <= set(range(40))


def test_three_shared_configurations_never_condemn_a_budget():
    """Not even in reversed order."""
    for num_shared in range(4):
        assert PooledDensityModel().lowest_level(two_budgets("reversed", num_shared)) == 0


def test_a_good_budget_is_rarely_ignored():
    """With a true tau of about 0.5 and ten shared configurations, at most one in fifty is ignored."""
    alarms = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        lower = rng.random(10)
        tells = [(0, i, loss) for i, loss in enumerate(lower)] + [
            (1, i, loss + rng.normal() / 4) for i, loss in enumerate(lower)
        ]
        alarms += PooledDensityModel().lowest_level(observed(VECTORS[:10], tells, num_levels=2))
    assert alarms <= 4


def test_budgets_below_a_misleading_one_are_ignored_too():
    """Levels 0 and 1 agree, but level 2 contradicts level 1, so only level 2 counts."""
    lower = np.random.default_rng(0).random(60)
    tells = [(level, i, loss if level < 2 else -loss) for level in range(3) for i, loss in enumerate(lower)]
    assert PooledDensityModel().lowest_level(observed(VECTORS[:60], tells, num_levels=3)) == 2


def test_all_budgets_are_used_if_they_agree():
    lower = np.random.default_rng(0).random(60)
    tells = [(level, i, loss) for level in range(3) for i, loss in enumerate(lower)]
    assert PooledDensityModel().lowest_level(observed(VECTORS[:60], tells, num_levels=3)) == 0


@pytest.mark.parametrize("num", [0, 20])
def test_budgets_without_results_condemn_no_other(num):
    observations = observed(VECTORS[:20], [(0, i, float(i)) for i in range(num)], num_levels=4)
    assert PooledDensityModel().lowest_level(observations) == 0


# --- pending configurations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["float", "mixed"])
def test_the_score_falls_near_pending_configurations(name):
    """The next proposal therefore keeps away. Elsewhere the score hardly changes."""
    space = Space(SPACES[name]())
    vectors, _ = space.sample(np.random.default_rng(5), 45)
    vectors[41:] = vectors[40]  # five pending configurations at one point
    tells = [(0, i, loss) for i, loss in enumerate(np.random.default_rng(6).random(40).tolist())]
    _, without = look(observed(vectors, tells), space=space)
    _, with_them = look(observed(vectors, tells, pending=range(40, 45)), space=space)
    assert with_them["good"] == without["good"]
    assert with_them["bad"] == without["bad"] + list(range(40, 45))
    fall = without["ratio"].score(vectors) - with_them["ratio"].score(vectors)
    assert fall[40] > 0.5
    assert fall[40] > 3 * np.median(np.abs(fall[:40]))


def test_parallel_proposals_spread_out():
    """Ten asks without a tell lie further apart if the model knows the pending ones."""

    def mean_distance(*, knows_pending):
        space, distances = floats(2), []
        for seed in range(15):
            rng = np.random.default_rng(seed)
            vectors, _ = space.sample(rng, 30)
            losses = ((vectors - 0.5) ** 2).sum(axis=1).tolist()
            recorder, chosen = Recorder(vectors), []
            for i, loss in enumerate(losses):
                recorder.tell(0, i, loss)
            for k in range(10):
                chosen.append(Spy().propose(recorder.observations, space, rng).vectors[0])
                recorder.add(chosen[-1])
                if knows_pending:
                    recorder.ask(0, 30 + k)
            points = np.array(chosen)
            distances.append(np.sqrt(((points[:, None] - points) ** 2).sum(axis=-1)).sum() / 90)
        return np.mean(distances)

    assert mean_distance(knows_pending=True) > 1.1 * mean_distance(knows_pending=False)


def test_a_pending_promotion_may_be_good_and_bad_at_once():
    """Its loss ranks it in the pool. It is also pending, so other workers should try elsewhere."""
    observations = observed(VECTORS[:20], [(0, i, float(i)) for i in range(20)], num_levels=2, pending=[0])
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
    assert look(observed(VECTORS[:6], tells, num_levels=3))[1]["good"] == [4, 5, 2]
