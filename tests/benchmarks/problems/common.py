"""What the tests of the problems share: the data folder, random configurations, names."""

import functools
import os

import numpy as np
import pytest

from benchmarks.problems import make, names
from benchmarks.problems.data import VARIABLE
from benchmarks.problems.problem import Problem
from benchmarks.problems.spaces import sample

REQUIRED = "BOHB_REQUIRE_BENCHDATA"
SYNTHETIC, REAL = names("synthetic"), names("real")


def require_data() -> None:
    """Skips the test, or fails it where the data is promised, if there is no data."""
    if os.environ.get(VARIABLE):
        return
    reason = f"the benchmark data is not here: {VARIABLE} is not set"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason}, but {REQUIRED}=1 says that it must be")
    pytest.skip(reason)


@functools.cache
def problem(name: str) -> Problem:
    """Makes each problem once, because loading takes time."""
    if name in REAL:
        require_data()
    if name in names("lcbench", "rbv2", "nb301"):
        pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install bohb[benchmarks]")
    return make(name)


def some(problem: Problem, size: int, *, seed: int = 1):
    return sample(problem.space, size, seed=seed)


def losses(problem: Problem, budget: float, configs, *, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([problem.evaluate(config, budget, rng).loss for config in configs])
