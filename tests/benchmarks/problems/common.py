"""Shared by the tests of problems: the data folder, random configurations, names."""

import functools
import importlib.util
import os
from typing import NoReturn

import numpy as np
import pytest

from benchmarks.problems import make, names
from benchmarks.problems.data import VARIABLE
from benchmarks.problems.problem import Problem
from benchmarks.problems.spaces import sample

REQUIRED = "BOHB_REQUIRE_BENCHDATA"
SYNTHETIC, REAL = names("synthetic", "noisy"), names("real")


def require_data() -> None:
    """Skip the test if the data or their reader are missing; fail it where they are promised."""
    if not os.environ.get(VARIABLE):
        _leave_out(f"the benchmark data is not here: {VARIABLE} is not set")
    if importlib.util.find_spec("onnxruntime") is None:
        _leave_out("onnxruntime is not installed: pip install bohb[benchmarks]")


def _leave_out(reason: str) -> NoReturn:
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason}, but {REQUIRED}=1 says that it must be")
    pytest.skip(reason)


@functools.cache
def problem(name: str) -> Problem:
    """Return a problem, created once because loading takes time."""
    if name in REAL:
        require_data()
    return make(name)


def some(problem: Problem, size: int, *, seed: int = 1):
    return sample(problem.space, size, seed=seed)


def losses(problem: Problem, budget: float, configs, *, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([problem.evaluate(config, budget, rng).loss for config in configs])
