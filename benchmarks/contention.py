"""How a shared study scales: several processes ask and tell as fast as they can, and their trials take no time.

    python -m benchmarks.contention [--tells 400] [--processes 8] [--folder DIR] [--json contention.jsonl]

Each store is used by one process, and then by several. The space is that of `benchmarks.overhead`, the preset is the
default, and each process has one thread for its linear algebra. Beside the rate there is the time that an ask holds the
lock of the store, and the time that asks and tells wait for it. A lock is held until the disk has the rows, so the time
of one such write is measured and printed as well: on a busy disk it is most of what a lock is held.

Where Optuna is installed, its storages do the same with its default sampler. PostgreSQL needs `initdb` and psycopg.
"""

import argparse
import json
import multiprocessing
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from math import isnan
from pathlib import Path
from typing import Any, ClassVar

from benchmarks import postgres
from benchmarks.overhead import BUDGETS, Optuna, loss_of, make_space
from benchmarks.targets import Target, show
from bohb.study.stores import registry
from bohb.study.stores.protocol import Log, Moment
from bohb.study.stores.rows import Row

NUM_TELLS = 400
NUM_PROCESSES = 8
TIMED = "timed"
"""The scheme of a store that measures another one: `timed://` and the target of the other."""


# Our stores, measured.


@dataclass(slots=True)
class Span:
    """One transaction that wrote: what it was for, and for how many seconds it waited and held the lock."""

    kind: str
    wait: float
    hold: float


class TimedLog:
    """A log that notes the spans of its writers."""

    spans: ClassVar[list[Span]] = []
    kind: ClassVar[str] = ""

    def __init__(self, log: Log) -> None:
        self._log = log

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[Moment]:
        """Note when the lock was wanted, taken and given back."""
        wanted = time.perf_counter()
        with self._log.transaction(write=write) as moment:
            taken = time.perf_counter()
            yield moment
        if write:
            TimedLog.spans.append(Span(TimedLog.kind, taken - wanted, time.perf_counter() - taken))

    def read_after(self, seq: int, *, limit: int | None = None) -> Iterable[Row]:
        """Read."""
        return self._log.read_after(seq, limit=limit)

    def append(self, rows: Sequence[Row]) -> None:
        """Append."""
        self._log.append(rows)

    def close(self) -> None:
        """Close."""
        self._log.close()


class TimedStore:
    """A store that measures the one whose target follows the scheme."""

    def open_log(self, target: str) -> TimedLog | None:
        """Open the other store's log."""
        log = registry.open_log(target.removeprefix(f"{TIMED}://"))
        return None if log is None else TimedLog(log)

    def create(self, target: str, first: Callable[[float], Row]) -> None:
        """Create the other store's log."""
        registry.create(target.removeprefix(f"{TIMED}://"), first)


def open_ours(target: str) -> Any:
    """Return our study at a target, with its imports behind it."""
    import bohb

    registry.register(TIMED, TimedStore())
    warm = bohb.Optimizer(make_space(), bohb.geometric(BUDGETS[0], BUDGETS[-1], eta=3), seed=0)
    for _ in range(20):
        trial = warm.ask()
        warm.tell(trial, loss_of(trial.config))
    return bohb.Study.open(f"{TIMED}://{target}", make_space(), warm.ladder, seed=0)


def step_ours(study: Any) -> None:
    """Ask and tell once."""
    TimedLog.kind = "ask"
    trial = study.ask()
    TimedLog.kind = "tell"
    study.tell(trial, loss_of(trial.config) + 1 / trial.budget)


# Optuna's.


def open_optuna(storage: str, target: str) -> Any:
    """Return Optuna's study in one of its storages."""
    import optuna
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if storage == "journal":
        kept: Any = JournalStorage(JournalFileBackend(target))
    elif storage == "sqlite":
        kept = RDBStorage(f"sqlite:///{target}", engine_kwargs={"connect_args": {"timeout": 60}})
    else:
        kept = RDBStorage(target.replace("postgresql://", "postgresql+psycopg://", 1))
    sampler = optuna.samplers.TPESampler(seed=os.getpid())
    return optuna.create_study(study_name="s", storage=kept, sampler=sampler, load_if_exists=True)


