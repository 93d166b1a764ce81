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
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, NamedTuple

from bohb.errors import WorkerLost
from bohb.runner.evaluation import Outcome
from bohb.runner.ranks.connections import Lines, connect, receive
from bohb.runner.workers import process_tree

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
        host = self.host or os.environ[self.host_variable]
        line = connect(host, self.port, self.key, int(os.environ[self.rank_variable]))
        threading.Thread(target=_watch, args=(line,), daemon=True).start()
        signal.signal(signal.SIGTERM, _leave)
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
        self._size = size
        self._is_local = is_local
        self._lines = Lines(self._listen, is_local=is_local)
        self._lock = threading.Lock()
        self._reports: list[Report] = []
        self._is_over = False

    def __enter__(self) -> "Reports":
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()

    def rank(self, packed: bytes, *, rank_variable: str, host_variable: str) -> Rank:
        """Returns what each rank is to run."""
        host = "127.0.0.1" if self._is_local else None
        return Rank(host, self._lines.port, self._lines.key, packed, rank_variable, host_variable)

    def verdict(self, error: Exception | None) -> Any:
        """Returns the result of rank 0 if all went well, else what the first rank to fail returned or raised.

        Args:
            error: What the launcher raised, or None.

        Raises:
            WorkerLost: If a rank ended without a word, or the job never started.
        """
        self._lines.wait(SECONDS_TO_READ)
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
        return on_rank(failure.rank, self._size, outcome)

    def _listen(self, rank: int, line: Connection) -> None:
        """Listens to one rank until it has reported, or is gone."""
        try:
            said = receive(line)
            report = Report(rank, "lost", None, is_failure=True) if said is None else Report(rank, *said)
        except Exception as error:  # what was sent cannot be made again here
            report = Report(rank, "error", error, is_failure=True)
        with self._lock:
            if self._is_over:
                return  # a consequence
            self._reports.append(report)
            self._is_over = report.is_failure
        if report.is_failure:
            self._lines.hang_up()  # so that the other ranks end


def on_rank(rank: int, size: int, outcome: Outcome) -> Outcome:
    """Returns the outcome of a failed rank with a traceback that says which it was."""
    return replace(outcome, traceback=f"On rank {rank} of {size}:\n{outcome.traceback}")


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
    family = process_tree.descendants(os.getpid())
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(2 * GRACE_SECONDS)
    process_tree.signal_processes(family, signal.SIGKILL)  # the main thread did not get to it
    os.kill(os.getpid(), signal.SIGKILL)


def _leave(number: int, _: FrameType | None) -> None:
    """On SIGTERM, ends what this process started, then itself; launchers end the ranks alone."""
    family = process_tree.descendants(os.getpid())
    process_tree.signal_processes(family, signal.SIGTERM)
    until = time.monotonic() + GRACE_SECONDS
    while any(process_tree.is_alive(process) for process in family) and time.monotonic() < until:
        time.sleep(0.05)
    process_tree.signal_processes(family, signal.SIGKILL)
    os._exit(128 + number)
