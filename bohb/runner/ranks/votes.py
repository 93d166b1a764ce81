"""The votes of the ranks of one program on how a trial went, and the end of all if one of them falls out.

Rank 0 holds the lines (`Chair`), the others one end each (`Member`). Neither knows what a trial is.
"""

import os
import pickle
import queue
import socket
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, NoReturn

from bohb.runner.ranks.connections import Lines, connect, receive


class Place(NamedTuple):
    """Where rank 0 listens, and what proves that one belongs."""

    host: str
    port: int
    key: bytes


class Chair:
    """Rank 0's side: collects one vote from every other rank, each round.

    Args:
        size: How many ranks there are, this one included.
        patience: Once a rank has failed, how many seconds the others have to finish. They may be waiting, inside a
            collective, for the rank that failed, and nothing else would ever end that.
    """

    def __init__(self, size: int, *, patience: float) -> None:
        self._size = size
        self._patience = patience
        self._lines = Lines(self._listen, is_local=False)
        self._votes: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._timers: list[threading.Timer] = []
        self._is_over = False

    @property
    def place(self) -> Place:
        """What the other ranks need to take part."""
        return Place(socket.gethostname(), self._lines.port, self._lines.key)

    def begin(self, seconds: float | None) -> None:
        """Begins a round that may take so many seconds."""
        if seconds is not None:
            self._limit(seconds, f"a trial took longer than {seconds} s")

    def collect(self, own_failed: bool) -> list[tuple[int, Any]]:
        """Ends a round; returns the number and the vote of every other rank, in the order of their numbers."""
        if own_failed:
            self._limit(self._patience, _stuck(0, self._patience))
        votes = [self._votes.get() for _ in range(self._size - 1)]
        with self._lock:
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()
        return sorted(votes, key=lambda vote: vote[0])

    def close(self) -> None:
        """Lets the ranks go: from here on, nobody's end is an error."""
        with self._lock:
            self._is_over = True
        self._lines.wait(self._patience)
        self._lines.close()

    def _listen(self, rank: int, line: Connection) -> None:
        while (vote := receive(line)) is not None:
            has_failed, value = vote
            if has_failed:
                self._limit(self._patience, _stuck(rank, self._patience))
            self._votes.put((rank, value))
        if not self._is_over:
            self._end(f"rank {rank} died")

    def _limit(self, seconds: float, reason: str) -> None:
        timer = threading.Timer(seconds, self._end, [reason])
        timer.daemon = True
        with self._lock:
            self._timers.append(timer)
        timer.start()

    def _end(self, reason: str) -> NoReturn:
        end(f"{reason}; every rank ends, start the program again")


class Member:
    """Another rank's side: votes, and ends if rank 0 does."""

    def __init__(self, place: Place, rank: int) -> None:
        host = "127.0.0.1" if place.host == socket.gethostname() else place.host
        self._rank = rank
        self._line = connect(host, place.port, place.key, rank)
        self._is_over = False
        threading.Thread(target=self._watch, daemon=True).start()

    def vote(self, value: Any, *, has_failed: bool) -> None:
        """Says how a round went on this rank."""
        self._line.send_bytes(pickle.dumps((has_failed, value)))

    def close(self) -> None:
        """Leaves in peace."""
        self._is_over = True
        self._line.close()

    def _watch(self) -> None:
        receive(self._line)  # rank 0 never says anything on a line
        if not self._is_over:
            end(f"rank {self._rank} lost rank 0, and ends")


def end(reason: str) -> NoReturn:
    """Ends this process at once, whatever its main thread waits for."""
    print(f"bohb.runner.spmd: {reason}", file=sys.stderr, flush=True)
    os._exit(1)


def _stuck(rank: int, patience: float) -> str:
    return f"rank {rank} failed, and {patience} s later others were still at the trial, perhaps waiting for it"
