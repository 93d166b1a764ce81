"""Real training results as forests, so that any proposal can be evaluated: reinforcement learning, ImageNet, TaskSet.

A forest is 64 interpolating extremely randomised trees over measured tables; at a configuration of the table it answers
what was measured there. The trees are walked one configuration at a time over plain Python tuples: a path is about
twelve nodes long, and at that length a step of numpy over 64 trees costs more than 64 steps of Python.

Noise: where the tables hold several seeds (ARLBench), the forest knows their mean and standard deviation, and one
training is a normal draw from them, kept within what is possible or was ever measured. The other tables hold one seed
each; their losses are taken as they are. `regret` is about the mean.
"""

import json
import math
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

MAX_CACHED = 200_000
"""The number of curves kept in memory. Beyond it, all are dropped and computed again."""

ETA = 3


class Source(NamedTuple):
    """The source of a problem.

    Attributes:
        family: The publication.
        file: The stem of the file's name.
        high: The full budget, in the unit of the curves' steps.
        steps: The number of factors of eta between the smallest and the full budget.
        bounds: The lowest and the highest possible loss.
    """

    family: str
    file: str
    high: float
    steps: int
    bounds: tuple[float, float] = (-math.inf, math.inf)


CARTPOLE = (-500.0, 0.0)  # an episode ends after 500 steps, and each returns 1
LANDER = (-247.6, 3735.0)  # the best and the worst training of all
SOURCES = {
    "arl-cartpole-dqn": Source("arlbench", "arl_cc_cartpole_dqn", 10.0, 2, CARTPOLE),
    "arl-cartpole-ppo": Source("arlbench", "arl_cc_cartpole_ppo", 10.0, 2, CARTPOLE),
    "arl-lunar-lander-dqn": Source("arlbench", "arl_box2d_lunar_lander_dqn", 10.0, 2, LANDER),
    "opda-alexnet-imagenet": Source("opda", "opda_alexnet_imagenet", 100.0, 4),
    "taskset-imdb-lstm": Source("taskset", "taskset_imdb_patch128_LSTM128_bs64", 50.0, 3),
    "taskset-imdb-irnn": Source("taskset", "taskset_imdb_patch32_IRNN64_relu_avg_bs128", 50.0, 3),
}


class Curve(NamedTuple):
    """The prediction of a forest for one configuration at each step of the fidelity grid; costs in full trainings."""

    losses: list[float]
    deviations: list[float] | None
    costs: list[float] | None


class Trees:
    """The walk down the trees.

    Args:
        arrays: `root`, `feature`, `threshold`, `left`, `right`, `leaf` and `value` of a file.
    """

    def __init__(self, arrays: Any) -> None:
        leaf = arrays["leaf"]

        def link(nodes: NDArray[np.int32]) -> list[int]:
            """A leaf is named by the complement of its row of `value`, so that one comparison ends the walk."""
            return list(map(int, np.where(leaf[nodes] < 0, nodes, ~leaf[nodes])))

        columns = (
            arrays["feature"].tolist(),
            arrays["threshold"].tolist(),
            link(arrays["left"]),
            link(arrays["right"]),
        )
        self._nodes = list(zip(*columns, strict=True))
        self._roots = link(arrays["root"])
        self._value: NDArray[np.float64] = arrays["value"].astype(np.float64)

    def __call__(self, point: list[float]) -> NDArray[np.float64]:
        """Return the mean answer of the trees, all outputs, at a point of the unit cube."""
        nodes, rows = self._nodes, []
        point = np.array(point, dtype=np.float32).tolist()  # the trees were grown on single precision
        for node in self._roots:
            while node >= 0:
                feature, threshold, left, right = nodes[node]
                node = left if point[feature] <= threshold else right  # noqa: PLW2901 - down the tree
            rows.append(~node)
        return np.asarray(self._value[rows].mean(axis=0))


