"""The ranks of a job and the line that each keeps to its driver: what came of it, and whether the other end lives.

Launchers hand back what the ranks of a successful job returned, and of a failed one an exit status at best. So every
rank connects to the driver, says who it is, and sends one report. The line carries one thing more, by being there:

    driver (`Reports`)                              rank (`Rank`)
    key -- inside what the launcher carries ----->  connect, prove the key, say the number
        <------------------------------ report ---  ("result" or "error", value, failed?), then exit with 0 or 1
    a rank's line ends without a report: it died
    a rank failed or died, or the driver died -->   the line ends: end, with everything that was started here

So no rank outlives its driver or waits for a rank that is gone, on whatever host, whatever the launcher does.
"""

import contextlib
import os
import pickle
import secrets
import signal
import socket
import sys
import threading
import time
import traceback
from dataclasses import dataclass, replace
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from bohb.errors import WorkerLost
from bohb.runner import tree
from bohb.runner.evaluation import Outcome

GRACE_SECONDS = 2.0
"""Between SIGTERM and SIGKILL, for a rank whose job has failed."""
SECONDS_TO_READ = 5.0
"""How long to wait for the rest of a report, once the job has ended."""


class Report(NamedTuple):
    """What a rank said: `kind` is `"result"`, `"error"`, or `"lost"` if it ended without a word."""

    rank: int
    kind: str
    value: Any
    is_failure: bool


@dataclass(frozen=True, slots=True)
class Rank:
    """What every rank runs: the call, with its report.

    Attributes:
        host: Where the driver listens; None for where the environment variable `host_variable` says.
        port: The port there.
        key: What proves to the driver that this is one of its ranks, and to the rank that it is its driver.
        packed: The call: function, arguments and keyword arguments, pickled.
        rank_variable: The environment variable in which the launcher says which rank this is.
        host_variable: The one in which it says where the driver is.
    """

    host: str | None
    port: int
    key: bytes
    packed: bytes
    rank_variable: str = "RANK"
    host_variable: str = "MASTER_ADDR"

    def __call__(self) -> None:
        """Makes the call and reports; after a failure, leaves at once with status 1, and the launcher ends the job."""
        line = connection.Client((self.host or os.environ[self.host_variable], self.port), authkey=self.key)
        os.register_at_fork(after_in_child=line.close)  # what the call forks must not keep the line open
        line.send(int(os.environ[self.rank_variable]))
        threading.Thread(target=_watch, args=(line,), daemon=True).start()
        packed, is_failure = _call(self.packed)
        line.send_bytes(packed)
        if is_failure:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)  # not `sys.exit`: what runs at exit may wait for the other ranks


class Reports:
    """The driver's end of the lines: a context in which ranks can connect.

    Args:
        size: How many ranks there are.
        is_local: Whether all of them are on this machine; the port is open to others only if they are not.
    """

    def __init__(self, size: int, *, is_local: bool) -> None:
        self.key = secrets.token_bytes(32)
        self._size = size
        self._is_local = is_local
        self._listener = connection.Listener(("127.0.0.1" if is_local else "0.0.0.0", 0), backlog=size + 8)  # noqa: S104
        self._lock = threading.Lock()
        self._lines: list[Connection] = []
        self._reports: list[Report] = []
        self._threads: list[threading.Thread] = []
        self._is_over = False

    def __enter__(self) -> "Reports":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()
        self._listener.close()

    def rank(self, packed: bytes, *, rank_variable: str, host_variable: str) -> Rank:
        """Returns what each rank is to run."""
        host = "127.0.0.1" if self._is_local else None
        return Rank(host, self._listener.address[1], self.key, packed, rank_variable, host_variable)

    def verdict(self, error: Exception | None) -> Any:
        """Returns the result of rank 0 if all went well, else what the first rank to fail returned or raised.

        Args:
            error: What the launcher raised, or None.

        Raises:
            WorkerLost: If a rank ended without a word, or the job never started.
        """
        for thread in list(self._threads):
            thread.join(SECONDS_TO_READ)
        failure = next((report for report in self._reports if report.is_failure), None)
        results = {report.rank: report.value for report in self._reports if report.kind == "result"}
        if failure is not None:
            return self._failed(failure, error)
        if error is not None or 0 not in results:
            seen = f"{len(results)} of {self._size} ranks had a result"
            raise WorkerLost(f"the job failed, {seen}; {type(error).__name__}: {error}")
        return results[0]

    def _failed(self, failure: Report, error: Exception | None) -> Any:
        if failure.kind == "lost":
            place = f"rank {failure.rank} of {self._size}"
            raise WorkerLost(f"{place} died before the trial had a result; {' '.join(str(error).split())}")
        if failure.kind == "error":
            raise failure.value
        outcome: Outcome = failure.value
        if failure.rank == 0:
            return outcome
        return replace(outcome, traceback=f"On rank {failure.rank} of {self._size}:\n{outcome.traceback}")

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                line = self._listener.accept()
                with self._lock:
                    thread = threading.Thread(target=self._serve, args=(line,), daemon=True)
                    self._threads.append(thread)
                    self._lines.append(line)
                thread.start()

    def _serve(self, line: Connection) -> None:
        """Listens to one rank until it has reported, or is gone."""
        try:
            connection.deliver_challenge(line, self.key)  # type: ignore[attr-defined]  # as `Listener.accept` does,
            connection.answer_challenge(line, self.key)  # type: ignore[attr-defined]  # which can be kept waiting
            rank = int(line.recv())
        except (OSError, EOFError, connection.AuthenticationError):
            return  # a stranger, or a rank that died before it was one
        try:
            report = Report(rank, *pickle.loads(line.recv_bytes()))  # noqa: S301  (it proved that it is ours)
        except (OSError, EOFError):
            report = Report(rank, "lost", None, is_failure=True)
        except Exception as error:  # what was sent cannot be made again here
            report = Report(rank, "error", error, is_failure=True)
        with self._lock:
            if not self._is_over:
                self._reports.append(report)
        if report.is_failure:
            self._hang_up()

    def _hang_up(self) -> None:
        """Ends the lines, so that the ranks end; what comes now is a consequence."""
        with self._lock:
            is_first, self._is_over = not self._is_over, True
        if is_first:
            for line in self._lines:
                _shut(line)


def _call(packed: bytes) -> tuple[bytes, bool]:
    """Makes the call; returns what to report, and whether it failed."""
    try:
        fn, args, kwargs = pickle.loads(packed)  # noqa: S301  (from our driver, by the launcher)
        value = fn(*args, **kwargs)
        is_failure = isinstance(value, Outcome) and value.error is not None
        return pickle.dumps(("result", value, is_failure)), is_failure
    except BaseException as error:
        return _pack(error), True


def _pack(error: BaseException) -> bytes:
    try:
        packed = pickle.dumps(("error", error, True))
        pickle.loads(packed)  # noqa: S301  (many exceptions can be pickled but not made again)
    except Exception:
        text = "".join(traceback.format_exception(error))
        packed = pickle.dumps(("error", RuntimeError(f"the call failed, or its result cannot be sent:\n{text}"), True))
    return packed


def _watch(line: Connection) -> None:
    """Ends this process and all it started, once the driver's end of the line is gone."""
    with contextlib.suppress(OSError, EOFError):
        line.recv_bytes()  # the driver never says anything
    family = tree.descendants(os.getpid())
    tree.signal_processes(family, signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    tree.signal_processes(family, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _shut(line: Connection) -> None:
    """Ends a connection also for a thread that reads from it, which `close` does not."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(line.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)
