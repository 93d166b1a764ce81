"""Authenticated connections between ranks and their leader, one for each rank.

An open connection also shows that the process at the other end is alive. Both ends prove that they know a key, which
the launcher hands to the ranks. Any process can connect to the port. So nothing is read from a connection before it has
proved the key, and no other rank waits for it. What the ranks and the leader send each other is up to the caller.
"""

import contextlib
import os
import pickle
import secrets
import socket
import threading
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing import connection as connections
from multiprocessing.connection import Connection
from typing import Any

MAX_BACKLOG = 1024
SECONDS_TO_CLOSE_PORT = 5.0
"""How long the thread that accepts connections may take to notice that the port is to be closed."""


class Connections:
    """The leader's ends of the connections.

    Args:
        serve: Called with the number of a rank and its connection, in a thread for each rank. The connection has ended
            when `serve` returns or the rank is gone.
        is_local: Whether all ranks are on this machine. Only if they are not, other machines can reach the port.
    """

    def __init__(self, serve: Callable[[int, Connection], None], *, is_local: bool) -> None:
        self.key = secrets.token_bytes(32)
        self._serve = serve
        address = "127.0.0.1" if is_local else "0.0.0.0"  # noqa: S104
        self._listener = connections.Listener((address, 0), backlog=MAX_BACKLOG)
        self._lock = threading.Lock()
        self._open: list[Connection] = []
        self._threads: list[threading.Thread] = []
        self._is_over = False
        self._is_closed = False
        os.register_at_fork(after_in_child=self._close_in_fork)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def port(self) -> int:
        """The port that ranks connect to."""
        port: int = self._listener.address[1]
        return port

    def wait(self, seconds: float) -> None:
        """Wait until the connections of this moment have ended, for each at most this many seconds."""
        for thread in list(self._threads):
            thread.join(seconds)

    def disconnect(self) -> None:
        """End all connections, and every one that is made later."""
        with self._lock:
            self._is_over = True
            for each in self._open:
                shut(each)

    def close(self) -> None:
        """End all connections and close the port, so that a rank that connects later gets an error.

        A port that is closed while a thread accepts on it stays open for one more connection. If the program ends
        then, nobody serves that one, and its rank waits for ever.
        """
        self.disconnect()
        self._is_closed = True
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), SECONDS_TO_CLOSE_PORT):
            self._accepting.join(SECONDS_TO_CLOSE_PORT)  # it has accepted this connection, or an earlier one
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while not self._is_closed:
                self._add(self._listener.accept())

    def _add(self, new: Connection) -> None:
        thread = threading.Thread(target=self._authenticate, args=(new,), daemon=True)
        with self._lock:
            self._open.append(new)
            if self._is_over:
                shut(new)
        thread.start()
        self._threads.append(thread)  # `wait` joins it, so it has to be started

    def _authenticate(self, new: Connection) -> None:
        try:  # `Listener.accept` can do this, but in the one thread that a silent stranger would block
            connections.deliver_challenge(new, self.key)
            connections.answer_challenge(new, self.key)
            rank = int(new.recv())
        except (OSError, EOFError, AuthenticationError):
            return  # a stranger, or a rank that died early
        self._serve(rank, new)

    def _close_in_fork(self) -> None:
        """Close the connections in a forked process, which must not keep them open."""
        for each in self._open:
            each.close()


def connect(host: str, port: int, key: bytes, rank: int) -> Connection:
    """Return a rank's end of its connection to the leader.

    Raises:
        OSError: If no process listens at that address.
        multiprocessing.AuthenticationError: If the process that listens does not know the key.
    """
    new = connections.Client((host, port), authkey=key)
    os.register_at_fork(after_in_child=new.close)  # a forked process must not keep the connection open
    new.send(rank)
    return new


def receive(connection: Connection) -> Any:
    """Return what the other end sent; None if it is gone.

    Raises:
        Exception: If what was sent cannot be unpickled here.
    """
    try:
        packed = connection.recv_bytes()
    except (OSError, EOFError):
        return None
    return pickle.loads(packed)  # noqa: S301  (the other end proved the key)


def shut(connection: Connection) -> None:
    """End a connection at once; `close` alone has no effect while a thread waits for it."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)
