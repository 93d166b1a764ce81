"""A server that does not answer: each call ends with `StudyBusy`, what it wrote is there or not, and repeating is safe.

The server is a real one. Its processes are stopped, or a proxy stands between, which swallows what comes after some
byte. The patience of the tests is short: a call that a busy machine delays gets the same error, which changes nothing.
"""

import gc
import os
import random
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

import bohb
from benchmarks.postgres import new_schema
from bohb.errors import StudyBusy, StudyError, StudyUnavailable
from bohb.runner.workers import process_tree
from bohb.study import quick_tell
from bohb.study.stores import postgres
from bohb.study.stores.patience import Patience
from tests.study.common import again_if_busy, open_new, rows_of

NUM_THREADS = 16


@contextmanager
def impatient(seconds=0.5):
    """A patience that tests can wait for."""
    renew, patience = Patience.renew, postgres.LOCK_SECONDS
    postgres.LOCK_SECONDS, Patience.renew = seconds, lambda self: setattr(self, "left", seconds)
    try:
        yield
    finally:
        postgres.LOCK_SECONDS, Patience.renew = patience, renew


@contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def study(database):
    with open_new(database) as one:
        yield one


def backend_of(study):
    """The process of the server that serves a study."""
    return study._transactions._log._connection.info.backend_pid


def losses(target):
    with bohb.Study.open(target) as study:
        return {result.trial.id: result.loss for result in study.results}


# Processes of the server that are stopped.


@pytest.mark.parametrize("act", ["ask", "tell", "read", "heartbeat", "open"])
def test_a_stopped_backend_ends_a_call(study, database, act):
    """The lock that it holds, if it does, keeps others waiting no longer than its own client."""
    trial = study.ask(lease=60)
    acts = {
        "ask": study.ask,
        "tell": lambda: study.tell(trial, 0.5),
        "read": lambda: study.results,
        "heartbeat": lambda: study.heartbeat(trial),
        "open": lambda: bohb.Study.open(database).close(),
    }
    with stopped(backend_of(study)):
        if act == "open":
            acts[act]()  # a connection of its own
        else:
            with impatient(), pytest.raises(StudyBusy):
                acts[act]()
    again_if_busy(study.tell, trial, 0.5)
    assert losses(database) == {trial.id: 0.5}


def test_a_backend_that_stops_while_it_holds_the_lock_keeps_nobody_waiting(study, database):
    """Neither its own client nor others; when it goes on, so does everything."""
    trial = study.ask()

    with ExitStack() as stack:

        def stop_after(replica, at):
            """The patience becomes short only now that the lock is held."""
            stack.enter_context(stopped(backend_of(study)))
            stack.enter_context(impatient())
            study._transactions._log._patience.renew()
            return replica.optimizer.tell(trial, 0.5)

        with pytest.raises(StudyBusy):
            study._transactions.write(stop_after)
        with pytest.raises(StudyBusy):
            quick_tell.tell(database, trial.id, 0.5)
    again_if_busy(study.tell, trial, 0.5)
    assert losses(database) == {trial.id: 0.5}


def test_a_stopped_postmaster_ends_a_call(study, database):
    """It accepts nobody new, and who is connected goes on."""
    trial = study.ask()
    by_pid = {process.pid: process for process in process_tree.processes()}
    with stopped(by_pid[backend_of(study)].parent), impatient():
        with pytest.raises(StudyBusy):
            quick_tell.tell(database, trial.id, 0.5)
        with pytest.raises(StudyBusy):
            open_new(database)
    quick_tell.tell(database, trial.id, 0.5)
    assert losses(database) == {trial.id: 0.5}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_call_that_ended_keeps_no_connection(study, database):
    """Neither one that was about to be made, nor one that was in use."""
    trial = study.ask()
    num_open = len(list(Path("/proc/self/fd").iterdir()))
    by_pid = {process.pid: process for process in process_tree.processes()}
    gc.disable()
    try:
        with stopped(by_pid[backend_of(study)].parent), impatient(), pytest.raises(StudyBusy):
            quick_tell.tell(database, trial.id, 0.5)
        assert len(list(Path("/proc/self/fd").iterdir())) == num_open
        with stopped(backend_of(study)), impatient(), pytest.raises(StudyBusy):
            study.tell(trial, 0.5)
        assert len(list(Path("/proc/self/fd").iterdir())) == num_open - 1
    finally:
        gc.enable()


def test_an_interrupted_call_leaves_no_lock(study, database):
    """Ctrl-C while the lock is awaited."""
    import psycopg

    def interrupt():
        with psycopg.connect(database, autocommit=True) as other:
            query = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'bohb_events'::regclass"
            while other.execute(query).fetchone() is None:
                time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    trial = study.ask()
    with (
        bohb.Study.open(database) as holder,
        holder._transactions._log.transaction(write=True),
        pytest.raises(KeyboardInterrupt),
    ):
        threading.Thread(target=interrupt, daemon=True).start()
        again_if_busy(quick_tell.tell, database, trial.id, 0.25)
    study.tell(trial, 0.5)
    assert losses(database) == {trial.id: 0.5}


