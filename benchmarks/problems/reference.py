"""The scale of the regret: 0 is the best, 1 the median of 5,000 uniform random configurations.

If the optimum is known, it is the best. If not, a search can be better than the best of 5,000 random draws. Its regret
is then slightly negative, and is not cut at 0, because that would turn different results into ties.

Measuring takes seconds, so the numbers are kept in the user's cache folder, in a file whose name contains a checksum of
all that they depend on: the data, the code of the problem, and the version of the library that samples.
"""

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ConfigSpace import ConfigurationSpace
from numpy.typing import NDArray

from benchmarks.problems.problem import Config
from benchmarks.problems.spaces import sample

SIZE = 5000


@dataclass(frozen=True, slots=True)
class Reference:
    """The scale of a problem.

    Attributes:
        best: The loss whose regret is 0.
        median: The loss whose regret is 1.
        cost: The cost of fully training a median configuration, in the unit of the problem.
    """

    best: float
    median: float
    cost: float = 1.0

    def regret(self, loss: float) -> float:
        """Return the normalised regret of a true loss at the full budget; infinite where the training diverged."""
        return (loss - self.best) / (self.median - self.best) if not math.isnan(loss) else math.inf


Measure = Callable[[Sequence[Config]], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Takes configurations and returns their true losses at the full budget, and the costs of their full trainings."""


def measure(
    space: ConfigurationSpace, losses_and_costs: Measure, *, optimum: float | None = None, size: int = SIZE
) -> Reference:
    """Return the reference of a space by evaluating uniform random configurations.

    Args:
        space: The parameters.
        losses_and_costs: Evaluates them at the full budget, without noise; NaN counts as worse than everything.
        optimum: The best loss where it is known.
        size: The number of configurations.
    """
    losses, costs = losses_and_costs(sample(space, size))
    losses = np.where(np.isnan(losses), np.inf, losses)
    best = float(losses.min()) if optimum is None else optimum
    return Reference(best, float(np.median(losses)), float(np.median(costs)))


def known(
    name: str, code: str, space: ConfigurationSpace, loss: Callable[[Config], float], optimum: float
) -> Reference:
    """Return the reference of a problem whose optimum is known, from the cache if it is there.

    Args:
        name: The name of the problem.
        code: The file that defines the problem.
        space: The parameters.
        loss: The true loss at the full budget.
        optimum: The lowest loss.
    """

    def losses_and_costs(configs: Sequence[Config]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.array([loss(config) for config in configs]), np.ones(len(configs))

    return cached(name, [Path(code)], lambda: measure(space, losses_and_costs, optimum=optimum))


def cached(name: str, sources: Iterable[Path], compute: Callable[[], Reference]) -> Reference:
    """Return the reference of a problem from the cache, or computes it and keeps it there.

    Args:
        name: The name of the problem.
        sources: The files that the numbers depend on, data and code.
        compute: Measures the reference.
    """
    path = cache_folder() / f"{name}-{_checksum(name, sources)}.json"
    if path.exists():
        return Reference(**json.loads(path.read_text()))
    reference = compute()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False) as file:
        json.dump(asdict(reference), file)
    Path(file.name).replace(path)  # several processes may do this at once: all write the same numbers
    return reference


def cache_folder() -> Path:
    """Return the folder of the cache: in `XDG_CACHE_HOME`, by default `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bohb-benchmarks"


def _checksum(name: str, sources: Iterable[Path]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    digest.update(f"{name} {SIZE} ConfigSpace {version('ConfigSpace')}".encode())
    for path in (*sources, Path(__file__), Path(__file__).with_name("spaces.py")):
        digest.update(hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()
