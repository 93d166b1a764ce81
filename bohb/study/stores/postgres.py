"""A log in a PostgreSQL database, for workers on several hosts; needs psycopg 3 (`pip install "bohb[postgres]"`).

The table `bohb_events` lies in the schema that the connection's `search_path` names first. Several studies share one
database in schemas of their own: `postgresql://host/db?options=-csearch_path%3Ddigits`.

The lock on the table admits one writer at a time, first come, first served, and readers at any time. The time is the
server's; the clocks of the workers do not matter.

A call waits for the server for `LOCK_SECONDS` in all, whatever keeps it from answering: the lock, a process that is
stopped, a network that loses packets. Then the connection is closed. What the server had received by then is committed
or not, as a whole, and repeating the call is safe.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from bohb._secrets import is_plain_url, redacted, secrets_of, shown
from bohb.errors import BohbError, StudyBusy, StudyCorrupt, StudyError, StudyMismatch, StudyUnavailable
from bohb.study.stores.patience import Patience
from bohb.study.stores.protocol import LOCK_SECONDS, Moment
from bohb.study.stores.rows import Row

if TYPE_CHECKING:
    import psycopg

TABLE_COLUMNS = [("seq", "bigint"), ("kind", "text"), ("payload", "json"), ("at", "double precision")]

_CREATE = """CREATE TABLE bohb_events (
    seq bigint PRIMARY KEY,
    kind text NOT NULL,
    payload json NOT NULL,
    at double precision NOT NULL
)"""
_SELECT = "SELECT seq, kind, payload::text, at FROM bohb_events"
_NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"
_BEGIN_WRITE = "BEGIN; LOCK TABLE bohb_events IN EXCLUSIVE MODE"
_BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_MOMENT = """SELECT extract(epoch FROM clock_timestamp())::float8, seq, kind, payload::text, at
    FROM bohb_events ORDER BY seq DESC LIMIT 1"""
_FIND = """SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute
    WHERE attrelid = to_regclass('bohb_events') AND attnum > 0 AND NOT attisdropped ORDER BY attnum"""
_CREATING = 0x626F6862
"""The key of the lock under which a study is created."""

FETCH_ROWS = 2000
"""How many rows are fetched at once."""
_KEEPALIVES = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
"""After 30 s without a sign from the other end, each end takes the connection for broken."""
_MAX_IDLE_SECONDS = 600
"""After how long the server ends a transaction whose client says nothing, so that its lock is free."""


def open_log(target: str) -> "PostgresLog | None":
    """Return the log in a database, or None if the database has no study.

    Raises:
        StudyMismatch: If the database has a table of the same name with other columns.
        StudyUnavailable: If the server is out of reach.
    """
    log = PostgresLog(target)
    try:
        found = log.exists()
    except BaseException:
        log.close()
        raise
    if not found:
        log.close()
    return log if found else None


def create(target: str, first: Callable[[float], Row]) -> None:
    """Make the table with one row, as a whole or not at all; leave an existing table alone.

    Raises:
        StudyUnavailable: If it cannot be written.
    """
    patience = Patience(shown(target), LOCK_SECONDS)
    with _translated(target), _connect(target, patience) as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATING,))
        if connection.execute("SELECT to_regclass('bohb_events')").fetchone() == (None,):
            connection.execute(_CREATE)
            _insert(connection, [first(_now(connection))])


class PostgresLog:
    """A log in a PostgreSQL database; see `bohb.study.stores.protocol.Log`."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._connection: psycopg.Connection | None = None
        self._patience = Patience(shown(target), LOCK_SECONDS)

    def exists(self) -> bool:
        """Whether the database holds a study.

        Raises:
            StudyMismatch: If it holds a table of the same name with other columns.
        """
        self._patience.renew()
        with _translated(self._target):
            columns = self._connect().execute(_FIND).fetchall()
        if columns and columns != TABLE_COLUMNS:
            raise StudyMismatch(f"expected the table of a study, bohb_events with {TABLE_COLUMNS}, got {columns}")
        return bool(columns)

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[Moment]:
        """See `Log`."""
        self._patience.renew()
        with _translated(self._target):
            connection = self._connect()
        try:
            with _translated(self._target):
                # Take the lock before reading, so that the moment stays true while the lock is held.
                connection.execute(_BEGIN_WRITE if write else _BEGIN_READ)
                moment = self._moment(connection)
            yield moment
            with _translated(self._target):
                connection.execute("COMMIT")
        except BaseException:
            self._roll_back(connection)
            raise

    def read_after(self, seq: int, *, limit: int | None = None) -> Iterator[Row]:
        """See `Log`."""
        connection = self._open()
        while limit is None or limit > 0:
            count = FETCH_ROWS if limit is None else min(limit, FETCH_ROWS)
            with _translated(self._target):
                query = f"{_SELECT} WHERE seq > %s ORDER BY seq LIMIT %s"
                rows = [Row._make(found) for found in connection.execute(query, (seq, count))]
            self._patience.renew()
            yield from rows
            if len(rows) < count:
                return
            seq, limit = rows[-1].seq, None if limit is None else limit - count

    def append(self, rows: Sequence[Row]) -> None:
        """See `Log`."""
        with _translated(self._target):
            _insert(self._open(), rows)

    def close(self) -> None:
        """See `Log`."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _connect(self) -> "psycopg.Connection":
        if self._connection is None or self._connection.closed:
            self._connection = _connect(self._target, self._patience)
        return self._connection

    def _open(self) -> "psycopg.Connection":
        """Return the connection of the transaction; one that is lost is not replaced within it."""
        assert self._connection is not None, "rows are read and written within a transaction"
        return self._connection

    def _moment(self, connection: "psycopg.Connection") -> Moment:
        found = connection.execute(_MOMENT).fetchone()
        if found is None:
            raise StudyCorrupt(
                "expected the events of a study in bohb_events, but the table is empty; restore it from a copy"
            )
        return Moment(float(found[0]), Row._make(found[1:]))

    def _roll_back(self, connection: "psycopg.Connection") -> None:
        """Roll back, or close the connection if that fails; either way nothing is committed."""
        import psycopg

        try:
            connection.execute("ROLLBACK")
        except (psycopg.Error, StudyBusy):
            self.close()


def _connect(target: str, patience: Patience) -> "psycopg.Connection":
    try:
        connections = _patient_connection()
    except ImportError as error:
        raise StudyUnavailable(
            'expected psycopg to reach a PostgreSQL database, but it is not installed: pip install "bohb[postgres]"'
        ) from error
    if not is_plain_url(target):  # the client would take a part of the password for something else, and show it
        raise StudyMismatch(
            f"expected a URL such as postgresql://user@host:5432/database, got {shown(target)}; write special "
            "characters of each part as %XX: @ is %40, / is %2F, ? is %3F, % is %25"
        )
    connection = _reach(connections, target, patience)
    try:
        _set_limits(connection, patience.seconds)
        if connection.execute("SHOW synchronous_commit").fetchone() == ("off",):
            connection.execute("SET synchronous_commit = on")  # a call that returned is on disk
    except BaseException:
        connection.close()
        raise
    return connection


def _reach(connections: Any, target: str, patience: Patience) -> "psycopg.Connection":
    """Return a new connection, which waits for the server no longer than its call may."""
    from psycopg import conninfo, errors

    given = conninfo.conninfo_to_dict(target)
    num_hosts = str(given.get("host", "")).count(",") + 1  # they are tried one after the other
    limits: dict[str, int] = {"keepalives": 1, **_KEEPALIVES, "tcp_user_timeout": math.ceil(patience.seconds * 1000)}
    limits = {name: limit for name, limit in limits.items() if name not in given}
    started = time.monotonic()
    try:
        with _secrets_kept_from_log(target):
            connection: psycopg.Connection = connections.connect(
                target, autocommit=True, connect_timeout=math.ceil(patience.left / num_hosts), **limits
            )
    except errors.ConnectionTimeout as error:
        _hide_secrets(error, target)
        # What the call has reached so far hangs from the frames of the traceback, and is closed with them.
        raise patience.ended() from error.with_traceback(None)
    patience.left -= time.monotonic() - started
    connection.patience = patience  # type: ignore[attr-defined]
    return connection


@cache
def _patient_connection() -> Any:
    """Return the class of connections that wait as long as their call may; psycopg is loaded now."""
    import psycopg

    class PatientConnection(psycopg.Connection):
        """A connection that is closed when the patience of its call ends, or when waiting is interrupted."""

        patience: Patience

        def wait(self, gen: Any, *_: Any, **__: Any) -> Any:
            """Let the steps of an operation follow each other, each when the socket is ready for it."""
            try:
                events = next(gen)
                while True:
                    events = gen.send(self._await(events))
            except StopIteration as end:
                return end.value

        def _await(self, events: int) -> int:
            try:
                return self.patience.wait(self.pgconn.socket, events)
            except BaseException:  # nobody knows what the server does with the rest
                self.close()
                raise

    return PatientConnection


def _set_limits(connection: "psycopg.Connection", seconds: float) -> None:
    """Let the server give up the lock, and free it, when this end does not answer."""
    limits = {f"tcp_{name}": str(limit) for name, limit in _KEEPALIVES.items()} | {
        "lock_timeout": f"{math.ceil(seconds * 900)}ms",  # so that the server gives up before this end
        "tcp_user_timeout": f"{math.ceil(seconds * 1000)}ms",
        "idle_in_transaction_session_timeout": f"{_MAX_IDLE_SECONDS}s",
    }
    connection.execute("; ".join(f"SET {name} = '{limit}'" for name, limit in limits.items()))


def _now(connection: "psycopg.Connection") -> float:
    return float(next(connection.execute(_NOW))[0])


def _insert(connection: "psycopg.Connection", rows: Sequence[Row]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO bohb_events (seq, kind, payload, at) VALUES (%s, %s, %s, %s)", rows)


@contextmanager
def _translated(target: str) -> Iterator[None]:
    """Turn psycopg's errors into ours."""
    try:
        import psycopg
    except ImportError:
        yield  # `_connect` says what is missing
        return
    try:
        yield
    except BohbError:
        raise
    except psycopg.Error as error:
        _hide_secrets(error, target)
        raise _translate(error, target) from error


