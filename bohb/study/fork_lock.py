"""What happens to open stores when the process forks.

A connection must not cross a fork: parent and child would each believe that they hold the locks of the other. Every
study therefore lets go of its store before, and finds it again when it is used next, in the parent and in the child.
"""

import os
import threading
import weakref
from collections.abc import Callable


class Guard:
    """A lock for the threads of one process, which a fork waits for and renews.

    Args:
        let_go: Lets go of what must not cross a fork.
    """

    def __init__(self, let_go: Callable[[], None]) -> None:
        self.let_go = let_go
        self.lock = threading.RLock()
        _GUARDS.add(self)

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self.lock.release()


_GUARDS: "weakref.WeakSet[Guard]" = weakref.WeakSet()
_held: list[Guard] = []


def _before() -> None:
    for guard in list(_GUARDS):
        guard.lock.acquire()
        _held.append(guard)
        guard.let_go()


def _after_in_parent() -> None:
    while _held:
        _held.pop().lock.release()


def _after_in_child() -> None:
    while _held:
        _held.pop().lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
