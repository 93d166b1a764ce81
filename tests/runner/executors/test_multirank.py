"""The contract on ranks that are plain processes, and what a failing rank does to its trial."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

import bohb
from bohb.runner.executors.hosts import share_slots
from bohb.runner.executors.multirank import MultiRankExecutor
from bohb.testing.executor_runs import HOUR, make_optimizer
from bohb.testing.executors import ExecutorContract
from bohb.testing.processes import is_running, pids
from tests.runner.executors.plain_launch import PlainLaunch

pytestmark = pytest.mark.slow


def make_executor(workers: int, ranks: int = 1) -> MultiRankExecutor:
    slots = share_slots(workers * ranks, ranks, None)
    return MultiRankExecutor(PlainLaunch(), slots, gpus_per_trial=0, gpus=None, output=None, grace=3.0)


class TestMultiRankExecutor(ExecutorContract):
    survives = True
    is_slow = True
    start_seconds = 40

    def make(self, workers):
        return make_executor(workers)


def run_pair(objective, *, retries: int = 0, max_trials: int = 1):
    optimizer = make_optimizer()
    with make_executor(1, ranks=2) as executor:
        arguments = {"executor": executor, "max_trials": max_trials, "retries": retries, "progress": False}
        return bohb.run(objective, optimizer, **arguments), optimizer.results


def test_the_outcome_of_rank_0_is_told() -> None:
    """Every rank is called; one result is told."""

    def objective(trial):
        return {"loss": float(os.environ["RANK"]) + 1, "info": {"rank": os.environ["RANK"]}}

    report, results = run_pair(objective, max_trials=3)
    assert report.num_failures == 0
    assert [(result.loss, result.info) for result in results] == [(1.0, {"rank": "0"})] * 3


def test_a_rank_that_raises_ends_the_others(tmp_path: Path) -> None:
    """The exception of rank 1 is told while rank 0 would wait for an hour; nothing of rank 0 is left."""
    folder = str(tmp_path)

    def objective(trial):
        Path(folder, f"{trial.id}.{os.getpid()}").touch()
        if os.environ["RANK"] == "1":
            raise ValueError("no data here")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.fork()
        Path(folder, f"{trial.id}.{os.getpid()}").touch()
        time.sleep(HOUR)

    report, results = run_pair(objective, retries=2)
    assert (report.num_failures, report.num_lost) == (1, 0)
    assert results[0].info["error"] == "ValueError: no data here"
    assert results[0].info["traceback"].startswith("On rank 1 of 2:\nTraceback")
    assert not any(is_running(pid) for pid in pids(tmp_path))


@pytest.mark.parametrize("how", ["os.kill(os.getpid(), 9)", "os._exit(0)", "os._exit(7)"])
def test_a_rank_that_exits_early_is_a_lost_worker(how: str) -> None:
    """Also with status 0: without its report there is no result."""

    def objective(trial):
        if os.environ["RANK"] == "1":
            exec(how)  # noqa: S102
        time.sleep(HOUR)

    report, results = run_pair(objective)
    assert (report.num_failures, report.num_lost) == (1, 1)
    assert results[0].info["error"].startswith("WorkerLost: rank 1 of 2 died")


def test_results_and_exceptions_of_plain_calls() -> None:
    """It is a general executor; an exception that cannot be pickled arrives as a RuntimeError."""

    class Odd(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__("odd")

    def fail():
        raise Odd(1, 2)

    with make_executor(1, ranks=2) as executor:
        assert executor.submit(pow, 2, 5).result() == 32
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0).result()
        with pytest.raises(RuntimeError, match="odd"):
            executor.submit(fail).result()
        with socket.socket() as open_socket, pytest.raises(bohb.SettingError, match="cannot be pickled"):
            executor.submit(print, open_socket)
