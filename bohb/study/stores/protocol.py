"""What a store is: it opens and creates logs, and a log is an append-only sequence of rows that processes share.

A log knows neither trials nor optimizers. Its caller makes the rows, gives each a checksum, and checks them.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from bohb.study.stores.rows import Row

LOCK_SECONDS = 60
"""How many seconds a call waits for the lock of a log, or for its server, before `StudyBusy`."""


class Moment(NamedTuple):
    """The state of a log at the beginning of a transaction.

    Attributes:
        at: The time of the store, in seconds since 1970.
        last: The last row.
    """

    at: float
    last: Row


class Log(Protocol):
    """An append-only log in a store.

    One thread uses it at a time. It may be closed between two transactions, and the next one opens it again.
    """

    def transaction(self, *, write: bool) -> AbstractContextManager[Moment]:
        """Begin a transaction. Leaving the block commits it; an exception rolls it back.

        Only one writer is inside at a time, over all processes. A reader sees the log as of its beginning, and neither
        waits for a writer nor delays one. When a block with `write` ends without an exception, what was appended is on
        disk.

        Args:
            write: Whether the block may append.

        Raises:
            StudyBusy: If another process kept the lock for too long.
            StudyCorrupt: If the store is damaged.
            StudyUnavailable: If the store cannot be read or written now.
        """
        ...

    def read_after(self, seq: int, *, limit: int | None = None) -> Iterable[Row]:
        """Return the rows with a number above `seq` in order, at most `limit` of them; within a transaction."""
        ...

    def append(self, rows: Sequence[Row]) -> None:
        """Append rows; within a transaction that writes. The rows are the next ones by number."""
        ...

    def close(self) -> None:
        """Release the connection; the next transaction opens it again. Closing twice is allowed."""
        ...


class Store(Protocol):
    """A kind of storage, as `bohb.study.stores.register` takes it. A module with the two functions is one."""

    def open_log(self, target: str) -> Log | None:
        """Return the log at a target, or None if there is nothing.

        Raises:
            StudyMismatch: If something else is there.
            StudyUnavailable: If the store is out of reach.
        """
        ...

    def create(self, target: str, first: Callable[[float], Row]) -> None:
        """Make a log with one row, as a whole or not at all. If there is a log already, leave it alone.

        Several processes may do this at once; one of them makes the log.

        Args:
            target: Where.
            first: Returns the first row, given the time of the store.

        Raises:
            StudyUnavailable: If it cannot be written.
        """
        ...