def step_optuna(study: Any) -> None:
    """Ask and tell once, with the same space."""
    trial = study.ask(Optuna().distributions)
    study.tell(trial, loss_of(trial.params))


# Processes.


@dataclass(frozen=True, slots=True)
class Figures:
    """What some processes did with one store.

    Attributes:
        store: The store.
        processes: How many processes there were.
        rate: Tells a second.
        cpu: CPU milliseconds of all processes for each tell.
        tries: Ask transactions for each ask: 1, and more where advice came too late.
        hold: How many milliseconds an ask holds the lock, median and 99th percentile; nan for other libraries.
        wait: How many milliseconds asks and tells wait for it, median and 99th percentile.
        usual_hold: The median of what asks and tells hold it.
    """

    store: str
    processes: int
    rate: float
    cpu: float
    tries: float
    hold: tuple[float, float]
    wait: tuple[float, float]
    usual_hold: float

    def __str__(self) -> str:
        work = f"{self.rate:6.1f} tells/s, CPU {self.cpu:5.1f} ms a tell"
        lock = f", {self.tries:.2f} tries an ask; holds {_pair(self.hold)} ms an ask, waits {_pair(self.wait)} ms"
        return f"{self.store:18} {self.processes:2} process(es): {work}{'' if isnan(self.usual_hold) else lock}"


def _pair(percentiles: tuple[float, float]) -> str:
    return f"{percentiles[0]:.1f} (p99 {percentiles[1]:.1f})"


def work(opened: Callable[[], Any], step: Callable[[Any], None], left: Any, start: Any, done: Any) -> None:
    """Ask and tell until enough is told; report the end, the CPU seconds and the spans."""
    study = opened()
    start.wait()
    TimedLog.spans.clear()
    before = time.process_time()
    while take(left):
        step(study)
    done.put((time.monotonic(), time.process_time() - before, list(TimedLog.spans)))


def take(left: Any) -> bool:
    """Take one of the tells that are left."""
    with left.get_lock():
        left.value -= 1
        return bool(left.value >= 0)