def _hide_secrets(error: BaseException, target: str) -> None:
    """Remove the secrets from an error and from all that it came from: each is shown with the error of ours."""
    import psycopg

    secrets = _secrets(target)
    following: list[BaseException | None] = [error]
    while following:
        one = following.pop()
        if isinstance(one, psycopg.Error):
            one.args = tuple(redacted(str(part), *secrets) for part in one.args)
            one._pgconn = None  # noqa: SLF001  (it holds the password, and has no public way to forget it)
        if one is not None:
            following += [one.__cause__, one.__context__]


class _Redacting(logging.Filter):
    """A filter for the log of psycopg, which shows what a server said."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = target

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the message of a record."""
        record.msg, record.args = redacted(record.getMessage(), *_secrets(self._target)), ()
        return True


@contextmanager
def _secrets_kept_from_log(target: str) -> Iterator[None]:
    log, redacting = logging.getLogger("psycopg"), _Redacting(target)
    log.addFilter(redacting)
    try:
        yield
    finally:
        log.removeFilter(redacting)


def _secrets(target: str) -> list[str]:
    """Return the user and the secrets that a connection to a target uses, as far as its messages may show them."""
    return [*secrets_of(target), os.environ.get("PGPASSWORD", "")]


def _translate(error: "psycopg.Error", target: str) -> StudyError:
    from psycopg import errors

    name = shown(target)
    if isinstance(error, errors.LockNotAvailable | errors.DeadlockDetected):
        return StudyBusy(
            f"expected the lock of {name} within {LOCK_SECONDS} s, but another process holds it; try again"
        )
    if isinstance(error, errors.DataError | errors.UndefinedTable | errors.UndefinedColumn):
        return StudyCorrupt(f"expected a study in {name}, got {error}; restore it from a copy")
    return StudyUnavailable(
        f"expected to read and write {name}, but: {error}; nothing is lost, try again when the cause is gone"
    )
