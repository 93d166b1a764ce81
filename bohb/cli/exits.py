"""The exit codes of the commands. They follow conventions where there are any (sysexits.h, 128 + signal)."""

from bohb.errors import (
    BohbError,
    SpaceExhausted,
    StateError,
    StudyBusy,
    StudyCorrupt,
    StudyMismatch,
    StudyUnavailable,
    StudyVersion,
    TellConflict,
)

OK = 0
NO = 1
"""The command worked, and the answer is no: there is no incumbent, every trial of a `run` failed, or `verify` found a
difference."""
USAGE = 2
"""The arguments, or what they name, are not valid; the same call will fail again."""
EXHAUSTED = 3
"""`ask`: a finite space has nothing left to evaluate."""
CONFLICT = 4
"""The trial was told before with another outcome, which stays."""
DATA = 65
"""The study, or a file to import, is damaged, of a newer version, or something else (EX_DATAERR)."""
UNAVAILABLE = 69
"""The store is busy, full, missing or out of reach; nothing is lost, the same call may be repeated (EX_UNAVAILABLE)."""
BUG = 70
"""An unexpected error in bohb, or in a Python file it was given, with its traceback (EX_SOFTWARE)."""
OUTPUT = 74
"""Output could not be printed or written (EX_IOERR)."""
INTERRUPTED = 130
"""Ended by Ctrl-C; `run` gave back what was running, and `ask` what it had not printed."""
TERMINATED = 143
"""Ended by SIGTERM or SIGHUP; `run` gave back what was running, and `ask` what it had not printed."""

ENDS = {"interrupted": INTERRUPTED, "terminated": TERMINATED}
"""The codes by why a command was ended, in the words of a report."""

_CODES: tuple[tuple[type[BohbError], int], ...] = (
    (SpaceExhausted, EXHAUSTED),
    (TellConflict, CONFLICT),
    (StudyCorrupt, DATA),
    (StudyMismatch, DATA),
    (StudyVersion, DATA),
    (StateError, DATA),
    (StudyBusy, UNAVAILABLE),
    (StudyUnavailable, UNAVAILABLE),
    (BohbError, USAGE),
)


def code_of(error: BohbError) -> int:
    """Return the exit code for one of our errors."""
    return next(code for kind, code in _CODES if isinstance(error, kind))
