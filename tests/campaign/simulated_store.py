"""A store in memory behind the log protocol. Every statement is a pause, at which the simulation may do its worst.

A client and the server are two things here, as they are with a database over a network: what a client sends arrives
later, twice or never, and a client that is gone leaves its transaction open until the server notices.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bohb.errors import StudyUnavailable
from bohb.study.stores.protocol import Moment
from bohb.study.stores.rows import Row
from tests.campaign.stage import Stage


class Transaction:
    """A transaction on the server, since a true time; `at` is the time that the client is told."""

    def __init__(self, since: float, at: float, num_rows: int) -> None:
        self.since, self.at, self.num_rows = since, at, num_rows
        self.draft: list[Row] = []
        self.is_open = True


class Message:
    """What a client has sent and the server has not read yet: a commit or a rollback."""

    def __init__(self, transaction: Transaction, *, is_commit: bool) -> None:
        self.transaction, self.is_commit = transaction, is_commit
        self.was_read = False


class Server:
    """The rows, the lock of the writers, and what is on its way.

    Attributes:
        rows: What is committed.
        times: For each row the true time at which its transaction began.
        now: The true time.
        writer: The transaction that holds the lock.
        mail: The messages that were not read yet.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.times: list[float] = []
        self.now = 1e9
        self.writer: Transaction | None = None
        self.open: list[Transaction] = []
        self.mail: list[Message] = []

    def is_free(self) -> bool:
        """Whether a writer may begin."""
        return self.writer is None

    def begin(self, *, write: bool) -> Transaction:
        """Begin a transaction; it sees the rows of this moment."""
        transaction = Transaction(self.now, self.time(), len(self.rows))
        self.open.append(transaction)
        if write:
            self.writer = transaction
        return transaction

    def time(self) -> float:
        """Return the time that a transaction is told."""
        return self.now

    def send(self, transaction: Transaction, *, is_commit: bool) -> Message:
        """Take a message; it is read later."""
        message = Message(transaction, is_commit=is_commit)
        self.mail.append(message)
        return message

    def read(self, message: Message, *, again: bool = False) -> None:
        """Do what a message says; with `again`, it arrives once more later."""
        if not again:
            self.mail.remove(message)
        message.was_read = True
        if message.is_commit:
            self.commit(message.transaction)
        else:
            self.end(message.transaction)

    def drop(self, message: Message) -> None:
        """Lose a message. The server notices that the client is gone, and rolls back."""
        self.mail.remove(message)
        self.end(message.transaction)

    def commit(self, transaction: Transaction) -> None:
        """Add what a transaction appended, once."""
        if transaction.is_open:
            self.add(transaction)
            self.end(transaction)

    def add(self, transaction: Transaction) -> None:
        """Add rows to the log."""
        self.rows += transaction.draft
        self.times += [transaction.since] * len(transaction.draft)

    def end(self, transaction: Transaction) -> None:
        """Forget a transaction, and give its lock back."""
        if transaction.is_open:
            transaction.is_open = False
            self.open.remove(transaction)
        if self.writer is transaction:
            self.writer = None

    def restart(self) -> None:
        """Stop and start: transactions and messages are gone, and what was committed stays."""
        for message in list(self.mail):
            self.drop(message)
        for transaction in list(self.open):
            self.end(transaction)


class SimulatedLog:
    """A client's connection; see `bohb.study.stores.protocol.Log`."""

    def __init__(self, server: Server, stage: Stage) -> None:
        self._server, self._stage = server, stage
        self._transaction: Transaction | None = None

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[Moment]:
        """See `Log`."""
        server = self._server
        self._stage.pause(server.is_free if write else None)
        self._transaction = transaction = server.begin(write=write)
        message = None
        try:
            yield Moment(transaction.at, server.rows[transaction.num_rows - 1])
            self._step()
            if not write:
                server.end(transaction)
                return
            message = server.send(transaction, is_commit=True)
            self._stage.pause(lambda: message.was_read or not transaction.is_open)
            if not message.was_read:
                raise _lost()
        finally:
            self._transaction = None
            if message is None and transaction.is_open:
                server.send(transaction, is_commit=False)

    def read_after(self, seq: int, *, limit: int | None = None) -> Sequence[Row]:
        """See `Log`."""
        end = self._step().num_rows
        return self._server.rows[seq : end if limit is None else min(end, seq + limit)]

    def append(self, rows: Sequence[Row]) -> None:
        """See `Log`."""
        self._step().draft.extend(rows)

    def close(self) -> None:
        """See `Log`."""

    def _step(self) -> Transaction:
        """Pause before a statement; the connection may be gone afterwards."""
        self._stage.pause()
        assert self._transaction is not None
        if not self._transaction.is_open:
            raise _lost()
        return self._transaction


class SimulatedStore:
    """A store with one log; see `bohb.study.stores.protocol.Store`."""

    def __init__(self, server: Server, stage: Stage) -> None:
        self._server, self._stage = server, stage

    def open_log(self, target: str) -> SimulatedLog | None:
        """See `Store`."""
        self._stage.pause()
        return SimulatedLog(self._server, self._stage) if self._server.rows else None

    def create(self, target: str, first: Callable[[float], Row]) -> None:
        """See `Store`."""
        self._stage.pause()
        if not self._server.rows:
            transaction = self._server.begin(write=False)
            transaction.draft.append(first(transaction.at))
            self._server.commit(transaction)
        self._stage.pause()


def _lost() -> StudyUnavailable:
    return StudyUnavailable("expected the server to answer, but the connection is lost")
