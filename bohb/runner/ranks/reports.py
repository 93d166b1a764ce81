"""What each rank of a trial reports to its driver, and how neither outlives the other.

A launcher hands back what the ranks returned if all of them succeed; otherwise an exit status at best. So every rank
connects to the driver, sends its number and then one report. The open connection itself is the third message:

    driver (`ReportCollector`)                      rank (`Rank`)
    key -- inside what the launcher carries ----->  connect, prove the key, send the number
        <------------------------------ report ---  ("result" or "error", value), then exit with 0 or 1
    a connection closes without a report: the rank died
    a rank failed or died, or the driver died -->   the connection closes: end, with every process started here

So no rank outlives its driver or waits for a rank that is gone, on any host and with any launcher.
"""

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, NamedTuple

from bohb.errors import WorkerLost
from bohb.runner.evaluation import Outcome
from bohb.runner.ranks.connections import Connections, connect, receive
from bohb.runner.workers import process_tree
from bohb.runner.workers.pickling import pack_reply
from bohb.runner.workers.watchdog import call_when_closed

RANK_GRACE_SECONDS = 2.0
"""Between SIGTERM and SIGKILL for a rank whose trial has failed; shorter than the grace of its driver."""
SECONDS_TO_READ = 5.0
"""How long to wait for the rest of a report once the launcher has returned."""


class RankReport(NamedTuple):
    """What a rank reported: `kind` is `"result"`, `"error"`, or `"lost"` if it ended without a report."""

    rank: int
    kind: str
    value: Any

    @property
    def is_failure(self) -> bool:
        """Whether the call failed on this rank."""
        return _is_failure(self.kind, self.value)


@dataclass(frozen=True, slots=True)
class Rank:
    """What every rank runs: make the call and report what came of it.

    Attributes:
        host: The host of the driver; None to read it from the environment variable `host_variable`.
        port: The port of the driver.
        key: Proves to the driver that this is one of its ranks, and to the rank that this is its driver.
        packed: The call: function, arguments and keyword arguments, pickled.
        rank_variable: The environment variable in which the launcher gives the number of the rank.
        host_variable: The environment variable in which the launcher gives the host of the driver.
    """

    host: str | None
    port: int
    key: bytes
    packed: bytes
    rank_variable: str = "RANK"
    host_variable: str = "MASTER_ADDR"

    def __call__(self) -> None:
        """Make the call and report; after a failure exit at once with status 1, so that the launcher ends the rest."""
        host = self.host or os.environ[self.host_variable]
        connection = connect(host, self.port, self.key, int(os.environ[self.rank_variable]))
        process_tree.adopt_orphans()
        call_when_closed(connection.fileno(), _end_with_descendants, is_silent=True)
        signal.signal(signal.SIGTERM, _exit_on_signal)
        packed, is_failure = _call(self.packed)
        connection.send_bytes(packed)
        if is_failure:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)  # not `sys.exit`: exit handlers may wait for the other ranks


class ReportCollector:
    """The driver's side: a context in which ranks can connect and report.

    Args:
        size: The number of ranks.
        is_local: Whether all of them are on this machine. Only if they are not, other machines can reach the port.
        on_failure: Called when the first rank has failed or died.
    """

    def __init__(self, size: int, *, is_local: bool, on_failure: Callable[[], None] | None = None) -> None:
        self._size = size
        self._is_local = is_local
        self._on_failure = on_failure
        self._connections = Connections(self._listen, is_local=is_local)
        self._lock = threading.Lock()
        self._reports: list[RankReport] = []
        self._is_over = False

    def __enter__(self) -> "ReportCollector":
        return self

    def __exit__(self, *_: object) -> None:
        self._connections.close()

    def rank(self, packed: bytes, *, rank_variable: str, host_variable: str) -> Rank:
        """Return what each rank has to run."""
        host = "127.0.0.1" if self._is_local else None
        return Rank(host, self._connections.port, self._connections.key, packed, rank_variable, host_variable)

    def verdict(self, error: Exception | None) -> Any:
        """Return the result of rank 0 if every rank succeeded, else what the first rank to fail returned or raised.

        Args:
            error: What the launcher raised, or None.

        Raises:
            WorkerLost: If a rank ended without a report, or the ranks never started.
        """
        self._connections.wait(SECONDS_TO_READ)
        failure = next((report for report in self._reports if report.is_failure), None)
        results = {report.rank: report.value for report in self._reports if report.kind == "result"}
        if failure is not None:
            return self._failed(failure, error)
        if error is not None or 0 not in results:
            seen = f"{len(results)} of {self._size} ranks had a result"
            raise WorkerLost(f"the ranks failed: {seen}; {type(error).__name__}: {error}")
        return results[0]

    def _failed(self, failure: RankReport, error: Exception | None) -> Any:
        if failure.kind == "lost":
            rank = f"rank {failure.rank} of {self._size}"
            raise WorkerLost(f"{rank} died before the trial had a result; {' '.join(str(error).split())}")
        if failure.kind == "error":
            raise failure.value
        outcome: Outcome = failure.value
        if failure.rank == 0:
            return outcome
        return on_rank(failure.rank, self._size, outcome)

    def _listen(self, rank: int, connection: Connection) -> None:
        """Listen to one rank until it has reported or is gone."""
        try:
            message = receive(connection)
            report = RankReport(rank, "lost", None) if message is None else RankReport(rank, *message)
        except Exception as error:  # what was sent cannot be unpickled here
            report = RankReport(rank, "error", error)
        with self._lock:
            if self._is_over:
                return  # this failure follows from the first one
            self._reports.append(report)
            self._is_over = report.is_failure
        if report.is_failure:
            self._connections.disconnect()  # so that the other ranks end
            if self._on_failure is not None:
                self._on_failure()


def on_rank(rank: int, size: int, outcome: Outcome) -> Outcome:
    """Return the outcome of a failed rank, with a traceback that names the rank."""
    return replace(outcome, traceback=f"On rank {rank} of {size}:\n{outcome.traceback}")


def _is_failure(kind: str, value: Any) -> bool:
    """Whether a rank failed. One that returned no loss did not: rank 0 has it."""
    return kind != "result" or (isinstance(value, Outcome) and value.error is not None and value.is_answer)


def _call(packed: bytes) -> tuple[bytes, bool]:
    """Make the call; return the report as bytes, and whether it reports a failure."""
    try:
        fn, args, kwargs = pickle.loads(packed)  # noqa: S301  (from our driver, by the launcher)
        kind, value = "result", fn(*args, **kwargs)
    except BaseException as error:  # also SystemExit: the driver must hear of it
        kind, value = "error", error
    sent, report = pack_reply(kind, value)
    return report, _is_failure(sent, value)


def _end_with_descendants() -> None:
    """End this process and everything it started: the driver is gone, or another rank failed."""
    descendants = process_tree.descendants(os.getpid())
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(2 * RANK_GRACE_SECONDS)
    process_tree.signal_processes(descendants, signal.SIGKILL)  # the main thread did not get to it
    os.kill(os.getpid(), signal.SIGKILL)


def _exit_on_signal(number: int, _: FrameType | None) -> None:
    """On SIGTERM, end what this process started, then this process; launchers signal the ranks alone."""
    descendants = process_tree.descendants(os.getpid())
    process_tree.signal_processes(descendants, signal.SIGTERM)
    until = time.monotonic() + RANK_GRACE_SECONDS
    while any(process_tree.is_alive(process) for process in descendants) and time.monotonic() < until:
        time.sleep(0.05)
    process_tree.signal_processes(descendants, signal.SIGKILL)
    os._exit(128 + number)
