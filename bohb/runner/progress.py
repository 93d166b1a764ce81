"""The progress display: a bar in a terminal, a widget in a notebook, plain lines everywhere else.

The bar needs tqdm (`pip install 'bohb[progress]'`) and lives in `progress_bar.py`. Without tqdm a terminal gets plain
lines too.
"""

import importlib.util
import sys
import time
from collections.abc import Callable
from typing import TextIO

from bohb.runner.records import Record, RunEnded, RunStarted, TrialEnded
from bohb.runner.standing import Standing, summary
from bohb.trials import Result

SECONDS_BETWEEN_LINES = 60.0
"""The time between two lines while there is no new incumbent."""


class Progress:
    """Show the progress of a run, on stderr or in the notebook; `run(progress=True)` adds one.

    It is a callback: it is called with each record of one run.
    """

    def __init__(self, *, file: TextIO | None = None) -> None:
        self._file = file
        self._standing = Standing()
        self._show: Callable[[Record, Standing], None] | None = None

    def __call__(self, record: Record) -> None:
        """Read a record and show what is new."""
        if self._show is None or isinstance(record, RunStarted):
            self._standing, self._show = Standing(), _display(self._file or sys.stderr)
        self._standing.take(record)
        self._show(record, self._standing)


class PlainLines:
    """Plain lines: one for each new incumbent, one a minute without news, and one at the end."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._shown: Result | None = None
        self._next_at = time.monotonic() + SECONDS_BETWEEN_LINES

    def __call__(self, record: Record, standing: Standing) -> None:
        """Write a line if there is news."""
        match record:
            case RunStarted():
                self._shown = standing.incumbent
            case TrialEnded() if standing.incumbent != self._shown or time.monotonic() >= self._next_at:
                self._shown, self._next_at = standing.incumbent, time.monotonic() + SECONDS_BETWEEN_LINES
                self._write(str(standing))
            case RunEnded(report):
                self._write(summary(report))

    def _write(self, line: str) -> None:
        print(line, file=self._file, flush=True)


def is_notebook() -> bool:
    """Whether this is a notebook, where widgets can be shown."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def _display(file: TextIO) -> Callable[[Record, Standing], None]:
    if (is_notebook() or file.isatty()) and importlib.util.find_spec("tqdm") is not None:
        from bohb.runner.progress_bar import Bar

        return Bar(file)
    return PlainLines(file)
