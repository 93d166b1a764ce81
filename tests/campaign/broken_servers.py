"""Servers that break the log protocol, each in one way: the simulation has to find every one of them."""

from typing import Any

from tests.campaign.simulated_store import Message, Server, Transaction


class AnswersEarly(Server):
    """It says that a commit is done when it has received it."""

    def send(self, transaction: Transaction, *, is_commit: bool) -> Message:
        message = super().send(transaction, is_commit=is_commit)
        message.was_read = is_commit
        return message


class CommitsTwice(Server):
    """It does not know a commit again that arrives twice."""

    def commit(self, transaction: Transaction) -> None:
        self.add(transaction)
        self.end(transaction)


class LocksNobody(Server):
    """It lets two writers in. The rows of both are kept."""

    def is_free(self) -> bool:
        return True


class LastWriterWins(LocksNobody):
    """It lets two writers in, and the later commit overwrites the earlier one: the chain of checksums stays whole."""

    def add(self, transaction: Transaction) -> None:
        if transaction.draft:
            del self.rows[transaction.num_rows :], self.times[transaction.num_rows :]
            super().add(transaction)


class LooksBeforeItLocks(Server):
    """It shows a writer the rows of the moment before it got the lock, as a database in snapshot isolation may."""

    _num_rows = 0

    def begin(self, *, write: bool) -> Transaction:
        transaction = super().begin(write=write)
        if write and self._num_rows:
            transaction.num_rows = self._num_rows
        self._num_rows = len(self.rows)
        return transaction


class TearsCommits(Server):
    """It keeps the first row of a commit whose message was lost."""

    def drop(self, message: Message) -> None:
        if message.is_commit and message.transaction.is_open:
            del message.transaction.draft[1:]
            self.add(message.transaction)
        super().drop(message)


class DoesNotSync(Server):
    """It loses the newest row when it restarts."""

    def restart(self) -> None:
        super().restart()
        if len(self.rows) > 1:
            del self.rows[-1], self.times[-1]


class CallsTheClockOfTheClient(Server):
    """It tells the time of the client's host, and those of the hosts are far apart."""

    _num_begun = 0

    def time(self) -> float:
        self._num_begun += 1
        return self.now + self._num_begun % 7 * 500.0


class KeepsTheLockOfTheDead(Server):
    """It does not notice that a client is gone."""

    def read(self, message: Message, *, again: bool = False) -> None:
        if message.is_commit:
            super().read(message, again=again)
        else:
            self.mail.remove(message)


class ForgetsCommits(Server):
    """It reads one of many commits and does nothing."""

    _num_read = 0

    def add(self, transaction: Transaction) -> None:
        self._num_read += 1
        if self._num_read % 20:
            super().add(transaction)


ALL: list[Any] = [
    AnswersEarly,
    CommitsTwice,
    LocksNobody,
    LastWriterWins,
    LooksBeforeItLocks,
    TearsCommits,
    DoesNotSync,
    CallsTheClockOfTheClient,
    KeepsTheLockOfTheDead,
    ForgetsCommits,
]
