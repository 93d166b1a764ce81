"""Trials per minute of a study that several processes share, compared with Optuna's storages.

    python -m benchmarks.study --workers 16 --trials 100 --postgres postgresql://user@host/db

Every worker asks and tells trials of a trivial objective, so that only the stores are measured. Optuna runs its random
sampler, the study the preset named with it. "Longest" is the longest time of an ask or a tell. Compare lines of one run
only, because they depend on the machine and its load.
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SPACE = {"x": (-1.0, 1.0), "n": (1, 64), "act": ["relu", "tanh"]}
CONTEXT = multiprocessing.get_context("fork")


def work_with_study(target: str, num_trials: int) -> list[float]:
    """Ask and tell. Return the seconds of each call."""
    import bohb

    waits = []
    with bohb.Study.open(target) as study:
        for _ in range(num_trials):
            started = time.perf_counter()
            trial = study.ask()
            asked = time.perf_counter()
            study.tell(trial, trial.config["x"] ** 2)
            waits += [asked - started, time.perf_counter() - asked]
    return waits


def work_with_optuna(storage: Any, num_trials: int) -> list[float]:
    """Ask and tell. Return the seconds of each call."""
    import optuna

    study = optuna.load_study(study_name="s", storage=storage(), sampler=optuna.samplers.RandomSampler())
    waits = []
    for _ in range(num_trials):
        started = time.perf_counter()
        trial = study.ask()
        x = trial.suggest_float("x", -1, 1)
        trial.suggest_int("n", 1, 64)
        trial.suggest_categorical("act", ["relu", "tanh"])
        asked = time.perf_counter()
        study.tell(trial, x**2)
        waits += [asked - started, time.perf_counter() - asked]
    return waits


def journal(path: str) -> Any:
    """Return Optuna's journal in a file."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(path))


def measure(
    work: Callable[[Any, int], list[float]], store: Any, num_workers: int, num_trials: int
) -> tuple[float, ...]:
    """Return (seconds from the first call to the last, trials told, failed workers, longest wait)."""
    start, waits = CONTEXT.Barrier(num_workers + 1), CONTEXT.SimpleQueue()

    def task() -> None:
        start.wait()
        try:
            waits.put(work(store, num_trials))
        except Exception as error:
            print(f"  {type(error).__name__}: {str(error)[:150]}", file=sys.stderr)
            waits.put([])

    workers = [CONTEXT.Process(target=task) for _ in range(num_workers)]
    for worker in workers:
        worker.start()
    start.wait()
    started = time.perf_counter()
    found = [waits.get() for _ in workers]
    seconds = time.perf_counter() - started
    for worker in workers:
        worker.join()
    longest = max((wait for of_one in found for wait in of_one), default=float("nan"))
    return seconds, sum(map(len, found)) / 2, sum(not of_one for of_one in found), longest


def studies(folder: Path, url: str | None) -> list[tuple[str, Any, Any]]:
    """Creates what is compared: (name, how to work with it, the store)."""
    import bohb

    found: list[tuple[str, Any, Any]] = []
    for preset in ("default", "random"):
        target = str(folder / f"{preset}.db")
        bohb.Study.open(target, SPACE, bohb.geometric(1, 27), seed=0, preset=preset).close()
        found.append((f"bohb, SQLite, preset {preset}", work_with_study, target))
    if url is not None:
        bohb.Study.open(url, SPACE, bohb.geometric(1, 27), seed=0).close()
        found.append(("bohb, PostgreSQL, preset default", work_with_study, url))
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sqlite, log = f"sqlite:///{folder / 'optuna.db'}", str(folder / "optuna.log")
    storages: dict[str, Callable[[], Any]] = {
        "Optuna, SQLite": lambda: optuna.storages.RDBStorage(sqlite),
        "Optuna, journal": lambda: journal(log),
    }
    for name, storage in storages.items():
        optuna.create_study(study_name="s", storage=storage())
        found.append((name, work_with_optuna, storage))
    return found


def main() -> None:
    """Print one line for each store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--trials", type=int, default=100, help="number of trials of each worker")
    parser.add_argument("--postgres", help="the URL of an empty schema")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"{given.workers} processes x {given.trials} trials")
        print(f"{'store':34} {'trials/s':>9} {'told':>6} {'failed':>7} {'longest [s]':>12}")
        for name, work, store in studies(Path(folder), given.postgres):
            seconds, told, failed, longest = measure(work, store, given.workers, given.trials)
            print(f"{name:34} {told / seconds:9.0f} {told:6.0f} {failed:7.0f} {longest:12.2f}", flush=True)


if __name__ == "__main__":
    main()
