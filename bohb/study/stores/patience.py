"""How long a call waits for a server that does not answer: one limit for all that the call waits for."""

import selectors
import time

from bohb.errors import StudyBusy

_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


class Patience:
    """How long a call may still wait for the server; what the call does by itself takes nothing of it.

    Args:
        name: What the messages call the study.
        seconds: How long.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self.seconds = self.left = seconds

    def renew(self) -> None:
        """Begin again, with a new call or because the server answers."""
        self.left = self.seconds

    def wait(self, socket: int, events: int) -> int:
        """Wait until a socket is ready; return for which events.

        Raises:
            StudyBusy: If the patience ends.
        """
        started = time.monotonic()
        with _Selector() as selector:
            selector.register(socket, events)
            ready = selector.select(max(self.left, 0))
        self.left -= time.monotonic() - started
        if not ready:
            raise self.ended()
        return ready[0][1]

    def ended(self) -> StudyBusy:
        """Return the error for a server that does not answer."""
        return StudyBusy(
            f"expected an answer of the server of {self._name} within {self.seconds:g} s, got none; what the call "
            "writes is recorded as a whole or not at all, and repeating it is safe: try again, and check the server"
        )
