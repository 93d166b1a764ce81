"""Three trainings whose best hyperparameters change on the way.

A training has a state, which can be copied, and which `advance` trains for one interval with a configuration. Each
draws its noise from the generator of its state, so that a state that goes on twice, goes on in two ways only if its
configuration differs. `told` is what the search is told, and `loss` what is reported here: without its noise.
"""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

NUM_INTERVALS = 20
Range = tuple[float, float]


class Problem(Protocol):
    """A training. Every hyperparameter is a float on a log scale."""

    name: str
    space: Mapping[str, Range]

    def start(self, seed: int) -> Any:
        """Return the state before the first step."""
        ...

    def advance(self, state: Any, config: Mapping[str, float]) -> Any:
        """Return the state after one interval more; the one that is given stays as it is."""
        ...

    def told(self, state: Any) -> float:
        """Return the loss that the search is told."""
        ...

    def loss(self, state: Any) -> float:
        """Return the loss that is reported."""
        ...


@dataclass
class _Point:
    """A place, with the generator of its noise."""

    weights: np.ndarray[Any, np.dtype[np.float64]]
    rng: np.random.Generator


class Quadratic:
    """Stochastic gradient descent on (w - 0)^2 in many equal dimensions, with noise in the gradient.

    If m is the mean square of the weights and v the variance of the noise, the best learning rate of a step is
    m / (m + v), after which 1 / m has grown by 1 / v (Zhang et al. 2019, "Which algorithmic choices matter at which
    batch sizes?"). So the best schedule, and what it ends with, are known.
    """

    name = "quadratic"
    space: Mapping[str, Range] = {"rate": (1e-4, 1.0)}
    num_steps, num_dims, variance, first = 20, 256, 25.0, 100.0

    def start(self, seed: int) -> _Point:
        """Return weights at the same distance from the minimum."""
        rng = np.random.default_rng(seed)
        return _Point(math.sqrt(self.first) * np.sign(rng.standard_normal(self.num_dims)), rng)

    def advance(self, state: _Point, config: Mapping[str, float]) -> _Point:
        """Take the steps of one interval."""
        point = copy.deepcopy(state)
        for _ in range(self.num_steps):
            noise = math.sqrt(self.variance) * point.rng.standard_normal(self.num_dims)
            point.weights -= config["rate"] * (point.weights + noise)
        return point

    def told(self, state: _Point) -> float:
        """Return the loss with ten percent of noise."""
        return self.loss(state) * math.exp(0.1 * copy.deepcopy(state.rng).standard_normal())

    def loss(self, state: _Point) -> float:
        """Return the mean square of the weights."""
        return float((state.weights**2).mean())

    def best_known(self, num_intervals: int) -> float:
        """Return the expected loss of the best schedule."""
        return 1 / (1 / self.first + num_intervals * self.num_steps / self.variance)


class Digits:
    """A small network on the handwritten digits of scikit-learn, in PyTorch: a learning rate and a weight decay.

    The search is told the loss on a validation set, and a test set is reported.
    """

    name = "digits"
    space: Mapping[str, Range] = {"rate": (1e-3, 2.0), "decay": (1e-6, 1e-1)}

    def __init__(self) -> None:
        import torch
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        torch.set_num_threads(1)
        images, digits = load_digits(return_X_y=True)
        train_x, other_x, train_y, other_y = train_test_split(images / 16, digits, train_size=600, random_state=0)
        halves = train_test_split(other_x, other_y, train_size=0.5, random_state=0)
        arrays = (train_x, *halves[:2], train_y, *halves[2:])
        self._x = [torch.tensor(each, dtype=torch.float32) for each in arrays[:3]]
        self._y = [torch.tensor(each) for each in arrays[3:]]

    def start(self, seed: int) -> dict[str, Any]:
        """Return a network with random weights, and no momentum."""
        import torch

        torch.manual_seed(seed)
        network = self._network()
        return {"network": network.state_dict(), "optimizer": None, "seed": seed, "epoch": 0}

    def advance(self, state: dict[str, Any], config: Mapping[str, float]) -> dict[str, Any]:
        """Train for one epoch, with small batches."""
        import torch

        network = self._network()
        network.load_state_dict(state["network"])
        descent = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        if state["optimizer"] is not None:
            descent.load_state_dict(state["optimizer"])
        for group in descent.param_groups:
            group["lr"], group["weight_decay"] = config["rate"], config["decay"]
        generator = torch.Generator().manual_seed(1000 * state["seed"] + state["epoch"])
        for rows in torch.randperm(len(self._y[0]), generator=generator).split(20):
            inputs = self._x[0][rows] + 0.2 * torch.randn(self._x[0][rows].shape, generator=generator)
            descent.zero_grad()
            torch.nn.functional.cross_entropy(network(inputs), self._y[0][rows]).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            descent.step()
        kept = copy.deepcopy({"network": network.state_dict(), "optimizer": descent.state_dict()})
        return kept | {"seed": state["seed"], "epoch": state["epoch"] + 1}

    def told(self, state: dict[str, Any]) -> float:
        """Return the loss on the validation set."""
        return self._loss(state, 1)

    def loss(self, state: dict[str, Any]) -> float:
        """Return the loss on the test set."""
        return self._loss(state, 2)

    def _network(self) -> Any:
        from torch.nn import Linear, ReLU, Sequential

        return Sequential(Linear(64, 32), ReLU(), Linear(32, 10))

    def _loss(self, state: dict[str, Any], part: int) -> float:
        import torch

        network = self._network()
        network.load_state_dict(state["network"])
        with torch.no_grad():
            return float(torch.nn.functional.cross_entropy(network(self._x[part]), self._y[part]))


