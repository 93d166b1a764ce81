"""Connections between ranks and their leader."""

import pickle
import queue
import socket
from multiprocessing import AuthenticationError

import pytest

from bohb.runner.ranks.connections import Connections, connect, receive


def test_a_stranger_is_not_heard_and_blocks_no_rank() -> None:
    """Nothing is read from a connection without the key, and a rank behind it is served."""
    heard: queue.SimpleQueue[object] = queue.SimpleQueue()
    connections = Connections(lambda rank, each: heard.put((rank, receive(each))), is_local=True)
    silent = socket.create_connection(("127.0.0.1", connections.port))  # never says anything
    rude = socket.create_connection(("127.0.0.1", connections.port))
    rude.sendall(b"\0\0\0\4evil")
    with pytest.raises((AuthenticationError, OSError, EOFError)):
        connect("127.0.0.1", connections.port, b"another key", 0)
    mine = connect("127.0.0.1", connections.port, connections.key, 5)
    mine.send_bytes(pickle.dumps("hello"))
    assert heard.get(timeout=60) == (5, "hello")
    assert heard.empty()
    for end in (silent, rude, mine):
        end.close()
    connections.close()


def test_disconnect_ends_every_connection() -> None:
    """Those that are open, and those that come later."""
    connections = Connections(lambda rank, each: receive(each), is_local=True)
    first = connect("127.0.0.1", connections.port, connections.key, 0)
    connections.disconnect()
    assert receive(first) is None
    with pytest.raises((AuthenticationError, OSError, EOFError)):
        later = connect("127.0.0.1", connections.port, connections.key, 1)
        later.recv()
    connections.close()