def measure_store(
    store: str, opened: Callable[[], Any], step: Callable[[Any], None], processes: int, num_tells: int
) -> Figures:
    """Let processes share a new study; return what they did."""
    context = multiprocessing.get_context("spawn")
    left, start, done = context.Value("i", num_tells), context.Barrier(processes + 1), context.Queue()
    workers = [context.Process(target=work, args=(opened, step, left, start, done)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    start.wait(600)
    begun = time.monotonic()
    reports = [done.get(timeout=1800) for _ in workers]
    for worker in workers:
        worker.join()
    spans = [span for _, _, found in reports for span in found]
    holds = [span.hold for span in spans if span.kind == "ask"]
    return Figures(
        store,
        processes,
        rate=num_tells / (max(end for end, _, _ in reports) - begun),
        cpu=1e3 * sum(cpu for _, cpu, _ in reports) / num_tells,
        tries=max(len(holds), num_tells) / num_tells,
        hold=_percentiles(holds),
        wait=_percentiles([span.wait for span in spans]),
        usual_hold=_percentiles([span.hold for span in spans])[0],
    )


def _percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile in milliseconds; nan if there is nothing."""
    if not seconds:
        return float("nan"), float("nan")
    return 1e3 * statistics.median(seconds), 1e3 * sorted(seconds)[int(0.99 * (len(seconds) - 1))]


def seconds_of_write(folder: Path) -> float:
    """Return the median time that a small write to the disk takes."""
    taken = []
    with (folder / "probe").open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            start = time.perf_counter()
            file.flush()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - start)
    return statistics.median(taken)


# All stores.

Targets = Callable[[], str]


def new_file(folder: Path) -> str:
    """Return the name of a file that is not there."""
    return str(folder / secrets.token_hex(4))


def stores(files: Targets, schemas: Targets | None) -> Iterator[tuple[str, Targets]]:
    """Yield the stores that are here, each with what names a new target in it."""
    yield "sqlite", files
    if schemas is not None:
        yield "postgresql", schemas


def measure_ours(files: Targets, schemas: Targets | None, processes: int, num_tells: int) -> Iterator[Figures]:
    """Measure each of our stores with one process, and with several."""
    for store, new in stores(files, schemas):
        for number in (1, processes):
            opened = partial(open_ours, new())
            opened().close()
            yield measure_store(store, opened, step_ours, number, num_tells)


def measure_optuna(files: Targets, schemas: Targets | None, processes: int, num_tells: int) -> Iterator[Figures]:
    """Measure each of Optuna's storages with several processes."""
    try:
        import optuna  # noqa: F401
    except ImportError:
        print("Optuna is not installed: not compared", flush=True)
        return
    for store, new in [("journal", files), *stores(files, schemas)]:
        opened = partial(open_optuna, store, new())
        opened()
        yield measure_store(f"Optuna {store}", opened, step_optuna, processes, num_tells)


def targets(ours: Sequence[Figures], theirs: Sequence[Figures]) -> Iterator[Target]:
    """Yield the targets."""
    shared = {figures.store: figures for figures in ours if figures.processes > 1}
    for alone in ours:
        if alone.processes > 1:
            continue
        store, many = alone.store, shared[alone.store]
        yield Target(
            f"{store}: tells a second with {many.processes} processes, to one", many.rate / alone.rate, 1.7, "x", True
        )
        yield Target(f"{store}: an ask holds the lock, median", many.hold[0], 3.0, "ms")
        yield Target(f"{store}: p99 of the waits, in median holds", many.wait[1] / many.usual_hold, 10.0, "x")
    slowest = min(shared.values(), key=lambda figures: figures.rate)
    for other in theirs:
        yield Target(f"our slowest store, to {other.store}", slowest.rate / other.rate, 1.0, "x", True)


def server() -> "AbstractContextManager[str | None]":
    """Return a PostgreSQL server if there can be one; say so if not."""
    reason = postgres.missing()
    if reason is None:
        return postgres.server()
    print(f"{reason}: not measured", flush=True)
    return nullcontext()


def measure(
    num_tells: int = NUM_TELLS, processes: int = NUM_PROCESSES, folder: Path | None = None, to: Path | None = None
) -> Iterator[Target]:
    """Measure all stores, print their figures, and yield the targets.

    Args:
        num_tells: How many trials are told in each measurement.
        processes: How many processes share a study.
        folder: Where the files of the studies lie; None for a temporary folder.
        to: A file to which the figures are appended as lines of JSON.
    """
    os.environ |= {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    found: list[Figures] = []
    with tempfile.TemporaryDirectory(dir=folder) as name, server() as url:
        files = partial(new_file, Path(name))
        schemas = partial(postgres.new_schema, url) if isinstance(url, str) else None
        print(f"one write to this disk takes {1e3 * seconds_of_write(Path(name)):.1f} ms", flush=True)
        for measured in (measure_ours, measure_optuna):
            for figures in measured(files, schemas, processes, num_tells):
                print(figures, flush=True)
                found.append(figures)
    if to is not None:
        with to.open("a") as file:
            file.writelines(json.dumps(asdict(figures)) + "\n" for figures in found)
    ours = [figures for figures in found if not figures.store.startswith("Optuna")]
    yield from targets(ours, found[len(ours) :])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return 1 if a target falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tells", type=int, default=NUM_TELLS, help="trials told in each measurement")
    parser.add_argument("--processes", type=int, default=NUM_PROCESSES, help="processes that share a study")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the files lie; by default a temporary folder")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append the figures as lines of JSON")
    options = parser.parse_args(arguments)
    return show(measure(options.tells, options.processes, options.folder, options.json))


if __name__ == "__main__":
    sys.exit(main())
