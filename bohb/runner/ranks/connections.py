"""Lines between ranks and whoever leads them: one connection for each rank, which says that the other end lives.

Both ends prove that they know a key, which travels with what the launcher carries. What is said on a line is the
business of those who use it. A connection may come from anyone, so nothing is read from it, and no thread waits for
it, before it has proved the key.
"""

import contextlib
import os
import pickle
import secrets
import socket
import threading
from collections.abc import Callable
from multiprocessing import AuthenticationError, connection
from multiprocessing.connection import Connection
from typing import Any

MAX_BACKLOG = 1024


class Lines:
    """The leader's ends.

    Args:
        serve: Called with the number of a rank and its line, in a thread for each rank; the line is over when it
            returns or the rank is gone.
        is_local: Whether all ranks are on this machine; the port is open to others only if they are not.
    """

    def __init__(self, serve: Callable[[int, Connection], None], *, is_local: bool) -> None:
        self.key = secrets.token_bytes(32)
        self._serve = serve
        address = "127.0.0.1" if is_local else "0.0.0.0"  # noqa: S104
        self._listener = connection.Listener((address, 0), backlog=MAX_BACKLOG)
        self._lock = threading.Lock()
        self._lines: list[Connection] = []
        self._threads: list[threading.Thread] = []
        self._is_over = False
        os.register_at_fork(after_in_child=self._forget)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """The port that ranks connect to."""
        port: int = self._listener.address[1]
        return port

    def wait(self, seconds: float) -> None:
        """Waits until every line that there is now is over, but for no line longer than that."""
        for thread in list(self._threads):
            thread.join(seconds)

    def hang_up(self) -> None:
        """Ends all lines, and those that come later."""
        with self._lock:
            self._is_over = True
            for line in self._lines:
                _shut(line)

    def close(self) -> None:
        """Ends all lines and gives up the port."""
        self.hang_up()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                self._add(self._listener.accept())

    def _add(self, line: Connection) -> None:
        thread = threading.Thread(target=self._greet, args=(line,), daemon=True)
        with self._lock:
            self._lines.append(line)
            self._threads.append(thread)
            if self._is_over:
                _shut(line)
        thread.start()

    def _greet(self, line: Connection) -> None:
        try:  # as `Listener.accept` does with a key, but not in the one thread that a stranger could keep waiting
            connection.deliver_challenge(line, self.key)
            connection.answer_challenge(line, self.key)
            rank = int(line.recv())
        except (OSError, EOFError, AuthenticationError):
            return  # a stranger, or a rank that died before it was one
        self._serve(rank, line)

    def _forget(self) -> None:
        """Closes what a forked process must not hold open."""
        for line in self._lines:
            line.close()


def connect(host: str, port: int, key: bytes, rank: int) -> Connection:
    """Returns a rank's end of its line.

    Raises:
        OSError: If nobody listens there.
        multiprocessing.AuthenticationError: If whoever listens does not know the key.
    """
    line = connection.Client((host, port), authkey=key)
    os.register_at_fork(after_in_child=line.close)  # what is forked here must not keep the line open
    line.send(rank)
    return line


def receive(line: Connection) -> Any:
    """Returns what the other end sent; None if it is gone.

    Raises:
        Exception: If what was sent cannot be made here.
    """
    try:
        packed = line.recv_bytes()
    except (OSError, EOFError):
        return None
    return pickle.loads(packed)  # noqa: S301  (the other end proved that it is ours)


def _shut(line: Connection) -> None:
    """Ends a connection also for a thread that reads from it, which `close` does not."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(line.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)
