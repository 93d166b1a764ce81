"""Problems of published data agree with their tables, and with the networks called directly."""

import json

import numpy as np
import pytest

from benchmarks.problems.data import find
from benchmarks.problems.forests import SOURCES
from benchmarks.problems.reference import Reference, cached
from benchmarks.problems.yahpo import PROBLEMS
from tests.benchmarks.problems.common import losses, problem, require_data, some


class Table:
    """The measured curves behind a forest."""

    def __init__(self, name):
        require_data()
        with np.load(find(None, "tables", f"{SOURCES[name].file}.npz"), allow_pickle=False) as arrays:
            self.X, self.loss, self.cost = arrays["X"], arrays["loss"].astype(float), arrays["cost"]
            self.space = json.loads(str(arrays["meta"]))["space"]

    def config(self, row):
        return {entry["name"]: plain(entry, x) for entry, x in zip(self.space, self.X[row], strict=True) if x == x}


def plain(entry, x):
    if "choices" in entry:
        return entry["choices"][int(x)]
    return int(x) if entry["type"] == "int" else float(x)


@pytest.mark.parametrize("name", SOURCES)
def test_a_forest_reproduces_the_measured_losses(name):
    """At every fourth configuration of the table; TaskSet's losses were cut at 2, where divergence counts as 2 too."""
    it, table = problem(name), Table(name)
    rows = range(0, len(table.X), 4)
    measured = table.loss[rows, :, -1].mean(axis=1)
    if it.family == "taskset":
        measured = np.minimum(np.nan_to_num(measured, nan=2.0), 2.0)
    scale, best = it.reference.median - it.reference.best, it.reference.best
    found = np.array([it.regret(table.config(row)) * scale + best for row in rows])
    np.testing.assert_allclose(found, measured, rtol=1e-5, atol=1e-4)


def test_a_forest_reproduces_the_training_times():
    it, table = problem("opda-alexnet-imagenet"), Table("opda-alexnet-imagenet")
    rng = np.random.default_rng(0)
    rows = range(0, len(table.X), 8)
    seconds = [it.evaluate(table.config(row), 100, rng).cost * it.reference.cost for row in rows]
    np.testing.assert_allclose(seconds, table.cost[rows, -1], rtol=1e-4)


@pytest.mark.parametrize("name", ["arl-cartpole-ppo", "arl-lunar-lander-dqn"])
def test_noise_has_the_spread_of_the_seeds(name):
    """For configurations whose spread is too small to reach the bounds."""
    it, table = problem(name), Table(name)
    full = table.loss[:, :, -1]
    mean, spread = full.mean(axis=1), full.std(axis=1, ddof=1)
    inside = np.flatnonzero((mean - 4 * spread > full.min()) & (spread > 0))[:5]
    assert len(inside) == 5
    for row in inside:
        draws = losses(it, 10.0, [table.config(row)] * 2000)
        assert draws.mean() == pytest.approx(mean[row], abs=spread[row] * 0.1)
        assert draws.std() == pytest.approx(spread[row], rel=0.1)


@pytest.mark.parametrize("name", SOURCES)
def test_losses_stay_within_their_bounds(name):
    low, high = SOURCES[name].bounds
    values = losses(problem(name), problem(name).ladder[-1], some(problem(name), 200))
    assert low <= values.min() <= values.max() <= high


def test_a_budget_between_steps_is_read_at_the_nearest():
    it = problem("taskset-imdb-lstm")  # 5, 6 and 8 are steps
    configs = some(it, 20)
    np.testing.assert_array_equal(losses(it, 50 / 9, configs), losses(it, 6, configs))
    np.testing.assert_array_equal(losses(it, 5.4, configs), losses(it, 5, configs))
    assert (losses(it, 5, configs) != losses(it, 6, configs)).any()


def ask_network(folder, categorical, numeric, column):
    """Return one output of a network for one row of inputs, without code of the suite except the path."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        find(None, "yahpo", folder, "model.onnx"), providers=["CPUExecutionProvider"]
    )
    row = {"x_cat": np.array([categorical], dtype=np.int32), "x_cont": np.array([numeric], dtype=np.float32)}
    return float(session.run(None, row)[0][0, column])


def test_lcbench_agrees_with_the_network():
    """Codes from the encoding: task 167168 is 10; budget 51 / 9 is read at epoch 6."""
    it = problem("lcbench-167168")
    config = {
        "batch_size": 64,
        "learning_rate": 0.003,
        "momentum": 0.9,
        "weight_decay": 0.01,
        "num_layers": 3,
        "max_units": 256,
        "max_dropout": 0.2,
    }
    accuracy = ask_network("lcbench", [10], [6, 64, 0.003, 0.9, 0.01, 3, 256, 0.2], 1)
    evaluation = it.evaluate(config, it.ladder[1], np.random.default_rng(0))
    assert evaluation.loss == pytest.approx(100 - accuracy, rel=1e-5)
    seconds = ask_network("lcbench", [10], [6, 64, 0.003, 0.9, 0.01, 3, 256, 0.2], 0)
    assert evaluation.cost * it.reference.cost == pytest.approx(seconds, rel=1e-5)


def test_inactive_parameters_of_xgboost_are_zero():
    """A linear booster has no trees: task 12 is 11, gblinear 2, imputation by the mean 2."""
    it = problem("rbv2-xgboost-12")
    config = {
        "booster": "gblinear",
        "num.impute.selected.cpo": "impute.mean",
        "nrounds": 100,
        "lambda": 1.0,
        "alpha": 0.5,
        "subsample": 0.8,
    }
    numeric = [100, 0, 0, 1.0, 0.5, 0.8, 0, 0, 0, 0, 0, 0, 1 / 3, 10]
    accuracy = ask_network("rbv2_xgboost", [11, 2, 2], numeric, 0)
    assert losses(it, 1 / 3, [config])[0] == pytest.approx(1 - accuracy, abs=1e-6)


@pytest.mark.parametrize("name", PROBLEMS)
def test_one_call_per_ladder_equals_one_per_budget(name):
    it = problem(name)
    for config in some(it, 5):
        for budget in it.ladder:
            alone = it._evaluate(config, [budget])[0]
            assert alone.loss == pytest.approx(losses(it, budget, [config])[0], rel=1e-4, abs=1e-5)


def test_a_rounded_budget_is_recognised():
    it = problem("rbv2-rpart-12")
    configs = some(it, 5)
    np.testing.assert_array_equal(losses(it, it.ladder[1] * (1 + 1e-12), configs), losses(it, it.ladder[1], configs))
    assert (losses(it, 0.2, configs) != losses(it, it.ladder[1], configs)).any()


def test_each_booster_has_its_own_parameters():
    active = {config["booster"]: set(config) for config in some(problem("rbv2-xgboost-12"), 50)}
    assert "eta" not in active["gblinear"]
    assert "eta" in active["gbtree"]
    assert "rate_drop" not in active["gbtree"]
    assert "rate_drop" in active["dart"]


def test_a_reference_is_cached_until_a_source_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "data"
    source.write_text("one")
    calls = []

    def compute():
        calls.append(1)
        return Reference(0.1, len(calls), 2.0)

    assert [cached("x", [source], compute).median for _ in range(2)] == [1, 1]
    source.write_text("two")
    assert cached("x", [source], compute).median == 2
