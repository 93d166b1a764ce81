"""A queue for the writers of a file: the processes of one host get its lock in the order in which they came.

SQLite's lock has no queue. A process that finds it taken tries again after a pause, and on a busy host it may lose for
a minute while others come and go. So writers first stand in a queue of the kernel, that of a lock (`flock`) on an
empty file beside the study. Whoever is first holds that lock, tries to get SQLite's, and then lets the next one try. A
process that has just finished cannot overtake, and the kernel removes a process that dies.

The queue is a courtesy: SQLite's lock protects the data with and without it. There is none on Windows, which has no
`flock`, on a file system without it, and where the empty file cannot be made; there, waiting has no order.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows
    HAS_QUEUES = False
else:
    HAS_QUEUES = True


class Queue:
    """A place to wait.

    Args:
        path: The empty file that is locked; it is made where it is missing. Deleting it does no harm.
        busy: Makes the error to raise if the wait takes too long.
    """

    def __init__(self, path: str, busy: Callable[[], Exception]) -> None:
        self._path, self._busy = path, busy
        self._file: int | None = None

    @contextmanager
    def wait(self, deadline: float) -> Iterator[None]:
        """Wait to be first, and remain so within the block.

        Args:
            deadline: When to give up, by `time.monotonic`.
        """
        try:  # Ctrl-C may come at any moment
            if not self.take():
                self._wait(deadline)
            yield
        finally:
            self.leave()

    def take(self) -> bool:
        """Be first if nobody is; return whether that is so. Where there are no queues, everybody is first."""
        file = self._open() if HAS_QUEUES else None
        return file is None or _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def leave(self) -> None:
        """Let the next one be first."""
        if self._file is not None:
            _lock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def _open(self) -> int | None:
        if self._file is None:
            try:
                self._file = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            except OSError:  # this user may not write here, which SQLite will say if it matters
                return None
        return self._file

    def _wait(self, deadline: float) -> None:
        file, self._file = self._file, None  # whoever gives up leaves the file to the waiter
        assert file is not None  # it was not to be had, so it is open
        waiter = _Waiter(file)
        try:
            if not waiter.wait(deadline):
                raise self._busy()
            self._file = file
        except BaseException:
            self._file = None
            waiter.leave()
            raise


def _lock(file: int, operation: int) -> bool:
    """Return whether the lock is ours, or the file system has no such locks."""
    try:
        fcntl.flock(file, operation)
    except BlockingIOError:
        return False
    except OSError:  # as on some network file systems: no queue here
        return True
    return True


class _Waiter:
    """A thread that waits for a lock, because the kernel's wait has no time limit. Whoever leaves need not wait on."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._mutex, self._done = threading.Lock(), threading.Event()
        self._has_left = False

    def wait(self, deadline: float) -> bool:
        """Return whether the lock became free before the deadline; then it is held."""
        threading.Thread(target=self._run, name="bohb-queue", daemon=True).start()
        return self._done.wait(max(deadline - time.monotonic(), 0))

    def leave(self) -> None:
        """Give the lock back, now or when the thread gets it."""
        with self._mutex:
            self._has_left = True
            if self._done.is_set():
                self._give_back()

    def _run(self) -> None:
        _lock(self._file, fcntl.LOCK_EX)
        with self._mutex:
            self._done.set()
            if self._has_left:
                self._give_back()

    def _give_back(self) -> None:
        _lock(self._file, fcntl.LOCK_UN)  # a forked process may have the file open
        os.close(self._file)
