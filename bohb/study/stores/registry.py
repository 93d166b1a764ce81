"""The log of a study: three methods, and which store implements them.

A log is an append-only sequence of rows that several processes share. It knows neither trials nor optimizers; what the
rows say, and whether they are whole, is the business of its caller.
"""

import os
from collections.abc import Callable

from bohb.errors import StudyMismatch
from bohb.study.stores.protocol import Log
from bohb.study.stores.rows import Row


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


def shown(target: str) -> str:
    """Return a target as messages and commands show it: a URL without its user and password."""
    return target.rpartition("@")[2] if is_url(target) else target


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
        from bohb.study.stores import postgres

        return postgres.open_log(target)
    from bohb.study.stores import sqlite

    return sqlite.open_log(target)


def create(target: str, first: Callable[[float], Row]) -> None:
    """Makes a log with one row at a target, as a whole or not at all; leaves it alone if there is one already.

    Args:
        target: Where.
        first: Returns the first row, given the time of the store.
    """
    if is_url(target):
        from bohb.study.stores import postgres

        postgres.create(target, first)
        return
    from bohb.study.stores import sqlite

    sqlite.create(target, first)
