"""Seats: of the processes on one host, as many let their models advise at the same time as it has cores.

More of them would only share the cores. Each would take longer and see an older state, and so more often choose what
another process has taken meanwhile; and a process that holds the lock of a study would have to wait for a core.

A seat is the first place of a queue (see `stores/queue.py`), at an empty file in the folder for temporary files. It is
a courtesy: whoever finds no seat goes on without one after a while. It is held until the ask is written, so the next
process sees what this one asked and what its model learned.

Of the processes that ask at the same time in one study, the first lets its model learn; the others use what was learned
before. It too holds a lock on an empty file in that folder, one that it makes and deletes.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import SystemRandom

from bohb.study.stores.queue import HAS_QUEUES, Queue

MAX_SECONDS = 1.0
"""How long to wait for a seat."""


class NoSeat(Exception):
    """No seat became free in time."""


@contextmanager
def seat() -> Iterator[None]:
    """Hold a seat within the block: any that is free, or the first of one of them that becomes so."""
    with ExitStack() as stack:
        if HAS_QUEUES:
            _sit(_queues(), stack)
        yield


@contextmanager
def first_in(study: str) -> Iterator[bool]:
    """Yield whether, on this host, no other block is within this function for the same study.

    Args:
        study: The name of the study.
    """
    if not HAS_QUEUES:
        yield True
        return
    path = _folder() / hashlib.sha256(study.encode()).hexdigest()[:32]
    queue = Queue(str(path), NoSeat)
    try:
        is_first = queue.take()
        yield is_first
        if is_first:
            path.unlink(missing_ok=True)
    finally:
        queue.close()


def _sit(queues: list[Queue], stack: ExitStack) -> None:
    SystemRandom().shuffle(queues)  # the numbers of `random` are the user's
    for queue in queues:
        stack.callback(queue.close)
        if queue.take():
            stack.callback(queue.leave)
            return
    with suppress(NoSeat):
        stack.enter_context(queues[0].wait(time.monotonic() + MAX_SECONDS))


def _queues() -> list[Queue]:
    """Return a queue for each core of the host; this process alone may be bound to fewer."""
    folder = _folder()
    return [Queue(str(folder / str(number)), NoSeat) for number in range(os.cpu_count() or 1)]


def _folder() -> Path:
    """Return the folder for the files, after making it; where it cannot be, everybody has a seat."""
    folder = Path(tempfile.gettempdir()) / f"bohb-seats-{os.getuid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder
