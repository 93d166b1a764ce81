"""Delay Ctrl-C, SIGTERM and SIGHUP until the loop waits.

An interrupt in the middle of a tell would leave it half done. So while the loop runs, a signal is only noted; it is
raised as KeyboardInterrupt while the loop waits. Signals reach the main thread only; in others nothing changes.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

REASONS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
if hasattr(signal, "SIGHUP"):
    REASONS[signal.SIGHUP] = "terminated"  # the terminal was closed


def name_of(number: int) -> str:
    """Return the name of a signal, or its number: most real-time signals have no name."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


class Interrupts:
    """A context in which SIGINT, SIGTERM and SIGHUP wait for a safe point."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._is_open = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number in REASONS:
                previous = signal.getsignal(number)
                # A process that ignores a signal (nohup) goes on ignoring it; None is a handler set from C.
                if previous not in (signal.SIG_IGN, None):
                    self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Allow a signal to interrupt, also one that came before."""
        self._is_open = True
        try:
            self._raise_noted()
            yield
        finally:
            self._is_open = False

    def _note(self, number: int, _: FrameType | None) -> None:
        self.reason = self.reason or REASONS[signal.Signals(number)]
        if self._is_open:
            self._raise_noted()

    def _raise_noted(self) -> None:
        if self.reason is not None:
            self._is_open = False  # only once: the code that runs next cleans up
            raise KeyboardInterrupt
