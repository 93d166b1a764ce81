"""The standard streams of a process, whatever was done to them.

A trial may close, replace or redirect its streams, and a program may be started without some. Neither may cost a
result, and no file that is opened later may take the place of a stream: it would receive what is printed.
"""

import os
import sys
from contextlib import suppress
from typing import TextIO

STREAMS = ("stdin", "stdout", "stderr")


def reserve() -> None:
    """Open the null device in place of each standard descriptor that is closed."""
    for descriptor in range(len(STREAMS)):
        if not is_open(descriptor):
            _open_null(descriptor)


def repair() -> None:
    """Make stdout and stderr usable again if they were closed."""
    reserve()
    for descriptor, name in enumerate(STREAMS):
        if descriptor and _is_closed(getattr(sys, name, None)):
            again = open(descriptor, "w", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
            setattr(sys, name, again)


def flush(descriptor: int) -> None:
    """Write what Python still holds of stdout or stderr. What cannot be written is lost, and nothing else is."""
    stream: TextIO | None = getattr(sys, STREAMS[descriptor], None)
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:  # it would be written again, into the file of the next call
        _open_null(descriptor)
        with suppress(OSError):
            stream.flush()
    except Exception:  # closed, or an object of the user's, which may raise anything
        return


def _is_closed(stream: object) -> bool:
    """Whether nothing can be written to what a trial left in place of a stream."""
    try:
        return stream is None or bool(getattr(stream, "closed", False))
    except Exception:  # a user's own attribute may raise anything
        return True


def is_open(descriptor: int) -> bool:
    """Whether a descriptor is open."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _open_null(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)
    os.set_inheritable(descriptor, True)
