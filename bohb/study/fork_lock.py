"""What happens to open stores when the process forks.

A connection must not cross a fork: parent and child would each believe that they hold the locks of the other. Every
study therefore closes its store before a fork, and both processes open it again when they use it next.
"""

import os
import threading
import weakref
from collections.abc import Callable


class ForkLock:
    """A lock for the threads of one process. A fork waits for it, and the child gets a new one.

    Args:
        close: Closes what must not cross a fork; it is called while the lock is held.
    """

    def __init__(self, close: Callable[[], None]) -> None:
        self.close = close
        self.lock = threading.RLock()
        _LOCKS.add(self)

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self.lock.release()


_LOCKS: "weakref.WeakSet[ForkLock]" = weakref.WeakSet()
_held: list[ForkLock] = []


def _before() -> None:
    for lock in list(_LOCKS):
        lock.lock.acquire()
        _held.append(lock)
        lock.close()


def _after_in_parent() -> None:
    while _held:
        _held.pop().lock.release()


def _after_in_child() -> None:
    while _held:
        _held.pop().lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
