"""Print results: one JSON object a line for programs, or text for people, both from the same records.

JSON has no infinities: the loss of a failure is null, and its status says why.
"""

import errno
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, TextIO

from bohb._secrets import looks_like_address, redacted, refused, scheme_of
from bohb._text import config_line, significant, visible
from bohb.objectives import LOSS, Goal
from bohb.trials import Result

_addresses: list[str] = []


def stdout() -> TextIO:
    """Return stdout.

    Raises:
        OSError: If it is closed.
    """
    if sys.stdout is None or sys.stdout.closed:
        raise OSError(errno.EBADF, "stdout is closed")
    return sys.stdout


def give_up_stdout() -> None:
    """Discard what could not be written, so that Python does not try again when it ends."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(value: Mapping[str, Any]) -> None:
    """Write one JSON object as one line to stdout and flush: a reader may wait for it."""
    print(to_line(value), file=stdout(), flush=True)


def print_text(text: str) -> None:
    """Write text for people to stdout."""
    print(visible(text, keep_lines=True), file=stdout(), flush=True)


def hide_addresses(words: Sequence[str]) -> None:
    """Remember the addresses of databases among the arguments, so that no message shows one, wherever it was given."""
    values = [word.partition("=")[2] if word.startswith("--") and "=" in word else word for word in words]
    _addresses[:] = [value for value in values if scheme_of(value) or looks_like_address(value)]


def without_addresses(text: str) -> str:
    """Return a message without the secrets in the addresses of databases."""
    for word in _addresses:
        for form in (word, repr(word)[1:-1]):
            text = text.replace(form, refused(word))
    return redacted(text)


def print_remark(text: str) -> None:
    """Write a remark to stderr."""
    print_to_stderr(f"bohb: {visible(without_addresses(text), keep_lines=True)}")


def print_to_stderr(text: str) -> None:
    """Write a text to stderr, if that can be written; the exit code says the same."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(text, file=sys.stderr, flush=True)


def to_line(value: Any) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value, allow_nan=False)


def result_text(result: Result, goal: Goal = LOSS) -> str:
    """Return a result on one line, for people."""
    outcome = f"failed ({result.reason})" if result.is_failure else goal.text(result.loss)
    outcome += "".join(f", {name} {significant(value)}" for name, value in result.metrics.items() if name != goal.name)
    outcome += "" if result.cost is None else f", cost {significant(result.cost)}"
    return f"trial {result.trial.id}: {outcome} at budget {result.trial.budget}; {config_line(result.trial.config)}"
