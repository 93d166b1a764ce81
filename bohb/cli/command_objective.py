"""One trial as one run of a command, in a worker process of the runner.

The command gets the trial filled into its arguments, and as JSON in `BOHB_TRIAL` and on stdin. It answers on the last
line of stdout: the loss, or a JSON object with `loss`, `checkpoint` and `info`. The runner keeps what it prints, and a
failure records the end of stderr.

Every worker process loads this file; it imports nothing heavy, and knows no study.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from bohb._json import parse
from bohb._text import read_number
from bohb.cli.templates import fill_in
from bohb.errors import WorkerLost
from bohb.exchange.records import trial_facts
from bohb.runner.evaluation import Outcome, read_returned
from bohb.trials import Trial

MAX_BYTES = 16_384
"""Bytes of each stream to remember: the loss ends stdout, and the reason of a failure ends stderr."""
SECONDS_TO_DRAIN = 1.0
"""How long to read the streams after the command has ended: a process that it left running may hold them open."""


@dataclass(frozen=True)
class Command:
    """An objective that runs a command.

    Args:
        words: The command and its arguments, with placeholders; see `bohb.cli.templates`.
    """

    words: Sequence[str]

    def __call__(self, trial: Trial) -> Outcome:
        """Run the command for a trial.

        Raises:
            WorkerLost: If a signal ended it. A signal says nothing about the configuration.
        """
        with _Patience() as patience:
            code, out, err = _run(fill_in(self.words, trial), trial)
        patience.resign()
        if code < 0:
            raise WorkerLost(f"the command was ended by {signal.Signals(-code).name}{_quoted(err)}")
        if code:
            return Outcome(error=f"exit status {code}", info={"exit_status": code, "stderr": err})
        return read_output(out, err)


def read_output(out: str, err: str) -> Outcome:
    """Return the outcome of a command that ended with status 0.

    Args:
        out: The end of its stdout.
        err: The end of its stderr.
    """
    lines = out.strip().splitlines()
    last = lines[-1].strip() if lines else ""
    try:
        if not last.startswith("{"):
            return read_returned(read_number(last))
        facts: dict[str, Any] = parse(last)
        if isinstance(facts.get("loss"), bool):
            raise ValueError("a loss is a number, neither true nor false")
        has_no_loss = "loss" in facts and facts["loss"] is None  # JSON has no nan
        return read_returned(facts | {"loss": float("nan")} if has_no_loss else facts)
    except (ValueError, TypeError) as error:
        expected = "expected the loss, or a JSON object with it, on the last line of stdout"
        return Outcome(error=f"{expected}, got {last[:200]!r}: {error}", info={"exit_status": 0, "stderr": err})


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
    out, err = _Tail(process.stdout, sys.stdout.fileno()), _Tail(process.stderr, sys.stderr.fileno())
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
    data: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        while chunk := os.read(self.stream.fileno(), 65_536):
            self.data += chunk
            del self.data[:-MAX_BYTES]
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
