"""Notice that the process at the other end of a connection is gone."""

import select
import threading
from collections.abc import Callable


def call_when_closed(descriptor: int, function: Callable[[], object], *, is_silent: bool) -> None:
    """Call a function, in a daemon thread, once the other end of a connection is closed.

    Args:
        descriptor: The file descriptor of our end: a pipe or a socket.
        function: What to call.
        is_silent: Whether the other end never sends anything. A TCP socket that was closed only becomes readable, so
            there anything to read is taken as the end. Pass False for a pipe that carries messages.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLIN if is_silent else 0)  # a hang-up is reported in either case

    def watch() -> None:
        poll.poll()
        function()

    threading.Thread(target=watch, daemon=True).start()
