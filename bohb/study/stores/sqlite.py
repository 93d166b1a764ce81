"""A log in an SQLite file: the embedded default, for any number of processes on one host.

The file is in write-ahead mode, in which readers and the writer do not disturb each other. While it is open, two
companion files (`-wal`, `-shm`) lie beside it and belong to it: a copy of the file alone may lack the latest events. An
empty file (`-queue`) lies there too, at which writers wait; see `queue.py`. Processes on several hosts must use
PostgreSQL, because write-ahead mode needs memory that all processes share. On a file system without shared memory
SQLite keeps a rollback journal instead, and readers may then delay a writer.

`user_version` of the file counts the rows. A damaged page may drop the last row of a table without any other trace.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from bohb.errors import BohbError, StudyBusy, StudyCorrupt, StudyError, StudyMismatch, StudyUnavailable
from bohb.study.stores import place
from bohb.study.stores.drafts import delete_left, draft_folder
from bohb.study.stores.place import unavailable
from bohb.study.stores.protocol import LOCK_SECONDS, Moment
from bohb.study.stores.queue import Queue
from bohb.study.stores.rows import MAX_PAYLOAD, Row

SECONDS_BETWEEN_TRIES = 0.0005
"""The pause between two attempts to lock. SQLite's own pauses grow until some process starves."""

CREATE_TABLE = """CREATE TABLE bohb_events (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    at REAL NOT NULL
)"""

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_CAUSES = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk refuses to read or write; it may be full",
    sqlite3.SQLITE_CANTOPEN: "the file, or a companion of it, cannot be opened",
    sqlite3.SQLITE_PERM: "permission denied",
    sqlite3.SQLITE_READONLY: "the file, or its folder, is read-only",
    sqlite3.SQLITE_NOMEM: "out of memory",
}


def open_log(target: str) -> "SQLiteLog | None":
    """Return the log in a file, or None if there is no such file.

    Raises:
        StudyMismatch: If the path is not that of a plain file, or the file has a second name.
    """
    delete_left(Path(target).parent, place.draft_name(target))
    return None if place.find(target) is None else SQLiteLog(target)


