"""A thousand workers, and ten thousand, on one optimizer: does it keep them busy?

    python -m benchmarks.many_workers [--workers 1000 10000] [--minutes 8] [--draw docs/benchmarks/workers.png]

The workers are simulated, the optimizer is real. A training up to the three budgets lasts one, three and nine minutes
times a lognormal factor, and promoted trials resume. One trial in twenty loses its worker half-way and is asked again.
A worker that is free waits for its ask, and asks are answered one at a time, each after the CPU time that it takes.

After that it measures an ask with 10,000 pending trials, for every preset. Every measurement runs in a process of its
own with one thread. The exit status is 1 if a target falls short.
"""

import argparse
import dataclasses
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

import bohb
from benchmarks.optimizers.optimizer import Job
from benchmarks.overhead import in_process, loss_of, make_space
from benchmarks.problems.problem import Config, Evaluation
from benchmarks.simulation import Setting, Simulation
from benchmarks.targets import Target, show
from bohb.models import RandomModel
from bohb.optimizer.presets import PRESETS

BUDGETS = (1, 3, 9)
"""The minutes that a trial lasts."""
SIMULATED = ("default", "fast")
MANY, FEW = 10_000, 1_000
"""The numbers of pending trials between which the growth of an ask is measured."""
NUM_TIMED = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Run:
    """One simulated search.

    Attributes:
        preset: The preset.
        workers: The number of workers.
        minutes: The length of the search.
        busy: The share of the workers' time that they spent on trials.
        asks: How many trials were asked.
        first_full: After how many minutes the first full result was told; infinite if there is none.
        megabytes: The peak memory of the process.
        idle: The share of idle workers, in percent, at even steps of the time.
        ask_at: When each ask was made, in minutes.
        ask_ms: How long it took, in CPU milliseconds.
    """

    preset: str
    workers: int
    minutes: float
    busy: float
    asks: int
    first_full: float
    megabytes: float
    idle: Sequence[float] = field(repr=False)
    ask_at: Sequence[float] = field(repr=False)
    ask_ms: Sequence[float] = field(repr=False)

    def __str__(self) -> str:
        idle = f"{100 * (1 - self.busy):.2f} % idle"
        asks = f"{self.asks:,} asks, {self.asks / sum(self.ask_ms) * 1000:,.0f} a CPU second of the asker"
        times = f"median {statistics.median(self.ask_ms):.2f} ms, 99th percentile {np.quantile(self.ask_ms, 0.99):.1f}"
        full = f"first full result after {self.first_full:.1f} min"
        memory = f"{self.megabytes:.0f} MB"
        return f"{self.preset}, {self.workers:,} workers: {idle}; {asks} ({times}); {full}; {memory}"


class World:
    """The problem: its losses take no time to compute."""

    name = family = "many workers"

    def __init__(self) -> None:
        self.space, self.ladder = make_space(), bohb.ladder(BUDGETS)

    def evaluate(self, config: Config, budget: float, rng: np.random.Generator) -> Evaluation:
        """Return a loss that is noisier at smaller budgets."""
        return Evaluation(loss_of(config) + float(rng.standard_normal()) / budget, budget / BUDGETS[-1])

    def regret(self, config: Config) -> float:
        """Return the loss without noise."""
        return loss_of(config)


class Asker:
    """A preset, timed by the CPU time of its own calls."""

    version: Mapping[str, str] = {"bohb": bohb.__version__}

    def __init__(self, world: World, preset: str) -> None:
        self.seconds, self.ask_ms = 0.0, list[float]()
        self.optimizer = bohb.Optimizer(world.space, world.ladder, seed=0, preset=preset)

    def ask(self) -> Job:
        """Ask, and note how long it took."""
        before = self.seconds
        trial = self._timed(self.optimizer.ask)
        self.ask_ms.append(1000 * (self.seconds - before))
        return Job(trial.id, trial.config, trial.budget)

    def tell(self, job: Job, loss: float) -> None:
        """Tell the loss."""
        self._timed(lambda: self.optimizer.tell(job.key, loss))

    def lose(self, job: Job) -> None:
        """Forget the trial."""
        self._timed(lambda: self.optimizer.forget(job.key))

    def recommend(self) -> None:
        """Recommend nothing: the incumbent is what counts."""

    def close(self) -> None:
        """Do nothing: there are no resources to free."""

    def _timed(self, call: Callable[[], T]) -> T:
        start = time.process_time()
        answer = call()
        self.seconds += time.process_time() - start
        return answer


class Watched(Simulation):
    """A simulation that notes when each trial starts and ends."""

    def __init__(self, asker: Asker, world: World, setting: Setting) -> None:
        super().__init__(asker, world, setting, seed=0)
        self.spans: list[tuple[float, float]] = []

    def _evaluate(self, job: Job, start: float) -> None:
        before = self.trace.busy
        super()._evaluate(job, start)
        self.spans.append((start, start + self.trace.busy - before))

    def idle_at(self, times: np.ndarray[Any, np.dtype[np.float64]]) -> list[float]:
        """Return the percentage of the workers that have no trial at each of these times."""
        starts, ends = (np.sort(column) for column in np.array(self.spans).T)
        num_busy = np.searchsorted(starts, times, side="right") - np.searchsorted(ends, times, side="right")
        percentages: list[float] = (100 * (1 - num_busy / self.setting.workers)).tolist()
        return percentages


