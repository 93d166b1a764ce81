"""The end of the process at the other end of a connection is noticed."""

import socket
import threading
from multiprocessing import Pipe

from bohb.runner.workers.watchdog import call_when_closed

LONG = 60.0


def test_a_pipe_with_messages_is_not_taken_as_closed() -> None:
    ours, theirs = Pipe()
    closed = threading.Event()
    call_when_closed(ours.fileno(), closed.set, is_silent=False)
    theirs.send("a message")
    assert not closed.wait(0.05)
    theirs.close()
    assert closed.wait(LONG)


def test_a_socket_that_is_shut_is_closed() -> None:
    """Also over TCP, where the end of a connection only makes it readable."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
        closed = threading.Event()
        call_when_closed(ours.fileno(), closed.set, is_silent=True)
        theirs.close()
        assert closed.wait(LONG)
        ours.close()
