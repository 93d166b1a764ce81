"""The contract on jobs of plain processes, and what becomes of a job when one of its ranks fails."""

import os
import pickle
import signal
import socket
import time
from multiprocessing import AuthenticationError
from pathlib import Path

import pytest

import bohb
from bohb.runner.executors.hosts import share_slots
from bohb.runner.executors.multirank import MultiRankExecutor
from bohb.runner.ranks.connections import Connections, connect, receive
from tests.runner.contract import *  # noqa: F403
from tests.runner.contract import HOUR, is_running, make_optimizer, pids
from tests.runner.engines import Engine
from tests.runner.plain_launch import PlainLaunch

pytestmark = pytest.mark.slow


def make_executor(workers: int, ranks: int = 1) -> MultiRankExecutor:
    slots = share_slots(workers * ranks, ranks, None)
    return MultiRankExecutor(PlainLaunch(), slots, gpus_per_trial=0, gpus=None, output=None, grace=3.0)


@pytest.fixture
def engine() -> Engine:
    return Engine(make_executor, survives=True, can_end=True, is_slow=True)


def run_pair(objective, *, retries: int = 0, max_trials: int = 1):
    optimizer = make_optimizer()
    with make_executor(1, ranks=2) as executor:
        arguments = {"executor": executor, "max_trials": max_trials, "retries": retries, "progress": False}
        return bohb.run(objective, optimizer, **arguments), optimizer.results


def test_what_rank_0_returns_counts() -> None:
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
def test_a_rank_that_leaves_without_a_word_is_lost(how: str) -> None:
    """Also with status 0: without its report there is no result to believe."""

    def objective(trial):
        if os.environ["RANK"] == "1":
            exec(how)  # noqa: S102
        time.sleep(HOUR)

    report, results = run_pair(objective)
    assert (report.num_failures, report.num_lost) == (1, 1)
    assert results[0].info["error"].startswith("WorkerLost: rank 1 of 2 died")


def test_any_call_travels() -> None:
    """It is an executor like others: results and exceptions of plain calls, and errors that cannot be pickled."""

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


def test_a_stranger_on_the_port_is_not_listened_to() -> None:
    """Nothing that comes without the key is read, and it keeps nobody waiting."""
    heard = []
    connections = Connections(lambda rank, line: heard.append((rank, receive(line))), is_local=True)
    silent = socket.create_connection(("127.0.0.1", connections.port))  # says nothing, for ever
    rude = socket.create_connection(("127.0.0.1", connections.port))
    rude.sendall(b"\0\0\0\4evil")
    with pytest.raises((AuthenticationError, OSError, EOFError)):
        connect("127.0.0.1", connections.port, b"another key", 0)
    line = connect("127.0.0.1", connections.port, connections.key, 5)
    line.send_bytes(pickle.dumps("hello"))
    until = time.monotonic() + 10
    while not heard and time.monotonic() < until:
        time.sleep(0.01)
    assert heard == [(5, "hello")]
    for end in (silent, rude, line):
        end.close()
    connections.close()
