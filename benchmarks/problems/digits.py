"""Real training: a small neural network on scikit-learn's handwritten digits, which takes seconds per evaluation.

The loss is the Brier score on held-out images; a budget is a number of epochs. `regret` trains up to the full budget
with a fixed seed, and compares with the best and the median of a fixed sample, which is small because each member
takes a training.
"""

import contextlib
import math
import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

import bohb
from benchmarks.problems.problem import Config, Evaluation
from benchmarks.problems.reference import Reference, cached, measure
from benchmarks.problems.spaces import build

SAMPLE = 60
"""The number of random configurations that define the scale of the regret."""

ENTRIES: list[dict[str, Any]] = [
    {"name": "learning_rate", "type": "float", "lower": 1e-5, "upper": 1.0, "log": True},
    {"name": "units", "type": "int", "lower": 4, "upper": 128, "log": True},
    {"name": "batch_size", "type": "int", "lower": 16, "upper": 256, "log": True},
    {"name": "l2", "type": "float", "lower": 1e-7, "upper": 10.0, "log": True},
    {"name": "activation", "type": "categorical", "choices": ["relu", "tanh", "logistic"]},
    {"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam"]},
    {"name": "momentum", "type": "float", "lower": 0.0, "upper": 0.99, "log": False},
]


class Digits:
    """The problem; 1,797 images of 8 x 8 pixels, of which 60 % are trained on."""

    name = family = "digits"

    def __init__(self) -> None:
        self.space = build(ENTRIES, [("momentum", "optimizer", ["sgd"])])
        self.ladder = bohb.geometric(1, 27, eta=3)
        self._true: dict[tuple[Any, ...], float] = {}

    def evaluate(self, config: Config, budget: float, rng: Generator) -> Evaluation:
        """Train from scratch with initial weights and an order of the images drawn from `rng`."""
        loss = self._train(config, round(budget), int(rng.integers(2**31)))
        return Evaluation(loss, budget / self.ladder[-1])

    def true_loss(self, config: Config) -> float:
        """Return the loss of one full training with a fixed seed."""
        key = tuple(config.get(entry["name"]) for entry in ENTRIES)
        if key not in self._true:
            self._true[key] = self._train(config, self.ladder[-1], 0)
        return self._true[key]

    def regret(self, config: Config) -> float:
        """Return the normalised regret, slightly negative for what is better than the sample's best."""
        return self.reference.regret(self.true_loss(config))

    @cached_property
    def reference(self) -> Reference:
        """The scale of the regret; the first time this takes a minute."""
        return cached(self.name, [Path(__file__)], lambda: measure(self.space, self._full, size=SAMPLE))

    def _full(self, configs: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.array([self.true_loss(config) for config in configs]), np.ones(len(configs))

    @cached_property
    def _data(self) -> Any:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        images, labels = load_digits(return_X_y=True)
        return train_test_split(images / 16, labels, test_size=0.4, stratify=labels, random_state=0)

    def _train(self, config: Config, epochs: int, seed: int) -> float:
        """Return the Brier score after some epochs, NaN if the training diverged."""
        network = self.network(config, seed)
        try:
            for _ in range(epochs):
                self.train(network)
        except ValueError:  # "Solver produced non-finite parameter weights"
            return math.nan
        return self.loss(network)

    def network(self, config: Config, seed: int) -> Any:
        """Return a network that was not trained yet."""
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier(
            hidden_layer_sizes=(config["units"],),
            activation=config["activation"],
            solver=config["optimizer"],
            learning_rate_init=config["learning_rate"],
            alpha=config["l2"],
            batch_size=config["batch_size"],
            momentum=config.get("momentum", 0.9),
            random_state=seed,
        )

    def train(self, network: Any) -> None:
        """Train a network for one epoch.

        Raises:
            ValueError: If the training diverged.
        """
        train, _, train_labels, _ = self._data
        with quiet(RuntimeWarning):
            network.partial_fit(train, train_labels, classes=np.arange(10))

    def loss(self, network: Any) -> float:
        """Return the Brier score of a network."""
        _, valid, _, valid_labels = self._data
        with quiet(RuntimeWarning):
            probabilities = network.predict_proba(valid)
        return float(((probabilities - np.eye(10)[valid_labels]) ** 2).sum(axis=1).mean())


@contextlib.contextmanager
def quiet(kind: type[Warning]) -> Iterator[None]:
    """Ignore the overflows and the warnings of one kind, as of a network that diverges."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", kind)
        yield