@dataclass
class _Policy:
    """A policy of two actions, and how often it was trained."""

    weights: np.ndarray[Any, np.dtype[np.float64]]
    seed: int
    updates: int = 0


class CartPole:
    """REINFORCE with a linear policy on gymnasium's CartPole: a learning rate, and a weight of the entropy.

    The loss is 500, the largest return, less the mean return. The search is told that of its latest episodes, and that
    of 64 episodes more is reported.
    """

    name = "cartpole"
    space: Mapping[str, Range] = {"rate": (1e-4, 10.0), "entropy": (1e-4, 1.0)}
    num_updates, num_episodes = 2, 8

    def __init__(self) -> None:
        self._environments: dict[int, Any] = {}

    def start(self, seed: int) -> _Policy:
        """Return a policy that chooses at random."""
        return _Policy(np.zeros(5), seed)

    def advance(self, state: _Policy, config: Mapping[str, float]) -> _Policy:
        """Update the policy with a few episodes at a time."""
        policy = copy.deepcopy(state)
        for _ in range(self.num_updates):
            inputs, gradients, returns = self._play(policy, self.num_episodes, 1_000_000 * policy.seed + policy.updates)
            gains = (returns - returns.mean()) / (returns.std() + 1e-8)
            probabilities = 1 / (1 + np.exp(-np.clip(inputs @ policy.weights, -30, 30)))
            logits = np.log(probabilities + 1e-12) - np.log(1 - probabilities + 1e-12)
            entropy = -(logits * probabilities * (1 - probabilities))[:, None] * inputs
            step = (gains[:, None] * gradients + config["entropy"] * entropy).mean(axis=0)
            policy.weights = np.clip(policy.weights + config["rate"] * step, -1e3, 1e3)
            policy.updates += 1
        return policy

    def told(self, state: _Policy) -> float:
        """Return the loss of a few episodes."""
        return 500.0 - self._mean_return(state, self.num_episodes, 7)

    def loss(self, state: _Policy) -> float:
        """Return the loss of many episodes."""
        return 500.0 - self._mean_return(state, 64, 11)

    def _mean_return(self, policy: _Policy, num: int, salt: int) -> float:
        seed = 1_000_000 * policy.seed + 1000 * policy.updates + salt
        return float(self._episodes(policy, num, seed)[2].mean())

    def _play(self, policy: _Policy, num: int, seed: int) -> tuple[Any, Any, Any]:
        """Return what was seen at each step, the gradient of the log probability, and the steps that were left."""
        seen, actions, lengths = self._episodes(policy, num, seed)
        alive = np.arange(len(seen))[:, None] < lengths
        inputs, chosen = seen[alive], actions[alive]
        left = (lengths - np.arange(len(seen))[:, None])[alive]
        probabilities = 1 / (1 + np.exp(-np.clip(inputs @ policy.weights, -30, 30)))
        return inputs, (chosen - probabilities)[:, None] * inputs, left.astype(float)

    def _episodes(self, policy: _Policy, num: int, seed: int) -> tuple[Any, Any, Any]:
        """Return the inputs `(t, n, 5)` and the actions `(t, n)` of n episodes, and their `(n,)` lengths."""
        rng, environment = np.random.default_rng(seed), self._environment(num)
        observed, _ = environment.reset(seed=seed % 2**31)
        lengths = np.full(num, 0)
        seen: list[Any] = []
        actions: list[Any] = []
        is_alive = np.ones(num, dtype=bool)
        while is_alive.any() and len(seen) < 500:
            inputs = np.column_stack([observed, np.ones(num)])
            probabilities = 1 / (1 + np.exp(-np.clip(inputs @ policy.weights, -30, 30)))
            action = (rng.random(num) < probabilities).astype(np.int64)
            seen.append(inputs)
            actions.append(action)
            lengths[is_alive] += 1
            observed, _, terminated, truncated, _ = environment.step(action)
            is_alive &= ~(terminated | truncated)
        return np.array(seen), np.array(actions), lengths

    def _environment(self, num: int) -> Any:
        """Return n copies of the game, made once."""
        import gymnasium

        if num not in self._environments:
            self._environments[num] = gymnasium.make_vec(
                "CartPole-v1", num_envs=num, vectorization_mode="vector_entry_point"
            )
        return self._environments[num]


PROBLEMS = {problem.name: problem for problem in (Quadratic, Digits, CartPole)}
