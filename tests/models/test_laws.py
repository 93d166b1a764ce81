"""The laws of all models."""

import json
from math import inf, isfinite

import numpy as np
import pytest
from ConfigSpace import Categorical, Configuration, Float
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bohb.facts import Facts
from bohb.models import ExpectedImprovementModel, HpBandSterModel, PaperModel, PooledDensityModel, RandomModel
from bohb.space import Space
from tests.models.observed import floats, observed, sampled, tell_lists
from tests.strategies import SPACES

RATIOS = [HpBandSterModel(random_fraction=0), PaperModel(random_fraction=0), PooledDensityModel(random_fraction=0)]
FITTED = [*RATIOS, ExpectedImprovementModel(random_fraction=0)]
by_ranks = pytest.mark.parametrize("model", [*RATIOS, RandomModel()], ids=lambda model: type(model).__name__)
ratios = pytest.mark.parametrize("model", RATIOS, ids=lambda model: type(model).__name__)
fitted = pytest.mark.parametrize("model", FITTED, ids=lambda model: type(model).__name__)
every_model = pytest.mark.parametrize("model", [*FITTED, RandomModel()], ids=lambda model: type(model).__name__)
MIXED = Space(SPACES["mixed"]())
FLOATS = Space(SPACES["float"]())


def proposal(model, observations, space, seed=7):
    return model.propose(observations, space, np.random.default_rng(seed))


def same(one, two):
    assert np.array_equal(one.vectors, two.vectors, equal_nan=True)
    assert one.facts == two.facts


def many(space, losses, *, seed=0, num_levels=3):
    """Return vectors, and tells at several levels, fewer at the upper ones."""
    rng = np.random.default_rng(seed)
    vectors, _ = space.sample(rng, len(losses))
    tells = [
        (level, i, loss + level) for i, loss in enumerate(losses) for level in range(num_levels) if i % 3**level == 0
    ]
    return vectors, tells


