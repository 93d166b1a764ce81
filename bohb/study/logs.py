"""The log of a study: three methods, and which store implements them.

A log is an append-only sequence of rows that several processes share. It knows neither trials nor optimizers; what the
rows say, and whether they are whole, is the business of its caller.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from bohb.errors import StudyMismatch
from bohb.study.rows import Row


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


def canonical(target: str | os.PathLike[str]) -> str:
    """Returns a target in the form that means the same in every process: a URL, or an absolute path.

    Raises:
        StudyMismatch: If it is neither.
    """
    text = os.fspath(target)
    if not isinstance(text, str) or not text or "\0" in text:
        raise StudyMismatch(f"expected a path or a postgresql:// URL as target, got {target!r}")
    if is_url(text):
        return text
    if "://" in text:
        raise StudyMismatch(f"expected a path or a postgresql:// URL as target, got {text!r}")
    return os.path.abspath(text)  # noqa: PTH100 - `resolve` would follow a link, which the store refuses


def is_url(target: str) -> bool:
    """Whether a target names a PostgreSQL database."""
    return target.startswith(("postgresql://", "postgres://"))


def open_log(target: str) -> Log | None:
    """Returns the log at a target, or None if there is nothing at all.

    Raises:
        StudyMismatch: If something else is there.
        StudyUnavailable: If the store is out of reach.
    """
    if is_url(target):
        from bohb.study import postgres

        return postgres.open_log(target)
    from bohb.study import sqlite

    return sqlite.open_log(target)


def create(target: str, first: Callable[[float], Row]) -> None:
    """Makes a log with one row at a target, as a whole or not at all; leaves it alone if there is one already.

    Args:
        target: Where.
        first: Returns the first row, given the time of the store.
    """
    if is_url(target):
        from bohb.study import postgres

        postgres.create(target, first)
        return
    from bohb.study import sqlite

    sqlite.create(target, first)
