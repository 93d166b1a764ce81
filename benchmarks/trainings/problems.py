"""Four real trainings that take about a second each.

The search sees the loss on a validation set. `regret` is the loss of the same training on a held-out set, which is what
the user gets; it is not normalised. A configuration that is resumed goes on from its network, as with a checkpoint.
"""

import json
import math
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ConfigSpace import ConfigurationSpace
from numpy.random import Generator

import bohb
from benchmarks import protocol
from benchmarks.problems.digits import Digits, quiet
from benchmarks.problems.problem import Config, Evaluation
from benchmarks.problems.spaces import build
from benchmarks.protocol import Run
from benchmarks.results import Record

Rows = tuple[Any, Any]
"""Some rows, and their targets."""
Measure = Callable[[Any, Any], float]
"""Takes rows and their targets, and returns the loss of a model on them."""


class Split(NamedTuple):
    """The rows to train on, those that the search sees, and those that are held out."""

    train: Rows
    valid: Rows
    test: Rows


def split(inputs: Any, targets: Any, num_train: int, *, stratify: bool) -> Split:
    """Split at random, always in the same way; half of what is not trained on is held out."""
    from sklearn.model_selection import train_test_split

    first, rest, first_targets, rest_targets = train_test_split(
        inputs, targets, train_size=num_train, random_state=0, stratify=targets if stratify else None
    )
    valid, test, valid_targets, test_targets = train_test_split(
        rest, rest_targets, train_size=0.5, random_state=0, stratify=rest_targets if stratify else None
    )
    return Split((first, first_targets), (valid, valid_targets), (test, test_targets))


def handwritten_digits() -> Split:
    """Return scikit-learn's 1,797 images of 8 x 8 pixels, 1,080 of them to train on."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return split(images / 16, labels, 1080, stratify=True)


class RealTraining:
    """What the four have in common; a subclass has `name`, `space`, `ladder`, `resumes`, `load` and `train`."""

    name: str
    family = "trainings"
    space: ConfigurationSpace
    ladder: bohb.Ladder
    resumes: bool
    """Whether a configuration goes on from where its last training ended, so that it pays for the rest only."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[float, Any]] = {}
        self._held_out: dict[str, float] = {}

    def evaluate(self, config: Config, budget: float, rng: Generator) -> Evaluation:
        """Train up to a budget, and return the loss on the validation set."""
        key, seed = self._key(config), int(rng.integers(2**31))
        reached, state = self._states.get(key, (0.0, None))
        if not self.resumes or reached >= budget:
            reached, state = 0.0, None
        try:
            with quiet(Warning):
                state, measure = self.train(config, round(reached), round(budget), state, seed)
                loss, held_out = float(measure(*self.data.valid)), float(measure(*self.data.test))
        except (ValueError, FloatingPointError):  # weights that are no longer finite
            state, loss, held_out = None, math.nan, math.nan
        if self.resumes and state is not None:
            self._states[key] = budget, state
        self._held_out[key] = held_out
        return Evaluation(loss, budget / self.ladder[-1])

    def regret(self, config: Config) -> float:
        """Return the loss of the latest training of a configuration on the held-out set."""
        return self._held_out[self._key(config)]

    @cached_property
    def data(self) -> Split:
        """The data."""
        return self.load()

    def load(self) -> Split:
        """Return the data; unless it says otherwise, a training is one on the digits."""
        return handwritten_digits()

    def train(self, config: Config, done: int, budget: int, state: Any, seed: int) -> tuple[Any, Measure]:
        """Train from what `done` epochs left up to a budget. Return what to go on from, and the loss on any rows."""
        raise NotImplementedError

    def _key(self, config: Config) -> str:
        return json.dumps(dict(config), sort_keys=True, default=str)


class Boosting(RealTraining):
    """Gradient boosting of scikit-learn on a growing number of rows: visits to doctors in the RAND experiment.

    The data come with statsmodels; the loss is the Poisson deviance.
    """

    name, resumes = "boosting", False

    def __init__(self) -> None:
        super().__init__()
        self.ladder = bohb.geometric(500, 13_500, eta=3)
        self.space = build(
            [
                {"name": "learning_rate", "type": "float", "lower": 1e-3, "upper": 1.0, "log": True},
                {"name": "max_iter", "type": "int", "lower": 10, "upper": 300, "log": True},
                {"name": "max_leaf_nodes", "type": "int", "lower": 2, "upper": 128, "log": True},
                {"name": "min_samples_leaf", "type": "int", "lower": 1, "upper": 200, "log": True},
                {"name": "l2_regularization", "type": "float", "lower": 1e-6, "upper": 1e2, "log": True},
                {"name": "max_features", "type": "float", "lower": 0.1, "upper": 1.0, "log": False},
            ]
        )

    def load(self) -> Split:
        """Return the visits."""
        from statsmodels.datasets import randhie

        frame = randhie.load_pandas()
        return split(frame.exog.to_numpy(), frame.endog.to_numpy(), 13_500, stratify=False)

    def train(self, config: Config, done: int, budget: int, state: Any, seed: int) -> tuple[Any, Measure]:
        """Train on the first rows."""
        from sklearn.ensemble import HistGradientBoostingRegressor
        from sklearn.metrics import mean_poisson_deviance

        del done, state
        model = HistGradientBoostingRegressor(loss="poisson", early_stopping=False, random_state=seed, **config)
        rows, targets = self.data.train
        model.fit(rows[:budget], targets[:budget])
        return None, lambda rows, targets: mean_poisson_deviance(targets, model.predict(rows))


