"""What a store is: an append-only log of rows that several processes share.

A log knows neither trials nor optimizers. What the rows say, and whether they are whole, is the business of its caller.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from bohb.study.stores.rows import Row


class Moment(NamedTuple):
    """How a transaction finds the log.

    Attributes:
        at: The time of the store, seconds since 1970.
        last: The last row.
    """

    at: float
    last: Row


class Log(Protocol):
    """An append-only log in a store. It is used by one thread at a time; `close` and `transaction` may alternate."""

    def transaction(self, *, write: bool) -> AbstractContextManager[Moment]:
        """Begins a transaction; leaving the block commits it, an exception rolls it back.

        Writers exclude one another, so that the moment stays true; a reader sees one state and disturbs nobody. When a
        block with `write` was left without an exception, what was appended is on disk.

        Raises:
            StudyBusy: If another process kept the lock for too long.
            StudyCorrupt: If the store is damaged.
            StudyUnavailable: If the store cannot be read or written now.
        """
        ...

    def read_after(self, seq: int, *, limit: int | None = None) -> Iterable[Row]:
        """Returns the rows with a larger number in order, at most `limit` of them; within a transaction."""
        ...

    def append(self, rows: Sequence[Row]) -> None:
        """Appends rows; within a transaction that writes."""
        ...

    def close(self) -> None:
        """Lets go of the store; the next transaction finds it again."""
        ...
