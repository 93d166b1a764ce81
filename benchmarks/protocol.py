"""The comparison of optimizers: a run is a problem, an optimizer, a seed and a setting, and gives one record.

With the same seed, all optimizers meet the same noise and failures. Runs that the results file holds are not repeated.
"""

import os
import platform
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from multiprocessing import get_context
from pathlib import Path

from benchmarks import optimizers, problems, results
from benchmarks.optimizers.peer import PeerBroke
from benchmarks.problems.data import DataMissing
from benchmarks.problems.problem import Problem
from benchmarks.results import Key, Record
from benchmarks.settings import name_of
from benchmarks.simulation import Setting, Simulation, Trace

NUM_SEEDS = 10
_THREADS = ("OMP", "OPENBLAS", "MKL")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the comparison.

    Attributes:
        problem: The name of the problem.
        optimizer: The name of the optimizer.
        seed: The seed of the optimizer and of the simulated noise and failures.
        setting: The world.
    """

    problem: str
    optimizer: str
    seed: int
    setting: Setting

    @property
    def key(self) -> Key:
        """The key of its record."""
        return Key(name_of(self.setting), self.seed, self.problem, self.optimizer)


def plan(problem_names: Iterable[str], names: Iterable[str], seeds: int, settings: Iterable[Setting]) -> list[Run]:
    """Return every combination, seed by seed, so that an unfinished file compares all optimizers.

    Args:
        problem_names: The names of the problems.
        names: The names of the optimizers.
        seeds: The number of seeds, which count from 0.
        settings: The worlds.
    """
    cases = [(problem, name) for problem in problem_names for name in names]
    return [
        Run(problem, name, seed, setting) for setting in settings for seed in range(seeds) for problem, name in cases
    ]


def perform(run: Run, data: Path | None = None) -> Record:
    """Return the record of a run, as `search` does.

    Args:
        run: The run to perform.
        data: The folder with the data of the real problems.
    """
    return search(run, _problem(run.problem, data))


def search(run: Run, problem: Problem) -> Record:
    """Return the record of a run on a problem. It includes the error if a compared library fails."""
    start, trace, error = time.perf_counter(), Trace(), None
    seconds, versions = 0.0, dict[str, str]()
    try:
        optimizer = optimizers.make(
            run.optimizer, problem.space, problem.ladder, run.seed, run.setting.workers, run.setting.total
        )
    except PeerBroke as broke:
        error = str(broke)
    else:
        simulation = Simulation(optimizer, problem, run.setting, run.seed)
        trace = simulation.trace
        try:
            simulation.run()
        except PeerBroke as broke:
            error = str(broke)
        finally:
            optimizer.close()
        seconds, versions = optimizer.seconds, dict(optimizer.version)
    return Record(
        problem=run.problem,
        family=problem.family,
        optimizer=run.optimizer,
        versions=versions,
        seed=run.seed,
        setting=run.key.setting,
        world=asdict(run.setting),
        **asdict(trace),
        seconds=seconds,
        wall=time.perf_counter() - start,
        python=platform.python_version(),
        machine=machine(),
        error=error,
    )


def perform_all(
    runs: Sequence[Run],
    path: Path,
    *,
    data: Path | None = None,
    jobs: int = 1,
    again: bool = False,
    perform: Callable[[Run, Path | None], Record] = perform,
) -> Iterator[Record | tuple[Run, str]]:
    """Perform the runs that the file does not hold; append each to it, and yield it, when it finishes.

    Args:
        runs: The runs to perform.
        path: The results file.
        data: The folder with the data of the real problems.
        jobs: The number of processes at the same time, with one BLAS thread each.
        again: Whether to repeat runs in which a library failed.
        perform: Performs a run, in a process of its own.

    Yields:
        The record; or, if the suite itself failed, the run and a traceback, and nothing is written to the file.

    Raises:
        BrokenProcessPool: If a process died. The file holds the finished runs.
        DataMissing: If the data of a problem are missing.
    """
    wanted = missing(runs, results.read(path), again=again)
    os.environ |= {f"{library}_NUM_THREADS": "1" for library in _THREADS}  # the processes inherit them
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures: dict[Future[Record], Run] = {pool.submit(perform, run, data): run for run in wanted}
        try:
            for future in as_completed(futures):
                yield _finished(future, futures[future], path)
        finally:
            pool.shutdown(cancel_futures=True)


def missing(runs: Iterable[Run], records: Iterable[Record], *, again: bool = False) -> list[Run]:
    """Return the runs that have no record yet, or with `again` one with an error."""
    done = {record.key for record in records if not (again and record.error)}
    return [run for run in runs if run.key not in done]


@cache
def machine() -> str:
    """Return the processor, the number of cores and the operating system."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@lru_cache(maxsize=32)
def _problem(name: str, data: Path | None) -> Problem:
    """Return a problem, created once per process: some load forests or draw thousands of configurations."""
    return problems.make(name, data=data)


def _finished(future: Future[Record], run: Run, path: Path) -> Record | tuple[Run, str]:
    failure = future.exception()
    if isinstance(failure, BrokenProcessPool | DataMissing):
        raise failure
    if failure is not None:
        return run, "".join(traceback.format_exception(failure))
    results.append(path, future.result())
    return future.result()