def simulated(preset: str, workers: int, minutes: float) -> dict[str, Any]:
    """Return the fields of a `Run`."""
    world, full = World(), BUDGETS[-1]
    asker = Asker(world, preset)
    warm_up(preset)
    setting = Setting(workers, workers * minutes / full, stragglers=0.5, losses=0.05, seconds=60.0 * full)
    watched = Watched(asker, world, setting)
    trace = watched.run()
    fulls = [at for at, budget, _, _ in trace.incumbents if budget == full]
    run = Run(
        preset=preset,
        workers=workers,
        minutes=minutes,
        busy=trace.busy / setting.total,
        asks=len(asker.ask_ms),
        first_full=full * fulls[0] if fulls else float("inf"),
        megabytes=peak_megabytes(),
        idle=watched.idle_at(np.linspace(0, minutes / full, 200, endpoint=False)),
        ask_at=[full * start for start, _ in watched.spans],
        ask_ms=asker.ask_ms[: len(watched.spans)],
    )
    return dataclasses.asdict(run)


def warm_up(preset: str) -> None:
    """Load what the first asks load."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, BUDGETS, seed=0, preset=preset)
    for _ in range(30):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["x"])


def peak_megabytes() -> float:
    """Return the peak memory of this process alone; what getrusage says may be inherited."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


def pending_costs(preset: str) -> dict[str, float]:
    """Return the CPU milliseconds of an ask with many pending trials, by the number of results.

    With results, a tell precedes each ask. "growth" is the cost with `MANY` pending trials over that with `FEW`.
    """
    warm_up(preset)
    costs = {str(num_told): statistics.mean(_asks(preset, num_told, MANY)) for num_told in (0, 1_000, 5_000)}
    few, many = (statistics.median(_asks(preset, 0, num_pending)) for num_pending in (FEW, MANY))
    return costs | {"growth": many / few}


def _asks(preset: str, num_told: int, num_pending: int) -> Iterator[float]:
    """Yield the CPU milliseconds of asks."""
    optimizer = _filled(preset, num_told, num_pending)
    running = [*optimizer.pending, optimizer.ask()]  # the first ask sorts all results, which were told at once
    for _ in range(NUM_TIMED if not num_told else NUM_TIMED // 4):
        if num_told:
            trial = running.pop(0)
            optimizer.tell(trial, loss_of(trial.config))
        start = time.process_time()
        running.append(optimizer.ask())
        yield 1000 * (time.process_time() - start)


def _filled(preset: str, num_told: int, num_pending: int) -> bohb.Optimizer:
    """Return an optimizer with results and pending trials. They were asked at random, because that is fast."""
    space, ladder = make_space(), bohb.ladder(BUDGETS)
    random = bohb.Optimizer(space, ladder, seed=0, preset=preset, model=RandomModel())
    for _ in range(num_told):
        trial = random.ask()
        random.tell(trial, loss_of(trial.config))
    for _ in range(num_pending):
        random.ask()
    optimizer = bohb.Optimizer(space, ladder, seed=0, preset=preset)
    for event in random.events:
        optimizer.apply(event)
    return optimizer


def measure(
    workers: Sequence[int] = (1_000, 10_000), minutes: float = 8.0, path: Path | None = None
) -> Iterator[Target]:
    """Measure; print and draw what the simulations found.

    Args:
        workers: The numbers of workers.
        minutes: The length of each simulated search.
        path: Where to draw the figure; None draws none.
    """
    in_own_process = partial(in_process, module="benchmarks.many_workers", is_pinned=False)
    cases = [(preset, number) for number in workers for preset in SIMULATED]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        calls = [f"simulated({preset!r}, {number}, {minutes})" for preset, number in cases]
        found = pool.map(in_own_process, calls)
        calls = [f"pending_costs({preset!r})" for preset in PRESETS]
        costs = dict(zip(PRESETS, pool.map(in_own_process, calls), strict=True))
        runs = [Run(**each) for each in found]
    for run in runs:
        print(run, flush=True)
        if run.workers <= FEW:
            yield Target(f"{run.preset}, {run.workers:,} workers: busy", 100 * run.busy, 99, "%", at_least=True)
    if path is not None:
        from benchmarks.report.plots import draw_workers  # the others need no matplotlib

        draw_workers(runs, path)
    for preset, cost in costs.items():
        growth = cost.pop("growth")
        for num_told, milliseconds in cost.items():
            name = f"{preset}: an ask with {MANY:,} pending, {int(num_told):,} told"
            yield Target(name, milliseconds, 10, "ms")
        yield Target(f"{preset}: an ask with {MANY:,} pending over one with {FEW:,}", growth, 2, "x")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1_000, 10_000], help="numbers of simulated workers")
    parser.add_argument("--minutes", type=float, default=8.0, help="length of each simulated search")
    parser.add_argument("--draw", type=Path, metavar="FILE", help="draw the simulations to this PNG file")
    options = parser.parse_args(arguments)
    return show(measure(options.workers, options.minutes, options.draw))


if __name__ == "__main__":
    sys.exit(main())
