"""The simulation finds no fault in the study, repeats itself, and finds the faults that are put in."""

import hashlib
import os
import subprocess
import sys
from collections import Counter

import pytest

from bohb.optimizer import events
from bohb.study import leases, quick_tell
from bohb.study.replica import Replica
from tests.campaign import broken_servers
from tests.campaign.common import ROOT, campaign
from tests.campaign.ledger import Broken
from tests.campaign.simulated_store import Server
from tests.campaign.simulation import FAULTS, World


def first_broken(make_server=Server):
    """What the first seed says that breaks a promise; None if no seed does."""
    for seed in range(60):
        try:
            World(seed, make_server).run()
        except Broken as broken:
            return str(broken)
    return None


def test_no_promise_is_broken():
    """Every kind of fault occurs in these runs."""
    counts = Counter()
    for seed in range(25):
        counts += World(seed).run()
    assert {*FAULTS, "tells", "rows: expired", "rows: renewed", "rows: released"} <= {*counts}


@pytest.mark.slow
def test_no_promise_is_broken_in_a_minute():
    """By hand, give it an hour: `--seconds 3600`."""
    campaign("simulate", "--seed", "1000000", "--seconds", "60")


def test_a_seed_repeats_a_run():
    """Also in another process, in which sets and dicts of texts have another order."""
    code = (
        "import hashlib; from tests.campaign.simulation import World; world = World(7); world.run();"
        "print(hashlib.sha256(repr(world.server.rows).encode()).hexdigest())"
    )
    world = World(7)
    world.run()
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == hashlib.sha256(repr(world.server.rows).encode()).hexdigest()


@pytest.mark.parametrize("make_server", broken_servers.ALL)
def test_a_broken_server_is_found(make_server):
    assert first_broken(make_server) is not None


# A broken study is found too, by the promise that it breaks.


def test_a_lost_tell_is_found(monkeypatch):
    open_log = quick_tell.open_log

    def open_deaf(target):
        log = open_log(target)
        log.append = lambda rows: None
        return log

    monkeypatch.setattr(quick_tell, "open_log", open_deaf)
    assert "acknowledged tells are lost" in str(first_broken())


def test_a_doubled_tell_is_found(monkeypatch):
    monkeypatch.setattr(quick_tell, "_find_told", lambda *_: None)
    assert "StudyCorrupt" in str(first_broken())


def test_a_short_lease_is_found(monkeypatch):
    monkeypatch.setattr(leases.Lease, "is_over", lambda self, at: abs(at - self.since) > self.seconds / 2)
    assert "was taken from a live worker" in str(first_broken())


def test_a_lease_without_end_is_found(monkeypatch):
    monkeypatch.setattr(leases.Leases, "overdue", lambda *_: [])
    assert "trials that nobody is asked" in str(first_broken())


def test_a_lost_heartbeat_is_found(monkeypatch):
    record = Replica.record
    monkeypatch.setattr(
        Replica, "record", lambda self, kind, *rest: kind == leases.RENEWED or record(self, kind, *rest)
    )
    assert "an acknowledged heartbeat is lost" in str(first_broken())


def test_a_memory_that_differs_is_found(monkeypatch):
    """The log gets something else than the memory of the process that tells."""
    to_json = events.to_json

    def other(event, space):
        kind, facts = to_json(event, space)
        return kind, ({**facts, "info": {"other": True}} if kind == "told" else facts)

    monkeypatch.setattr(events, "to_json", other)
    assert "is not what a replay gives" in str(first_broken())
