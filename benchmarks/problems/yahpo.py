"""YAHPO Gym's surrogates: networks fitted to hundreds of thousands of real trainings, evaluated with onnxruntime.

Pfisterer et al. 2022, "YAHPO Gym - An Efficient Multi-Objective Multi-Fidelity Benchmark for Hyperparameter
Optimization". They have no noise. The whole ladder of a configuration is evaluated in one call and kept, because five
rows take only a tenth longer than one.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

import bohb
from benchmarks.problems.data import find
from benchmarks.problems.problem import Config, Evaluation
from benchmarks.problems.reference import Reference, cached, measure
from benchmarks.problems.spaces import build

MAX_CACHED = 100_000
"""The number of configurations kept in memory. Beyond it, all are dropped and computed again."""

ETA = 3
DARTS = "NetworkSelectorDatasetInfo_COLON_darts_COLON_"


class Scenario(NamedTuple):
    """One model of YAHPO Gym.

    Attributes:
        categorical: The integer inputs, in order.
        numeric: The other inputs, in order.
        instance: The input that says which data set was trained on.
        fidelity: The input that is the budget.
        high: The full budget.
        steps: The number of factors of eta between the smallest and the full budget.
        accuracy: The output that is maximised, by column.
        perfect: The largest possible accuracy: 100 for percent, or 1.
        time: The output that is the training time, by column.
        is_whole: Whether the budget is a count, so that the nearest whole number is read.
    """

    categorical: tuple[str, ...]
    numeric: tuple[str, ...]
    instance: str | None
    fidelity: str
    high: float
    steps: int
    accuracy: int
    perfect: float
    time: int | None = None
    is_whole: bool = False


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


EDGES = tuple(f"{DARTS}edge_{cell}_{i}" for cell in ("normal", "reduce") for i in range(14))
NODES = tuple(f"{DARTS}inputs_node_{cell}_{i}" for cell in ("normal", "reduce") for i in (3, 4, 5))
BOOSTING = """nrounds eta gamma lambda alpha subsample max_depth min_child_weight colsample_bytree colsample_bylevel
    rate_drop skip_drop trainsize repl"""
PERCEPTRON = "epoch batch_size learning_rate momentum weight_decay num_layers max_units max_dropout"

SCENARIOS = {
    "lcbench": Scenario(
        ("OpenML_task_id",), _words(PERCEPTRON), "OpenML_task_id", "epoch", 51.0, 3, 1, 100.0, time=0, is_whole=True
    ),
    "rbv2_xgboost": Scenario(
        ("task_id", "booster", "num.impute.selected.cpo"), _words(BOOSTING), "task_id", "trainsize", 1.0, 3, 0, 1.0
    ),
    "rbv2_rpart": Scenario(
        ("task_id", "num.impute.selected.cpo"),
        _words("cp maxdepth minbucket minsplit trainsize repl"),
        "task_id",
        "trainsize",
        1.0,
        3,
        0,
        1.0,
    ),
    "nb301_v2": Scenario((*EDGES, *NODES), ("epoch",), None, "epoch", 98.0, 4, 0, 1.0, is_whole=True),
}

PROBLEMS = {
    "lcbench-167168": ("lcbench", "lcbench", "167168"),
    "lcbench-189906": ("lcbench", "lcbench", "189906"),
    "rbv2-xgboost-12": ("rbv2", "rbv2_xgboost", "12"),
    "rbv2-xgboost-40499": ("rbv2", "rbv2_xgboost", "40499"),
    "rbv2-rpart-12": ("rbv2", "rbv2_rpart", "12"),
    "nb301": ("nb301", "nb301_v2", None),
}
"""By name: family, scenario, instance."""

REPLICATES = 10
"""All ten repetitions of the resampling, the full number."""


class YahpoProblem:
    """One instance of one scenario.

    Args:
        name: One of `PROBLEMS`.
        data: The folder of the data; None takes it from the environment.
    """

    def __init__(self, name: str, data: Path | str | None = None) -> None:
        self.name = name
        self.family, folder, instance = PROBLEMS[name]
        self._scenario = SCENARIOS[folder]
        self._folder = find(data, "yahpo", folder)
        codes = json.loads((self._folder / "encoding.json").read_text())
        described = json.loads((self._folder / "config_space.json").read_text())
        fixed = {self._scenario.instance, self._scenario.fidelity, "repl"}
        entries = [entry for entry in described["hyperparameters"] if entry["name"] not in fixed]
        self.space = build(
            [{**entry, "name": _short(entry["name"])} for entry in entries], map(_condition, described["conditions"])
        )
        high = self._scenario.high
        self.ladder = bohb.geometric(high / ETA**self._scenario.steps, high, eta=ETA)
        self._task = codes[self._scenario.instance][instance] if instance else 0
        self._columns = [
            (_short(name), {} if name == self._scenario.instance else codes[name])
            for name in self._scenario.categorical
        ]
        self._names = [_short(entry["name"]) for entry in entries]
        self._levels: dict[float, int | None] = {}
        self._curves: dict[tuple[Any, ...], list[Evaluation]] = {}

    def evaluate(self, config: Config, budget: float, rng: Generator) -> Evaluation:  # noqa: ARG002 - no noise
        """Return the prediction of the network; a budget that is not on the ladder takes a call of its own."""
        if budget not in self._levels:
            self._levels[budget] = self._level(budget)
        level = self._levels[budget]
        return self._evaluate(config, [budget])[0] if level is None else self._curve(config)[level]

    def regret(self, config: Config) -> float:
        """Return the normalised regret of the prediction at the full budget."""
        return self.reference.regret(self._curve(config)[-1].loss)

    @cached_property
    def reference(self) -> Reference:
        """The scale of the regret and of the costs."""
        sources = [self._folder / file for file in ("model.onnx", "encoding.json", "config_space.json")]
        return cached(self.name, [*sources, Path(__file__)], lambda: measure(self.space, self._full))

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # the suite runs several searches at once
        return onnxruntime.InferenceSession(self._folder / "model.onnx", options, providers=["CPUExecutionProvider"])

    def _full(self, configs: Sequence[Config]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        losses, costs = self._predict(configs, self.ladder[-1:])
        return losses[:, 0], costs[:, 0]

    def _curve(self, config: Config) -> list[Evaluation]:
        values = tuple(map(config.get, self._names))
        curve = self._curves.get(values)
        if curve is None:
            if len(self._curves) >= MAX_CACHED:
                self._curves.clear()
            curve = self._curves[values] = self._evaluate(config, self.ladder)
        return curve

    def _evaluate(self, config: Config, budgets: Sequence[float]) -> list[Evaluation]:
        losses, costs = self._predict([config], budgets)
        if self._scenario.time is None:
            shares = [budget / self.ladder[-1] for budget in budgets]
        else:
            shares = (costs[0] / self.reference.cost).tolist()
        return list(map(Evaluation, losses[0].tolist(), shares))

    def _predict(
        self, configs: Sequence[Config], budgets: Sequence[float]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return losses and times of n configurations at m budgets, both (n, m); an unknown time is 1."""
        scenario = self._scenario
        codes = np.array([self._encode(config) for config in configs], dtype=np.int32)
        numbers = np.array([[self._number(config, name) for name in scenario.numeric] for config in configs])
        numbers = np.repeat(numbers.astype(np.float32), len(budgets), axis=0)
        fidelities = [max(round(budget), 1) if scenario.is_whole else budget for budget in budgets]
        numbers[:, scenario.numeric.index(scenario.fidelity)] = np.tile(fidelities, len(configs))
        (output,) = self._session.run(None, {"x_cat": np.repeat(codes, len(budgets), axis=0), "x_cont": numbers})
        y = output.astype(np.float64).reshape(len(configs), len(budgets), -1)
        losses = scenario.perfect - y[..., scenario.accuracy]
        if scenario.time is None:
            return losses, np.ones_like(losses)
        return losses, np.maximum(y[..., scenario.time], 1e-3)  # a network can predict anything

    def _level(self, budget: float) -> int | None:
        """Return the level of a budget, tolerating the rounding errors of other libraries."""
        near = [level for level, rung in enumerate(self.ladder) if abs(budget - rung) <= 1e-6 * rung]
        return near[0] if near else None

    def _encode(self, config: Config) -> list[int]:
        """Return the integer inputs of a configuration; an inactive parameter has a code of its own."""
        return [codes[config.get(name, "#na#")] if codes else self._task for name, codes in self._columns]

    def _number(self, config: Config, name: str) -> float:
        """Return a numeric input of a configuration, 0 where it is inactive."""
        return REPLICATES if name == "repl" else config.get(name, 0)


def _short(name: str) -> str:
    return name.removeprefix(DARTS)


def _condition(entry: dict[str, Any]) -> tuple[str, str, list[Any]]:
    values = entry["values"] if entry["type"] == "IN" else [entry["value"]]
    return _short(entry["child"]), _short(entry["parent"]), values