class Axis:
    """One parameter on the unit interval, as the trees know it; -1 where it is inactive."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.name: str = entry["name"]
        self._index: dict[Any, float] = {}
        if "choices" in entry:
            last = len(entry["choices"]) - 1
            self._index = {choice: i / last for i, choice in enumerate(entry["choices"])}
        else:
            self._is_log = entry["log"]
            self._low = self._scale(entry["lower"])
            self._width = self._scale(entry["upper"]) - self._low

    def __call__(self, value: Any) -> float:
        """Return the coordinate of a value, None being inactive."""
        if value is None:
            return -1.0
        return self._index[value] if self._index else (self._scale(value) - self._low) / self._width

    def _scale(self, value: float) -> float:
        return math.log(value) if self._is_log else float(value)


class ForestProblem:
    """A problem made of one file.

    Args:
        name: One of `SOURCES`.
        data: The folder of the data; None takes it from the environment.
    """

    def __init__(self, name: str, data: Path | str | None = None) -> None:
        source = SOURCES[name]
        self.name, self.family, self._bounds = name, source.family, source.bounds
        self._path = find(data, "forests", f"{source.file}.npz")
        with np.load(self._path, allow_pickle=False) as arrays:
            meta = json.loads(str(arrays["meta"]))
            self._trees = Trees(arrays)
        self.space = build(meta["space"], meta["conditions"])
        self.ladder = bohb.geometric(source.high / ETA**source.steps, source.high, eta=ETA)
        self._axes = [Axis(entry) for entry in meta["space"]]
        self._names = [axis.name for axis in self._axes]
        self._columns = {output: slice(start, stop) for output, start, stop in meta["outputs"]}
        self._grid = np.array(meta["fidelity_grid"]) / meta["fidelity_grid"][-1] * source.high
        self._steps: dict[float, int] = {}
        self._curves: dict[tuple[Any, ...], Curve] = {}

    def evaluate(self, config: Config, budget: float, rng: Generator) -> Evaluation:
        """Read the curve at the step nearest to the budget, and draws one training from its spread if known."""
        step, curve = self._step(budget), self._curve(config)
        loss = curve.losses[step]
        if curve.deviations is not None:
            low, high = self._bounds
            loss = min(max(loss + curve.deviations[step] * rng.standard_normal(), low), high)
        return Evaluation(loss, budget / self.ladder[-1] if curve.costs is None else curve.costs[step])

    def regret(self, config: Config) -> float:
        """Return the normalised regret of the mean loss after a full training."""
        return self.reference.regret(self._curve(config).losses[-1])

    @cached_property
    def reference(self) -> Reference:
        """The scale of the regret and of the costs."""
        return cached(self.name, [self._path, Path(__file__)], lambda: measure(self.space, self._full))

    def _full(self, configs: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        answers = np.array([self._answer(tuple(map(config.get, self._names))) for config in configs])
        losses = answers[:, self._columns["loss_mean"]][:, -1]
        if "log_cost" not in self._columns:
            return losses, np.ones(len(losses))
        return losses, np.exp(answers[:, self._columns["log_cost"]][:, -1])

    def _answer(self, values: tuple[Any, ...]) -> NDArray[np.float64]:
        return self._trees([axis(value) for axis, value in zip(self._axes, values, strict=True)])

    def _curve(self, config: Config) -> Curve:
        values = tuple(map(config.get, self._names))
        curve = self._curves.get(values)
        if curve is None:
            if len(self._curves) >= MAX_CACHED:
                self._curves.clear()
            curve = self._curves[values] = self._split(self._answer(values))
        return curve

    def _split(self, answer: NDArray[np.float64]) -> Curve:
        parts = {name: answer[columns] for name, columns in self._columns.items()}
        costs = None
        if "log_cost" in parts:
            costs = (np.exp(parts["log_cost"]) / self.reference.cost).tolist()
        deviations = parts["loss_std"].tolist() if "loss_std" in parts else None
        return Curve(parts["loss_mean"].tolist(), deviations, costs)

    def _step(self, budget: float) -> int:
        step = self._steps.get(budget)
        if step is None:
            step = self._steps[budget] = int(np.abs(self._grid - budget).argmin())
        return step
