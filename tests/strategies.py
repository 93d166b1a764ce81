"""Spaces, ladders and losses shared by the property tests."""

import math
from collections.abc import Callable
from typing import Any

from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    GreaterThanCondition,
    InCondition,
    Integer,
    OrdinalHyperparameter,
)
from hypothesis import strategies as st

import bohb
from bohb.optimizer.presets import PRESETS

PRESET_NAMES = sorted(PRESETS)


def mixed_space() -> ConfigurationSpace:
    """Return a space with every kind of parameter, two levels of conditions and a forbidden pair."""
    space = ConfigurationSpace(
        space={
            "rate": Float("rate", (1e-5, 1e-1), log=True),
            "units": Integer("units", (4, 64), log=True),
            "depth": Integer("depth", (1, 5)),
            "act": Categorical("act", ["relu", "tanh", None], weights=[3, 1, 1]),
            "size": OrdinalHyperparameter("size", ["small", "medium", "large"]),
            "dropout": Float("dropout", (0.0, 0.9)),
            "decay": Float("decay", (1e-6, 1e-2), log=True),
            "task": Constant("task", "digits"),
        }
    )
    space.add(InCondition(space["dropout"], space["act"], ["relu", "tanh"]))
    space.add(GreaterThanCondition(space["decay"], space["dropout"], 0.3))
    space.add(
        ForbiddenAndConjunction(
            ForbiddenEqualsClause(space["act"], "tanh"), ForbiddenEqualsClause(space["size"], "large")
        )
    )
    return space


GOOD = {
    "rate": 0.01,
    "units": 8,
    "depth": 2,
    "act": "relu",
    "size": "small",
    "dropout": 0.5,
    "decay": 1e-4,
    "task": "digits",
}
"""A configuration of the mixed space."""


def finite_space() -> ConfigurationSpace:
    """Return a space of four configurations, with a condition and a forbidden value."""
    space = ConfigurationSpace(space={"a": Categorical("a", ["x", "y", "z"]), "b": Integer("b", (1, 3), default=1)})
    space.add(EqualsCondition(space["b"], space["a"], "x"))
    space.add(ForbiddenEqualsClause(space["b"], 3))
    return space


def float_space() -> ConfigurationSpace:
    """Return a space of three floats."""
    return ConfigurationSpace(space={"x": (0.0, 1.0), "y": (-5.0, 5.0), "z": Float("z", (1e-3, 1e3), log=True)})


SPACES: dict[str, Callable[[], ConfigurationSpace]] = {
    "mixed": mixed_space,
    "finite": finite_space,
    "float": float_space,
}

LADDERS: dict[str, Any] = {
    "geometric": bohb.geometric(1, 27, eta=3),
    "explicit": [1, 4, 10],
    "single": [5.0],
    "dicts": bohb.ladder([{"epochs": 1}, {"epochs": 2, "pixels": 8}, {"epochs": 4, "pixels": 16}], costs=[1, 3, 9]),
}

presets = st.sampled_from(PRESET_NAMES)
spaces = st.sampled_from(sorted(SPACES))
ladders = st.sampled_from(sorted(LADDERS))
seeds = st.integers(min_value=0, max_value=2**64 - 1)

losses = st.one_of(
    st.integers(min_value=-5, max_value=5).map(float),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0]),
)


POPULATIONS = {"population", "pb2"}
"""The presets that need a ladder of two rungs at least."""


def make(
    preset: str = "default",
    *,
    space: str = "mixed",
    ladder: str = "geometric",
    seed: int = 0,
    repeats: bool = False,
) -> bohb.Optimizer:
    """Return a new optimizer of the named parts. A population on a ladder of one rung gets another ladder."""
    steps = LADDERS["explicit" if preset in POPULATIONS and ladder == "single" else ladder]
    return bohb.Optimizer(SPACES[space](), steps, seed=seed, preset=preset, repeats=repeats)


def loss_of(trial: bohb.Trial) -> float:
    """Return a loss that depends only on the configuration and the budget. Some configurations fail."""
    value = sum(math.sin(10 * v) for v in trial.config.values() if isinstance(v, int | float))
    value += len(str(trial.config.get("act", trial.config.get("a"))))
    level = trial.budget if isinstance(trial.budget, int | float) else trial.budget["epochs"]
    return math.nan if value > 5.5 else value + 1 / level