def create(target: str, first: Callable[[float], Row]) -> None:
    """Make a file with one row, as a whole or not at all; leave an existing file alone.

    Raises:
        StudyMismatch: If companion files of a deleted study are there.
        StudyUnavailable: If it cannot be written.
    """
    orphans = [name for name in place.companions(target) if os.path.lexists(name)]
    if orphans and place.find(target) is None:
        # SQLite would replay their contents into the new file.
        raise StudyMismatch(f"expected nothing at {target}, got files of another study: move or delete {orphans}")
    path = Path(target)
    try:
        with draft_folder(path.parent, place.draft_name(target)) as folder:
            draft = str(folder / path.name)
            with _translated(target), closing(sqlite3.connect(draft, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(CREATE_TABLE)
                _insert(connection, [first(time.time())])
                connection.execute("COMMIT")
                # Closing would do it too, but without an error if it fails: the file would get its name half empty.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            _publish(draft, target)
    except OSError as error:
        raise unavailable(target, error) from error


def _publish(draft: str, target: str) -> None:
    """Give a finished file its name, unless another process was first."""
    try:
        os.link(draft, target)
    except FileExistsError:
        return
    folder = os.open(Path(target).parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class SQLiteLog:
    """A log in an SQLite file; see `bohb.study.stores.protocol.Log`."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[place.Identity | None, ...] = ()
        self._queue = Queue(f"{target}{place.QUEUE}", partial(_busy, target))

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[Moment]:
        """See `Log`."""
        connection = self._connect()
        try:
            with _translated(self._target):
                self._begin(connection, write=write)
                last = self._last(connection)
            yield Moment(time.time(), last)
            with _translated(self._target):
                _patiently(connection, "COMMIT", self._target)
            if write:  # what went to files that nobody else will open is not acknowledged
                self._check_same()
        except BaseException:
            self._queue.leave()  # Ctrl-C may have come before it did so itself
            self._roll_back(connection)
            raise

    def _begin(self, connection: sqlite3.Connection, *, write: bool) -> None:
        """Begin a transaction. Writers queue, so that only the first one of them tries to get the lock."""
        deadline = time.monotonic() + LOCK_SECONDS
        if not write:
            _patiently(connection, "BEGIN", self._target, deadline)
            return
        with self._queue.wait(deadline):
            _patiently(connection, "BEGIN IMMEDIATE", self._target, deadline)

    def read_after(self, seq: int, *, limit: int | None = None) -> Iterator[Row]:
        """See `Log`."""
        with _translated(self._target):
            cursor = self._open().execute(
                "SELECT seq, kind, payload, at FROM bohb_events WHERE seq > ? ORDER BY seq LIMIT ?",
                (seq, -1 if limit is None else limit),
            )
            yield from map(Row._make, cursor)

    def append(self, rows: Sequence[Row]) -> None:
        """See `Log`."""
        with _translated(self._target):
            _insert(self._open(), rows)

    def close(self) -> None:
        """See `Log`."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._queue.close()

    def _connect(self) -> sqlite3.Connection:
        """Return a connection to the files that have the names now, which must be those that were opened."""
        if self._connection is not None:
            self._check_same()
        if self._connection is None:
            if place.find(self._target) is None:
                raise self._gone()
            place.check_mount(self._target)
            place.check_companions(self._target)
            self._await_others()
            with _translated(self._target):
                self._connection = _connect(self._target)
            self._opened = place.identities(self._target)
        return self._connection

    def _await_others(self) -> None:
        """Wait for processes that use the file without its `-wal`; they notice at their next call.

        Raises:
            StudyBusy: If one does not.
        """
        deadline = time.monotonic() + LOCK_SECONDS
        while place.is_open_elsewhere(self._target):
            if time.monotonic() > deadline:
                raise StudyBusy(
                    f"expected {self._target}-wal, because another process has {self._target} open: that was moved, or "
                    "the -wal was deleted; end that process, or let it make a call"
                )
            time.sleep(SECONDS_BETWEEN_TRIES)

    def _open(self) -> sqlite3.Connection:
        """Return the connection of the transaction."""
        assert self._connection is not None, "rows are read and written within a transaction"
        return self._connection

    def _check_same(self) -> None:
        """Check that the files that were opened still have their names; close them if not.

        What this process wrote is then in the file if it can be. The next call opens what has the names.

        Raises:
            StudyUnavailable: If the file is gone.
            StudyMismatch: If the file has a second name now.
            StudyCorrupt: If it, or a companion, was replaced or deleted.
        """
        try:
            if place.find(self._target) is None:
                raise self._gone()
            pairs = list(zip(self._opened, place.identities(self._target), strict=True))
            if any(opened not in (None, now) for opened, now in pairs):
                raise StudyCorrupt(
                    f"expected the files of the study at {self._target} that this process opened, but the file or a "
                    "companion (-wal, -shm) was replaced or deleted; look for another process that did so, and check "
                    "that the latest results are there"
                )
        except BohbError:
            self.close()
            raise
        if any(opened != now for opened, now in pairs):  # a reader had no companions, and a writer came
            self.close()

    def _gone(self) -> StudyUnavailable:
        return StudyUnavailable(
            f"expected a study at {self._target}, got nothing: the file is gone; restore it, or put it back beside its "
            "-wal, which has the latest events"
        )

    def _last(self, connection: sqlite3.Connection) -> Row:
        query = "SELECT seq, kind, payload, at FROM bohb_events ORDER BY seq DESC LIMIT 1"
        found = _patiently(connection, query, self._target)
        (count,) = connection.execute("PRAGMA user_version").fetchone()
        if found is None or found[0] != count:
            raise StudyCorrupt(
                f"expected {count} events in {self._target}, got {0 if found is None else found[0]}; "
                "the file was damaged or changed from outside: restore it from a copy"
            )
        return Row._make(found)

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:  # a fresh connection starts from what was committed
            self.close()


def _connect(target: str) -> sqlite3.Connection:
    """Open the file; read-only if it cannot be written."""
    can_write = _can_write(target)
    mode = "rw" if can_write else "ro"
    if not can_write and not Path(f"{target}-wal").exists():
        mode = "ro&immutable=1"  # read-only media have no room for companion files, and no writer to exclude
    connection = sqlite3.connect(
        f"file:{quote(target)}?mode={mode}", uri=True, timeout=0, isolation_level=None, check_same_thread=False
    )
    try:
        # A row of the largest size fits; a hostile row that would fill the memory does not.
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 * MAX_PAYLOAD)
        for setting in ("trusted_schema = OFF", "cell_size_check = ON", "synchronous = FULL"):
            _patiently(connection, f"PRAGMA {setting}", target)
        _check_schema(connection, target)
    except BaseException:
        connection.close()
        raise
    return connection


def _can_write(target: str) -> bool:
    """Whether the file may be written, and its folder, which holds the companion files."""
    return os.access(target, os.W_OK) and os.access(Path(target).parent, os.W_OK)


def _check_schema(connection: sqlite3.Connection, target: str) -> None:
    """Check that the file holds the one table and nothing else: no view, no trigger, no index."""
    _patiently(connection, "SELECT count(*) FROM sqlite_master", target)
    schema = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    if schema == [("table", "bohb_events", CREATE_TABLE)]:
        return
    names = [name for _, name, _ in schema]
    if "bohb_events" in names:
        raise StudyCorrupt(f"expected the one table of a study in {target}, got {names}; restore it from a copy")
    raise StudyMismatch(f"expected a study in {target}, got an SQLite database with {names}; pass another path")


def _insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    connection.executemany("INSERT INTO bohb_events (seq, kind, payload, at) VALUES (?, ?, ?, ?)", rows)
    connection.execute(f"PRAGMA user_version = {int(rows[-1].seq)}")


def _patiently(
    connection: sqlite3.Connection, statement: str, target: str, deadline: float | None = None
) -> tuple[object, ...] | None:
    """Execute a statement as soon as the lock is free; return its first row."""
    deadline = time.monotonic() + LOCK_SECONDS if deadline is None else deadline
    while True:
        try:
            row: tuple[object, ...] | None = connection.execute(statement).fetchone()
            return row
        except sqlite3.OperationalError as error:
            if _code(error) not in _BUSY:
                raise
            if time.monotonic() > deadline:
                raise _busy(target) from error
        time.sleep(SECONDS_BETWEEN_TRIES)


def _busy(target: str) -> StudyBusy:
    return StudyBusy(
        f"expected the lock of {target} within {LOCK_SECONDS:g} s, but another process holds it; "
        "try again, and check whether a process that uses the study hangs"
    )


@contextmanager
def _translated(target: str) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except BohbError:
        raise
    except sqlite3.Error as error:
        raise _translate(error, target) from error
    except (TypeError, ValueError, OverflowError) as error:  # text that is not valid, as in a damaged file
        raise StudyCorrupt(f"expected a study in {target}, got a damaged file: {error}; restore it") from error


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary code; errors of the Python module itself, such as text that is not valid, have none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _translate(error: sqlite3.Error, target: str) -> StudyError:
    code = _code(error)
    if code in _BUSY:
        return StudyBusy(f"expected the lock of {target}, but another process holds it ({error}); try again")
    # SQLite calls a file with a damaged header read-only.
    is_header = code == sqlite3.SQLITE_READONLY and _can_write(target)
    if code in _CAUSES and not is_header:
        return unavailable(target, f"{_CAUSES[code]} ({error})")
    return StudyCorrupt(f"expected a study in {target}, got a damaged file or none: {error}; restore it from a copy")