@every_model
@given(tell_lists(max_configs=40, min_size=20), st.randoms(use_true_random=False))
def test_proposals_do_not_depend_on_the_order_of_the_tells(model, tells, random):
    """Hyperparameters are learned from the first results, so the last ones stay the last ones."""
    vectors, _ = FLOATS.sample(np.random.default_rng(0), 40)
    num_last = max(2, len(tells) // 10) if isinstance(model, ExpectedImprovementModel) else 0
    early, late = tells[: len(tells) - num_last], tells[len(tells) - num_last :]
    other = [*random.sample(early, len(early)), *late]
    same(*(proposal(model, observed(vectors, order, num_levels=3), FLOATS) for order in (tells, other)))


@by_ranks
@given(tell_lists(max_configs=40, min_size=20), st.lists(st.floats(0.1, 100), min_size=60, max_size=60))
def test_proposals_depend_only_on_the_order_of_losses(model, tells, steps):
    """A strictly increasing transform of the losses changes nothing."""
    vectors, _ = FLOATS.sample(np.random.default_rng(0), 40)
    values = sorted({loss for *_, loss in tells if isfinite(loss)})
    raised = dict(zip(values, np.cumsum(steps).tolist(), strict=False)) | {inf: inf}
    transformed = [(level, i, raised[loss]) for level, i, loss in tells]
    same(*(proposal(model, observed(vectors, each, num_levels=3), FLOATS) for each in (tells, transformed)))


@every_model
def test_the_same_seed_gives_the_same_proposal(model):
    vectors, tells = many(MIXED, np.random.default_rng(1).random(60).tolist())
    observations = observed(vectors, tells, num_levels=3)
    same(proposal(model, observations, MIXED), proposal(model, observations, MIXED))


@fitted
def test_another_seed_gives_another_proposal(model):
    vectors, tells = many(MIXED, np.random.default_rng(1).random(60).tolist())
    observations = observed(vectors, tells, num_levels=3)
    one, two = proposal(model, observations, MIXED, 1), proposal(model, observations, MIXED, 2)
    assert not np.array_equal(one.vectors, two.vectors, equal_nan=True)


@every_model
def test_proposing_changes_nothing(model):
    vectors, tells = many(MIXED, np.random.default_rng(1).random(60).tolist())
    one, two = (observed(vectors, tells, num_levels=3, pending=[1, 2]) for _ in range(2))
    for seed in range(3):
        proposal(model, one, MIXED, seed)
    for mine, untouched in zip(one.levels, two.levels, strict=True):
        assert (mine.told, mine.highest, mine.shared) == (untouched.told, untouched.highest, untouched.shared)
    assert one.failed == two.failed
    assert one.pending == two.pending
    assert np.array_equal(one.vectors(range(60)), two.vectors(range(60)), equal_nan=True)


@fitted
@pytest.mark.parametrize("name", sorted(SPACES))
def test_candidates_lie_in_the_space(model, name):
    """Once snapped and deactivated, each is a configuration that ConfigSpace accepts.

    The optimizer skips forbidden candidates, so a model may propose them.
    """
    source = SPACES[name]()
    space = Space(source)
    rng = np.random.default_rng(0)
    for seed in range(5):
        observations = sampled(space, rng.random(60).tolist(), seed=seed)
        vectors = proposal(model, observations, space, seed).vectors
        assert 0 < len(vectors) <= model.num_candidates
        snapped = space.deactivate(space.snap(space.deactivate(vectors)))
        for vector in snapped[space.is_allowed(snapped)]:
            config = space.decode(vector)
            Configuration(source, values=config)
            assert np.array_equal(space.encode(config), vector, equal_nan=True)
        assert space.is_allowed(snapped).any()


@fitted
def test_the_score_of_the_first_candidate_is_reported(model):
    observations = sampled(MIXED, np.random.default_rng(0).random(60).tolist())
    facts = proposal(model, observations, MIXED).facts
    assert Facts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
    assert isfinite(facts.score)


@ratios
def test_a_density_ratio_reports_its_budget_and_sets(model):
    observations = sampled(MIXED, np.random.default_rng(0).random(60).tolist())
    facts = proposal(model, observations, MIXED).facts
    assert None not in (facts.level, facts.good, facts.bad)


@fitted
def test_too_few_results_give_a_reason_and_no_candidate(model):
    for observations in (
        sampled(FLOATS, []),
        sampled(FLOATS, [0.5]),
        sampled(FLOATS, [inf] * 50),
    ):
        answer = proposal(model, observations, FLOATS)
        assert answer.vectors.shape == (0, 3)
        assert answer.facts.reason == "too few results"
        assert Facts.from_json(json.loads(json.dumps(answer.facts.to_json()))) == answer.facts


def test_the_random_model_never_has_a_candidate():
    assert not len(proposal(RandomModel(), sampled(FLOATS, [0.1] * 100), FLOATS).vectors)


@pytest.mark.parametrize("kind", [HpBandSterModel, PaperModel, PooledDensityModel, ExpectedImprovementModel])
@pytest.mark.parametrize("share", [0.0, 1 / 3, 1.0])
def test_random_proposals_have_the_share_that_was_set(kind, share):
    space, model = floats(1), kind(random_fraction=share)
    observations = sampled(space, np.arange(20.0).tolist())
    rng = np.random.default_rng(0)
    answers = [model.propose(observations, space, rng) for _ in range(600)]
    num_random = sum(answer.facts.reason == "random share" for answer in answers)
    assert all(bool(len(answer.vectors)) != (answer.facts.reason is not None) for answer in answers)
    assert stats.binomtest(num_random, 600, share).pvalue > 0.001
    if share not in (0.0, 1.0):  # the control
        assert stats.binomtest(num_random, 600, share / 2).pvalue < 0.001


@fitted
@pytest.mark.parametrize("name", ["all equal", "constant parameter", "one choice seen"])
def test_degenerate_results_give_finite_proposals(model, name):
    rng = np.random.default_rng(0)
    space = Space(
        {"x": (0.0, 1.0), "n": (1, 3), "c": Categorical("c", ["a", "b", "c"]), "k": Categorical("k", ["only"])}
    )
    vectors, _ = space.sample(rng, 60)
    column = dict(zip(space.names, vectors.T, strict=True))
    if name != "all equal":
        column["c" if name == "one choice seen" else "x"][:] = column["c" if name == "one choice seen" else "x"][0]
    losses = [0.5] * 60 if name == "all equal" else rng.random(60).tolist()
    answer = proposal(model, observed(vectors, [(0, i, loss) for i, loss in enumerate(losses)]), space)
    assert np.isfinite(answer.vectors).all()
    assert isfinite(answer.facts.score)


# --- models beat random configurations ------------------------------------------------------------------------------


def advantages(model, *, shuffled):
    """Return, for each of 30 data sets, the mean loss of random configurations minus that of the proposals."""
    space = Space({"x": Float("x", (0, 1)), "y": Float("y", (-5, 5)), "c": Categorical("c", ["a", "b", "c", "d"])})
    columns = [space.names.index(name) for name in ("x", "y", "c")]

    def loss(vectors):
        x, y, c = vectors[:, columns].T
        return (x - 0.3) ** 2 + (y - 0.7) ** 2 + 0.3 * (c != 2)

    rows = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        vectors, _ = space.sample(rng, 60)
        losses = loss(vectors)
        if shuffled:
            losses = rng.permutation(losses)
        observations = observed(vectors, [(0, i, value) for i, value in enumerate(losses.tolist())])
        proposed = np.array([model.propose(observations, space, rng).vectors[0] for _ in range(4)])
        rows.append(loss(space.sample(rng, 200)[0]).mean() - loss(proposed).mean())
    return np.array(rows)


@fitted
def test_proposals_beat_random_configurations(model):
    """On a bowl with a categorical step they clearly do. With shuffled losses they must not."""
    assert stats.ttest_1samp(advantages(model, shuffled=False), 0, alternative="greater").pvalue < 1e-6
    assert stats.ttest_1samp(advantages(model, shuffled=True), 0, alternative="greater").pvalue > 0.01
