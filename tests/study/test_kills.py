"""Killed processes: no acknowledged tell is lost, none counts twice, and the search continues unchanged."""

import os
import random
import signal
import time

import pytest

import bohb
from tests.study.common import loss_of, open_new, replayed, rows_of

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def work(target, ack):
    """Ask and tell until this process is killed; acknowledge each tell."""
    with open_new(target) as study:
        while True:
            trial = study.ask()
            study.tell(trial, loss_of(trial), info={"pid": os.getpid()})
            os.write(ack, b"%d\n" % trial.id)


def in_child(task, *arguments):
    """Run a task in a fork of this process; return its id."""
    pid = os.fork()
    if pid == 0:
        try:
            task(*arguments)
        finally:
            os._exit(1)
    return pid


@pytest.fixture(autouse=True)
def _imports(tmp_path):
    """Import everything before the forks, which would otherwise be killed while they import."""
    with open_new(tmp_path / "other.db") as study:
        study.tell(study.ask(), 1.0)


def storm(target, num_kills, *, longest=0.02):
    """Kill workers at random moments; return the ids of the acknowledged tells."""
    rng, acknowledged = random.Random(0), []
    for number in range(num_kills):
        receive, send = os.pipe()
        pid = in_child(work, target, send)
        os.close(send)
        # Every other one dies while it opens the study, the rest in the loop, however slow the machine is.
        first = os.read(receive, 1) if number % 2 else b""
        time.sleep(rng.uniform(0, longest))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status), "the worker failed before it was killed"
        with os.fdopen(receive, "rb") as pipe:
            acknowledged += [int(line) for line in (first + pipe.read()).split(b"\n") if line]
    return acknowledged


def check(target, acknowledged):
    told = [row for row in rows_of(target) if row.kind == "told"]
    with bohb.Study.open(target) as study:
        counted = [result.trial.id for result in study.results]
        assert len(set(counted)) == len(counted) == len(told)
        assert set(acknowledged) <= set(counted)
        assert len(set(acknowledged)) == len(acknowledged)
        uninterrupted = replayed(target)
        for _ in range(20):
            trial = study.ask()
            assert trial == uninterrupted.ask()
            assert study.tell(trial, loss_of(trial)) == uninterrupted.tell(trial, loss_of(trial))


def test_300_kills_lose_nothing(tmp_path):
    """The first ones come before the study is even created."""
    acknowledged = storm(tmp_path / "s.db", 300)
    assert len(acknowledged) > 100
    check(tmp_path / "s.db", acknowledged)


@pytest.mark.slow
def test_1000_kills_lose_nothing(tmp_path):
    acknowledged = storm(tmp_path / "s.db", 1000)
    assert len(acknowledged) >= 500  # every other one comes after a tell
    check(tmp_path / "s.db", acknowledged)


def test_kills_lose_nothing_on_a_server(database):
    open_new(database).close()
    acknowledged = storm(database, 60)
    assert acknowledged
    check(database, acknowledged)


def test_a_worker_killed_in_its_transaction_frees_the_lock(tmp_path):
    """The lock ends with its holder, and nothing that it had not committed is there."""
    target = tmp_path / "s.db"
    open_new(target).close()
    receive, send = os.pipe()

    def hold():
        study = open_new(target)
        with study._transactions._log.transaction(write=True) as moment:
            replica = study._transactions._newest(moment)
            replica.optimizer.ask()
            study._transactions._log.append(replica.rows(moment.at))
            os.write(send, b"inside")
            time.sleep(60)

    pid = in_child(hold)
    assert os.read(receive, 6) == b"inside"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(receive)
    os.close(send)
    with bohb.Study.open(target) as study:
        assert study.pending == ()
        assert study.ask().id == 0
