"""The time of an ask of the default: `python -m benchmarks.asks`.

Every measurement runs in a process of its own. Times are CPU times with one BLAS thread, unless threads are what is
measured. The space is the mixed one of `benchmarks.overhead`, or one of 30 or 100 floats; the search is a real one, in
which every trial is told as soon as it is asked.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.overhead import BUDGETS, in_process, loss_of, make_space
from benchmarks.targets import Target, show

SIZES = (100, 300, 1000, 2000)
NUM_TIMED = 100
DIMENSIONS = {30: 12.0, 100: 25.0}
"""The largest median in milliseconds by the number of parameters."""


def measure_search(sizes: list[int], num_floats: int = 0) -> dict[str, list[float]]:
    """Return the milliseconds of the last asks before each number of results.

    Args:
        sizes: Numbers of results, ascending.
        num_floats: The number of parameters of a space of floats; with 0 the space is the mixed one.
    """
    import bohb

    space: Any = {f"x{i}": (0.0, 1.0) for i in range(num_floats)} if num_floats else make_space()
    optimizer = bohb.Optimizer(space, bohb.geometric(BUDGETS[0], BUDGETS[-1], eta=3), seed=0)
    times: list[float] = []
    timed = {}
    while len(times) < sizes[-1]:
        start = time.process_time()
        trial = optimizer.ask()
        times.append(1e3 * (time.process_time() - start))
        config = trial.config
        loss = sum((config[f"x{i}"] - 0.3) ** 2 for i in range(10)) if num_floats else loss_of(config)
        optimizer.tell(trial, loss + 1 / trial.budget)
        if len(times) in sizes:
            timed[str(len(times))] = times[-min(NUM_TIMED, len(times)) :]
    return timed


def measure_wall(num_asks: int) -> dict[str, float]:
    """Return the median wall time of an ask in milliseconds, after 40 results."""
    import bohb

    optimizer = bohb.Optimizer(make_space(), bohb.geometric(BUDGETS[0], BUDGETS[-1], eta=3), seed=0)
    times = []
    for _ in range(40 + num_asks):
        start = time.perf_counter()
        trial = optimizer.ask()
        times.append(1e3 * (time.perf_counter() - start))
        optimizer.tell(trial, loss_of(trial.config) + 1 / trial.budget)
    return {"wall": statistics.median(times[40:])}


def measure() -> Iterator[Target]:
    """Yield the targets."""
    by_size = in_process(f"measure_search({[30, *SIZES]})", module="benchmarks.asks")
    yield Target("ask up to 30 results, median", statistics.median(by_size["30"]), 4.0, "ms")
    for size in SIZES:
        yield Target(f"ask at {size:,} results, median", statistics.median(by_size[str(size)]), 8.0, "ms")
        yield Target(f"ask at {size:,} results, p99", float(np.quantile(by_size[str(size)], 0.99)), 15.0, "ms")
    for num_floats, limit in DIMENSIONS.items():
        times = in_process(f"measure_search([300], {num_floats})", module="benchmarks.asks")["300"]
        yield Target(f"ask at 300 results with {num_floats} parameters, median", statistics.median(times), limit, "ms")
    yield Target("ask beside two busy processes, default threads against one", _threads_ratio(), 2.0, "x")


def _threads_ratio() -> float:
    """Return the wall time of an ask with the threads of a user, divided by that with one BLAS thread.

    Both run beside two busy processes, in turns. No environment variable limits the threads of the first.
    """
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        pairs = [(_wall(is_limited=False), _wall(is_limited=True)) for _ in range(3)]
    finally:
        for process in busy:
            process.kill()
            process.wait()
    return statistics.median(free / limited for free, limited in pairs)


def _wall(*, is_limited: bool) -> float:
    names = [f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL")]
    env = {name: value for name, value in os.environ.items() if name not in names}
    env |= dict.fromkeys(names, "1") if is_limited else {}
    code = "from benchmarks import asks; print(asks.measure_wall(100)['wall'])"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(show(measure()))
