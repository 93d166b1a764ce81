"""Connections between ranks and their leader."""

import pickle
import queue
import socket
import threading
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
    assert heard.get(timeout=600) == (5, "hello")
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


def test_a_closed_port_takes_no_more_connections() -> None:
    """Not even one that the accepting thread takes: if the program ended then, its rank would wait for ever."""
    for _ in range(20):
        connections = Connections(lambda rank, each: receive(each), is_local=True)
        own = connect("127.0.0.1", connections.port, connections.key, 0)
        port = connections.port
        connections.close()
        assert receive(own) is None
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_whoever_waits_while_a_rank_connects_waits_for_no_thread_that_has_not_begun(monkeypatch) -> None:
    heard: queue.SimpleQueue[int] = queue.SimpleQueue()
    leader = Connections(lambda rank, _: heard.put(rank), is_local=True)
    start, failed = threading.Thread.start, []

    def wait_and_start(thread: threading.Thread) -> None:
        try:
            leader.wait(0)
        except RuntimeError as error:
            failed.append(error)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", wait_and_start)
    own = connect("127.0.0.1", leader.port, leader.key, 1)
    assert heard.get(timeout=600) == 1
    assert not failed
    own.close()
    leader.close()