def test_rows_are_never_written_outside_of_their_transaction(study, database):
    """A connection that the server ends within a transaction is not replaced within it."""
    import psycopg

    before, log = rows_of(database), study._transactions._log
    with pytest.raises(StudyUnavailable), log.transaction(write=True) as moment:
        with psycopg.connect(database, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 60000)", (log._connection.info.backend_pid,))
        with suppress(StudyUnavailable):
            list(log.read_after(0))
        log.append([moment.last._replace(seq=moment.last.seq + 1)])
    assert rows_of(database) == before


# A network that swallows.


class Proxy:
    """Between a client and a server; after so many bytes of one direction, all that comes there is swallowed."""

    def __init__(self, server, *, direction=None, limit=None):
        self._left = {"up": None, "down": None}
        if direction is not None:
            self._left[direction] = limit
        self.counts = {"up": 0, "down": 0}
        self._server, self._sockets = server, []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        """Let nobody in any more, and end the connection."""
        for one in (self._listener, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self):
        with suppress(OSError):
            client, _ = self._listener.accept()
            with client, socket.create_connection(self._server) as server:
                self._sockets += [client, server]
                pairs = {"up": (client, server), "down": (server, client)}
                threads = [threading.Thread(target=self._carry, args=(name, *pairs[name])) for name in pairs]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()

    def _carry(self, direction, source, sink):
        with suppress(OSError):
            while data := source.recv(4096):
                left = self._left[direction]
                if left is not None:
                    data, self._left[direction] = data[:left], max(left - len(data), 0)
                self.counts[direction] += len(data)
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def address(url):
    """The host and the port in a URL of the server of the tests."""
    host, port = url.partition("@")[2].partition("/")[0].split(":")
    return host, int(port)


def through(proxy, url):
    return url.replace(f":{address(url)[1]}/", f":{proxy.port}/")


def tell_through(url, trial_id, **options):
    """Tell through a proxy; return how the call ended, and what the proxy carried."""
    with closing(Proxy(address(url), **options)) as proxy:
        try:
            quick_tell.tell(through(proxy, url), trial_id, 0.5)
            ended = None
        except StudyError as error:
            ended = type(error)
    return ended, proxy.counts


@pytest.fixture
def studies(server):
    """A study for each thread, in a schema of its own."""
    urls = [new_schema(server) for _ in range(NUM_THREADS)]
    for url in urls:
        open_new(url).close()
    return urls


def swallow_each(url, cases):
    """Tell one trial in each case, and then again without the proxy; return how the calls ended."""
    ends = []
    with again_if_busy(bohb.Study.open, url) as study:

        def told():
            return [result.trial.id for result in again_if_busy(lambda: study.results)]

        for direction, limit in cases:
            trial = again_if_busy(study.ask)
            ended, _ = tell_through(url, trial.id, direction=direction, limit=limit)
            before = told()
            assert ended is not None or trial.id in before  # acknowledged
            again_if_busy(study.tell, trial, 0.5)
            assert len(told()) - len(before) in (0, 1)
            ends.append(ended)
        found = told()
        assert sorted(found) == sorted(set(found))
        assert len(found) == len(cases)
    return ends


SLOW_SHARE = 1.0 if os.environ.get("BOHB_EVERY_BYTE") == "1" else 0.25


@pytest.mark.parametrize("share", [0.01, pytest.param(SLOW_SHARE, marks=pytest.mark.slow)])
def test_packets_that_are_swallowed_after_any_byte_lose_nothing(studies, share):
    """For each direction, and each number of bytes of one whole call: a sample, or all with BOHB_EVERY_BYTE=1."""
    with bohb.Study.open(studies[0]) as study:
        trial = study.ask()
    ended, counts = tell_through(studies[0], trial.id)
    assert ended is None
    cases = [(direction, limit) for direction, count in counts.items() for limit in range(count)]
    ends_of_calls = [(direction, count - 1) for direction, count in counts.items()]
    sample = random.Random(0).sample(cases, round(share * len(cases)))
    sample = sample if share == 1 else [*sample, *ends_of_calls]
    with bohb.Study.open(studies[0]) as study:
        study.tell(trial, 0.5)
        study.release(again_if_busy(study.ask))
    studies = studies[1:]
    with impatient(2.0), ThreadPoolExecutor(len(studies)) as pool:
        shares = [sample[number :: len(studies)] for number in range(len(studies))]
        ends = [end for found in pool.map(swallow_each, studies, shares) for end in found]
    assert len(ends) == len(sample)
    assert ends.count(StudyBusy) > len(sample) / 2