class SupportVectors(RealTraining):
    """A support vector machine of scikit-learn on a growing sample of the digits, with calibrated probabilities."""

    name, resumes = "svm", False

    def __init__(self) -> None:
        super().__init__()
        self.ladder = bohb.geometric(120, 1080, eta=3)
        self.space = build(
            [
                {"name": "C", "type": "float", "lower": 1e-3, "upper": 1e3, "log": True},
                {"name": "kernel", "type": "categorical", "choices": ["rbf", "poly", "sigmoid"]},
                {"name": "gamma", "type": "float", "lower": 1e-4, "upper": 1e1, "log": True},
                {"name": "coef0", "type": "float", "lower": 0.0, "upper": 2.0, "log": False},
                {"name": "degree", "type": "int", "lower": 2, "upper": 6, "log": False},
            ],
            [("coef0", "kernel", ["poly", "sigmoid"]), ("degree", "kernel", ["poly"])],
        )

    def train(self, config: Config, done: int, budget: int, state: Any, seed: int) -> tuple[Any, Measure]:
        """Train on the first images."""
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.metrics import log_loss
        from sklearn.svm import SVC

        del done, state, seed
        model = CalibratedClassifierCV(SVC(**config), ensemble=False, cv=3)
        images, labels = self.data.train
        model.fit(images[:budget], labels[:budget])
        return None, lambda images, labels: log_loss(labels, model.predict_proba(images))


class Perceptron(RealTraining):
    """A network of scikit-learn on the digits, by epochs; the space is that of the suite's problem `digits`."""

    name, resumes = "mlp", True

    def __init__(self) -> None:
        super().__init__()
        self._suite = Digits()
        self.ladder, self.space = self._suite.ladder, self._suite.space

    def train(self, config: Config, done: int, budget: int, state: Any, seed: int) -> tuple[Any, Measure]:
        """Train for the epochs that are left; the loss is the logarithmic one."""
        from sklearn.metrics import log_loss

        network = self._suite.network(config, seed) if state is None else state
        images, labels = self.data.train
        for _ in range(done, budget):
            network.partial_fit(images, labels, classes=np.arange(10))
        return network, lambda images, labels: log_loss(labels, network.predict_proba(images))


class Convolutions(RealTraining):
    """A small convolutional network in PyTorch on the digits, by epochs."""

    name, resumes = "cnn", True

    def __init__(self) -> None:
        super().__init__()
        self.ladder = bohb.geometric(1, 27, eta=3)
        self.space = build(
            [
                {"name": "rate", "type": "float", "lower": 1e-4, "upper": 1.0, "log": True},
                {"name": "momentum", "type": "float", "lower": 0.0, "upper": 0.99, "log": False},
                {"name": "decay", "type": "float", "lower": 1e-6, "upper": 1e-1, "log": True},
                {"name": "channels", "type": "int", "lower": 2, "upper": 16, "log": True},
                {"name": "batch", "type": "int", "lower": 16, "upper": 256, "log": True},
                {"name": "dropout", "type": "float", "lower": 0.0, "upper": 0.8, "log": False},
            ]
        )

    def load(self) -> Split:
        """Return the digits as tensors."""
        import torch

        def tensors(images: Any, labels: Any) -> tuple[Any, Any]:
            return torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(labels)

        found = handwritten_digits()
        return Split(tensors(*found.train), tensors(*found.valid), tensors(*found.test))

    def train(self, config: Config, done: int, budget: int, state: Any, seed: int) -> tuple[Any, Measure]:
        """Train for the epochs that are left, with stochastic gradient descent."""
        import torch
        from torch.nn.functional import cross_entropy

        torch.manual_seed(seed)
        network, descent = self._start(config) if state is None else state
        images, labels = self.data.train
        network.train()
        for _ in range(done, budget):
            for rows in torch.randperm(len(images)).split(config["batch"]):
                descent.zero_grad()
                cross_entropy(network(images[rows]), labels[rows]).backward()
                descent.step()
        network.eval()
        return (network, descent), torch.no_grad()(lambda images, labels: cross_entropy(network(images), labels))

    def _start(self, config: Config) -> tuple[Any, Any]:
        import torch
        from torch.nn import Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential

        width = config["channels"]
        network = Sequential(
            *(Conv2d(1, width, 3, padding=1), ReLU(), Conv2d(width, 2 * width, 3, padding=1), ReLU()),
            *(MaxPool2d(2), Flatten(), Dropout(config["dropout"]), Linear(32 * width, 10)),
        )
        descent = torch.optim.SGD(
            network.parameters(), lr=config["rate"], momentum=config["momentum"], weight_decay=config["decay"]
        )
        return network, descent


TRAININGS: dict[str, type[RealTraining]] = {
    training.name: training for training in (Boosting, Perceptron, Convolutions, SupportVectors)
}


def perform(run: Run, data: Path | None = None) -> Record:
    """Perform a run with a training of its own, which has no checkpoints of another search."""
    del data
    return protocol.search(run, TRAININGS[run.problem]())
