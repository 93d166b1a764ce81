"""What a regret of 0 and of 1 are: the best and the median of 5,000 uniform random configurations.

Where the optimum is known it is the best. Where it is not, a search can beat 5,000 random draws: its regret is then
slightly negative, and stays so, because cutting it at 0 would make two different results a tie.

Measuring takes seconds, so the numbers are kept in the user's cache folder, in a file whose name carries a checksum of
everything that they depend on: data, code of the problem, and version of the library that samples.
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
        cost: What the full training of a median configuration costs, in the problem's own unit.
    """

    best: float
    median: float
    cost: float = 1.0

    def regret(self, loss: float) -> float:
        """Returns the normalised regret of a true loss at the full budget; infinite where the training diverged."""
        return (loss - self.best) / (self.median - self.best) if not math.isnan(loss) else math.inf


Measure = Callable[[Sequence[Config]], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Takes configurations and returns their true losses at the full budget, and the costs of their full trainings."""


def measure(
    space: ConfigurationSpace, losses_and_costs: Measure, *, optimum: float | None = None, size: int = SIZE
) -> Reference:
    """Returns the reference of a space by evaluating uniform random configurations.

    Args:
        space: The parameters.
        losses_and_costs: Evaluates them at the full budget, without noise; NaN counts as worse than everything.
        optimum: The best loss where it is known.
        size: How many.
    """
    losses, costs = losses_and_costs(sample(space, size))
    losses = np.where(np.isnan(losses), np.inf, losses)
    best = float(losses.min()) if optimum is None else optimum
    return Reference(best, float(np.median(losses)), float(np.median(costs)))


def known(
    name: str, code: str, space: ConfigurationSpace, loss: Callable[[Config], float], optimum: float
) -> Reference:
    """Returns the reference of a problem whose optimum is known, from the cache if it is there.

    Args:
        name: Of the problem.
        code: The file that defines it.
        space: The parameters.
        loss: The true loss at the full budget.
        optimum: The lowest of them.
    """

    def losses_and_costs(configs: Sequence[Config]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.array([loss(config) for config in configs]), np.ones(len(configs))

    return cached(name, [Path(code)], lambda: measure(space, losses_and_costs, optimum=optimum))


def cached(name: str, sources: Iterable[Path], compute: Callable[[], Reference]) -> Reference:
    """Returns the reference of a problem from the cache, or computes it and keeps it there.

    Args:
        name: Of the problem.
        sources: The files that the numbers depend on, data and code.
        compute: Measures it.
    """
    path = cache_folder() / f"{name}-{_checksum(name, sources)}.json"
    if path.exists():
        return Reference(**json.loads(path.read_text()))
    reference = compute()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False) as file:
        json.dump(asdict(reference), file)
    Path(file.name).replace(path)  # several processes may do this at once: each writes the same numbers
    return reference


def cache_folder() -> Path:
    """Returns the folder of the cache: in `XDG_CACHE_HOME`, by default `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bohb-benchmarks"


def _checksum(name: str, sources: Iterable[Path]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    digest.update(f"{name} {SIZE} ConfigSpace {version('ConfigSpace')}".encode())
    for path in (*sources, Path(__file__), Path(__file__).with_name("spaces.py")):
        digest.update(hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()
