"""Laws of every problem."""

import json
import math

import numpy as np
import pytest

import bohb
from benchmarks.problems import FAMILIES, GROUPS, make, names
from benchmarks.problems.data import VARIABLE, DataMissing
from benchmarks.problems.reference import Reference, measure
from tests.benchmarks.problems.common import REAL, SYNTHETIC, losses, problem, some


@pytest.mark.parametrize("name", [*SYNTHETIC, *REAL])
def test_every_configuration_runs_at_every_budget(name):
    """The loss is finite or NaN, the cost is positive, and a full training costs about 1."""
    it, rng = problem(name), np.random.default_rng(0)
    for config in some(it, 50):
        for budget in it.ladder:
            evaluation = it.evaluate(config, budget, rng)
            assert isinstance(evaluation.loss, float)
            assert math.isfinite(evaluation.loss) or math.isnan(evaluation.loss)
            assert isinstance(evaluation.cost, float)
            assert evaluation.cost > 0
        assert math.isfinite(it.regret(config))
    full = np.array([it.evaluate(config, it.ladder[-1], rng).cost for config in some(it, 100)])
    assert min(np.mean(full < 1 + 1e-9), np.mean(full > 1 - 1e-9)) > 0.3


@pytest.mark.parametrize("name", [*SYNTHETIC, *REAL])
def test_equal_generators_give_equal_results(name):
    it = problem(name)
    configs = some(it, 10)
    for budget in (it.ladder[0], it.ladder[-1]):
        np.testing.assert_array_equal(losses(it, budget, configs, seed=5), losses(it, budget, configs, seed=5))


@pytest.mark.parametrize("name", [*SYNTHETIC, *REAL])
def test_a_configuration_survives_json(name):
    it = problem(name)
    configs = some(it, 10)
    copies = [json.loads(json.dumps(config)) for config in configs]
    assert [it.regret(config) for config in configs] == [it.regret(config) for config in copies]


@pytest.mark.parametrize("name", [*SYNTHETIC, *REAL])
def test_neighbouring_budgets_are_a_factor_of_eta_apart(name):
    """So the smallest, the largest and eta define the budgets for every library."""
    ladder = problem(name).ladder
    assert ladder.eta == 3
    steps = len(ladder) - 1
    np.testing.assert_allclose(ladder, [ladder[-1] / 3 ** (steps - k) for k in range(steps + 1)], rtol=1e-12)


@pytest.mark.parametrize("name", [*SYNTHETIC, *REAL])
def test_half_of_random_configurations_have_regret_above_1(name):
    """The sample differs from that of the reference; four standard errors are 0.1."""
    it = problem(name)
    regrets = [it.regret(config) for config in some(it, 400, seed=9)]
    assert 0.4 < np.mean(np.array(regrets) > 1) < 0.6
    assert min(regrets) > -0.05


@pytest.mark.parametrize("name", SYNTHETIC)
def test_the_optimum_has_regret_0_and_is_not_beaten(name):
    """Neither small steps from it nor random configurations are better."""
    it = problem(name)
    best = it.optimum()
    assert it.regret(best) == 0
    assert all(it.regret(config) >= 0 for config in some(it, 1000, seed=2))
    for neighbour in neighbours(it, best):
        assert it.regret(neighbour) >= -1e-12, neighbour


def neighbours(it, best):
    for parameter in it.space.values():
        if hasattr(parameter, "choices"):
            yield from ({**best, parameter.name: choice} for choice in parameter.choices)
        else:
            width = parameter.upper - parameter.lower
            for step in (-0.05, -1e-4, 1e-4, 0.05):
                value = best[parameter.name] + step * width
                if isinstance(best[parameter.name], int):
                    value = round(value)
                yield {**best, parameter.name: min(max(value, parameter.lower), parameter.upper)}


@pytest.mark.parametrize("name", names("counting-ones"))
def test_the_exact_median_agrees_with_a_sample(name):
    it = problem(name)

    def losses_and_costs(configs):
        return np.array([it.true_loss(config) for config in configs]), np.ones(len(configs))

    measured = measure(it.space, losses_and_costs, optimum=it.reference.best, size=2000)
    assert measured.median == pytest.approx(it.reference.median, abs=0.03 * -it.reference.best)


def test_groups_families_and_names_are_consistent():
    for name in names("all"):
        assert sum(name in family for family in FAMILIES.values()) == 1
    assert names("all") == (*SYNTHETIC, *REAL, "digits")
    assert names() == names("synthetic", "real")
    assert names("nas", "branin", "nas-6x5") == ("nas-6x5", "nas-12x10", "branin")
    assert set(GROUPS["ci"]) <= set(SYNTHETIC)


@pytest.mark.parametrize("name", [*SYNTHETIC, *REAL])
def test_a_problem_knows_its_own_name_and_family(name):
    it = problem(name)
    assert it.name == name
    assert name in FAMILIES[it.family]


def test_real_training_is_reproducible():
    """A diverged training has infinite regret, so that no finite one is worse."""
    it = problem("digits")
    configs = some(it, 3)
    first = losses(it, 1, configs)
    np.testing.assert_array_equal(first, losses(it, 1, configs))
    assert ((first > 0) & (first < 2)).all()
    assert Reference(0.0, 1.0).regret(math.nan) == math.inf


def test_other_sizes_are_created_on_demand():
    assert make("counting-ones-3-5").name == "counting-ones-3-5"
    assert len(make("nas-4x3").space) == 4


@pytest.mark.parametrize("call", [make, names])
def test_an_unknown_name_is_refused(call):
    with pytest.raises(bohb.SettingError, match=r"got 'brainin'; the problems are .*branin"):
        call("brainin")


@pytest.mark.parametrize("name", ["taskset-imdb-lstm", "lcbench-167168"])
def test_missing_data_are_reported(name, monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(DataMissing, match=r"BOHB_BENCHDATA or pass --data"):
        make(name)
    with pytest.raises(DataMissing, match=r"BOHB_BENCHDATA or --data"):
        make(name, tmp_path)
