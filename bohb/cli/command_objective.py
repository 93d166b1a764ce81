"""One trial as one run of a command, in a worker process of the runner.

The command gets the trial filled into its arguments, and as JSON in `BOHB_TRIAL` and on stdin. It answers on the last
line of stdout: the loss, or a JSON object with `loss`, `checkpoint` and `info`; or the value of the objective by its
name. The runner keeps what it prints, and a failure records the end of stderr.

Every worker process loads this file; it imports nothing heavy, and knows no study.
"""

import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from bohb._json import MAX_CHARACTERS, read_object
from bohb._text import last_line, read_number, shortened
from bohb.cli.templates import fill_in
from bohb.errors import WorkerLost
from bohb.exchange.records import trial_facts
from bohb.objectives import LOSS, Goal
from bohb.runner.evaluation import Outcome, read_returned
from bohb.runner.signals import name_of
from bohb.trials import Trial

MAX_BYTES = 16_384
"""Bytes of stderr to remember: the reason of a failure ends it."""
MAX_OUT = 2 * MAX_CHARACTERS
"""Bytes of stdout to remember: its last line is the loss, with as much beside it as can be kept, and as much again."""
MAX_LINE = 1000
"""How many characters of the last line of stderr are part of the error."""
SECONDS_TO_DRAIN = 1.0
"""How long to read the streams after the command has ended: a process that it left running may hold them open."""
_NUMPY = re.compile(r"np\.(?:float|int|uint)\d+\((.*)\)")
_TORCH = re.compile(r"tensor\(([^(),]+)(?:, [^()]+)?\)")
"""A tensor of one element, perhaps with its device, type or gradient."""
_COLOR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
"""What sets the colour of a terminal, or clears a part of it."""
_PRINTED = r"((?:np\.\w+|tensor)\([^()]*\)|[^\s,;|]+)"
_CLOSING = ".:)]}>\"'"
"""What may follow a number in a line for people, as in `[loss=0.1, accuracy=0.93]`."""


@dataclass(frozen=True)
class Command:
    """An objective that runs a command.

    Args:
        words: The command and its arguments, with placeholders; see `bohb.cli.templates`.
        goal: What the command answers.
        metric: Read a line `METRIC=0.93` instead of the last one.
    """

    words: Sequence[str]
    goal: Goal = LOSS
    metric: str | None = None

    def __call__(self, trial: Trial) -> Outcome:
        """Run the command for a trial.

        Raises:
            WorkerLost: If a signal ended it. A signal says nothing about the configuration.
        """
        with _Patience() as patience:
            code, out, err = _run(fill_in(self.words, trial), trial)
        patience.resign()
        if code < 0:
            raise WorkerLost(f"the command was ended by {name_of(-code)}{_quoted(err)}")
        if code:
            reason = f": {shortened(last, MAX_LINE)}" if (last := last_line(err)) else ""
            return Outcome(error=f"exit status {code}{reason}", info={"exit_status": code, "stderr": err})
        return read_output(out, err, self.goal, self.metric)


def read_output(out: str, err: str, goal: Goal = LOSS, metric: str | None = None) -> Outcome:
    """Return the outcome of a command that ended with status 0.

    Args:
        out: The end of its stdout.
        err: The end of its stderr.
        goal: What the command answers.
        metric: The name of the value, if the command does not call it as the goal.
    """
    out = _COLOR.sub("", out)
    lines, last = out.splitlines(), last_line(out)
    try:
        return read_returned(_answer(lines, last, goal, metric or goal.name, is_line=metric is not None), goal)
    except (ValueError, TypeError) as error:
        expected = f"expected the {goal.name}, or a JSON object with it, on the last line of stdout"
        if metric is not None:
            expected = f"expected a line {metric}=0.93, or a JSON object with {metric!r} on the last line of stdout"
        return Outcome(error=f"{expected}, got {last[:200]!r}: {error}", info={"exit_status": 0, "stderr": err})


def _answer(lines: Sequence[str], last: str, goal: Goal, name: str, *, is_line: bool) -> Any:
    """Return what a command answers: the last line, or the last number after the name.

    Raises:
        ValueError: If there is no number.
    """
    pattern = re.compile(rf"(?<![\w./-]){re.escape(name)}\s*=\s*{_PRINTED}")
    found = [match for line in lines for match in pattern.findall(line)] if is_line else []
    if found:
        value = found[-1]
        return _number(value if value.endswith(")") and "(" in value else value.rstrip(_CLOSING))
    if last.startswith("{"):
        return _of_object(read_object(last), goal, name)
    if is_line:
        raise ValueError(f"no line has {name}=")
    return _number(last)


def _number(text: str) -> float:
    """Return a number, also as numpy 2 and torch print one: `np.float64(0.5)`, `tensor(0.5, device='cuda:0')`."""
    match = _NUMPY.fullmatch(text) or _TORCH.fullmatch(text)
    return read_number(text if match is None else match[1])


def _of_object(facts: dict[str, Any], goal: Goal, name: str) -> dict[str, Any]:
    """Return a JSON object with its value under the name of the goal, and nan where that is null.

    Raises:
        ValueError: If there is no value.
    """
    if name not in facts:
        raise ValueError(f"it has no {name!r}")
    value = facts[name]
    if isinstance(value, bool):
        raise ValueError(f"a {name} is a number, neither true nor false")
    return facts | {goal.name: math.nan if value is None else value}


def trial_json(trial: Trial) -> str:
    """Return the text for `BOHB_TRIAL` and stdin, the same that `bohb ask` prints."""
    return json.dumps(trial_facts(trial))


def _run(words: Sequence[str], trial: Trial) -> tuple[int, str, str]:
    """Run a command to its end; return its status, and the ends of its stdout and stderr."""
    text = trial_json(trial)
    process = subprocess.Popen(  # noqa: S603  (the user's own command, without a shell)
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "BOHB_TRIAL": text},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    out = _Tail(process.stdout, sys.stdout.fileno(), MAX_OUT)
    err = _Tail(process.stderr, sys.stderr.fileno(), MAX_BYTES)
    threading.Thread(target=_feed, args=(process.stdin, f"{text}\n".encode()), daemon=True).start()
    code = process.wait()
    return code, out.text(), err.text()


def _feed(stream: IO[bytes], data: bytes) -> None:
    """Write to a command, which may end without reading."""
    try:
        with stream:
            stream.write(data)
    except BrokenPipeError:
        return


@dataclass
class _Tail:
    """Pass a stream on as it comes, and remember its end."""

    stream: IO[bytes]
    copy_to: int
    num_bytes: int
    data: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        while chunk := os.read(self.stream.fileno(), 65_536):
            self.data += chunk
            del self.data[: -self.num_bytes]
            with suppress(OSError):  # a full disk costs the copy, not the result
                os.write(self.copy_to, chunk)

    def text(self) -> str:
        self.thread.join(SECONDS_TO_DRAIN)
        return bytes(self.data).decode(errors="replace")


class _Patience:
    """Delay SIGTERM until the command has ended, so that the command has time to save.

    The signal goes to the whole process group, so the command gets it as well.
    """

    def __init__(self) -> None:
        self._is_called = False
        self._before: Any = None

    def __enter__(self) -> "_Patience":
        self._before = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._before)

    def resign(self) -> None:
        """End this process if SIGTERM came."""
        if self._is_called:
            signal.raise_signal(signal.SIGTERM)

    def _note(self, *_: object) -> None:
        self._is_called = True


def _quoted(err: str) -> str:
    return f"; the end of its stderr:\n{err}" if err.strip() else ""
