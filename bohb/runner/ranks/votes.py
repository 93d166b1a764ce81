"""How the ranks of one program vote on a trial, and end together if one of them is lost.

Rank 0 leads (`VoteLeader`) and holds a connection to every other rank (`VoteMember`). Neither knows what a trial is.
"""

import contextlib
import os
import pickle
import queue
import socket
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, NoReturn

from bohb.runner.ranks.connections import Connections, connect, receive, shut
from bohb.runner.workers.watchdog import call_when_closed


class Address(NamedTuple):
    """Where rank 0 listens, and the key that a rank must prove."""

    host: str
    port: int
    key: bytes


class VoteLeader:
    """Rank 0's side: collect one vote from every other rank in each round.

    Args:
        size: The number of ranks, rank 0 included.
        patience: Seconds that the other ranks have to finish once a rank has failed. They may wait inside a collective
            operation for the rank that failed, which nothing else would end.
    """

    def __init__(self, size: int, *, patience: float) -> None:
        self._size = size
        self._patience = patience
        self._connections = Connections(self._listen, is_local=False)
        self._votes: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._left: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._timers: list[threading.Timer] = []
        self._is_over = False

    @property
    def address(self) -> Address:
        """What the other ranks need to connect."""
        return Address(socket.gethostname(), self._connections.port, self._connections.key)

    def begin(self, seconds: float | None) -> None:
        """Begin a round; end the program if the round takes longer than `seconds`."""
        if seconds is not None:
            self._limit(seconds, f"a trial took longer than {seconds} s")

    def collect(self, own_failed: bool) -> list[tuple[int, Any]]:
        """End a round and return (rank, vote) of every other rank, in the order of the ranks."""
        if own_failed:
            self._limit(self._patience, _stuck(0, self._patience))
        votes = [self._votes.get() for _ in range(self._size - 1)]
        with self._lock:
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()
        return sorted(votes, key=lambda vote: vote[0])

    def finish(self) -> None:
        """Expect no more votes: a rank that ends from now on is not an error."""
        with self._lock:
            self._is_over = True

    def close(self) -> None:
        """Wait for the other ranks to connect and to close their ends, then close ours."""
        end = time.monotonic() + self._patience
        with contextlib.suppress(queue.Empty):
            for _ in range(self._size - 1):
                self._left.get(timeout=max(0.0, end - time.monotonic()))
        self._connections.close()

    def _listen(self, rank: int, connection: Connection) -> None:
        while (vote := receive(connection)) is not None:
            has_failed, value = vote
            if has_failed:
                self._limit(self._patience, _stuck(rank, self._patience))
            self._votes.put((rank, value))
        if not self._is_over:
            self._end(f"rank {rank} died")
        self._left.put(rank)

    def _limit(self, seconds: float, reason: str) -> None:
        timer = threading.Timer(seconds, self._end, [reason])
        timer.daemon = True
        with self._lock:
            self._timers.append(timer)
        timer.start()

    def _end(self, reason: str) -> NoReturn:
        end_program(f"{reason}; every rank ends, start the program again")


class VoteMember:
    """The side of every other rank: vote, and end the program if rank 0 is lost."""

    def __init__(self, address: Address, rank: int) -> None:
        host = "127.0.0.1" if address.host == socket.gethostname() else address.host
        self._rank = rank
        self._connection = connect(host, address.port, address.key, rank)
        self._is_over = False
        call_when_closed(self._connection.fileno(), self._leader_gone, is_silent=True)

    def vote(self, value: Any, *, has_failed: bool) -> None:
        """Send the vote of this rank in this round."""
        self._connection.send_bytes(pickle.dumps((has_failed, value)))

    def close(self) -> None:
        """Leave; that rank 0 ends is not an error from now on."""
        self._is_over = True
        shut(self._connection)
        self._connection.close()

    def _leader_gone(self) -> None:
        if not self._is_over:
            end_program(f"rank {self._rank} lost rank 0, and ends")


def end_program(reason: str) -> NoReturn:
    """End this process at once, whatever its main thread waits for."""
    print(f"bohb.runner.spmd: {reason}", file=sys.stderr, flush=True)
    os._exit(1)


def _stuck(rank: int, patience: float) -> str:
    return f"rank {rank} failed, and {patience} s later others were still at the trial, perhaps waiting for it"
