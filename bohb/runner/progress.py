"""The progress display: a live view in a terminal or a notebook, plain lines everywhere else.

The view in a terminal needs rich (`pip install 'bohb[progress]'`) and lives in `terminal.py`, the one of notebooks in
`cell.py`. Without rich a terminal gets plain lines too.
"""

import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from bohb.runner.records import Record, RunEnded, RunStarted, TrialEnded
from bohb.runner.standing import Standing, summary
from bohb.runner.view import View, view_of_run
from bohb.trials import Result

if TYPE_CHECKING:
    from bohb.runner.cell import Cell
    from bohb.runner.terminal import Screen

SECONDS_BETWEEN_LINES = 60.0
"""The time between two lines while there is no news."""
SECONDS_BETWEEN_CELLS = 0.5
"""The least time between two updates of a notebook."""


class Progress:
    """Show the progress of a run, on stderr or in the notebook; `run(progress=True)` adds one.

    It is a callback: it is called with each record of one run.
    """

    def __init__(self, *, file: TextIO | None = None) -> None:
        self._file = file
        self._status = LiveStatus()
        self._show: Callable[[Record, LiveStatus], None] | None = None

    def __call__(self, record: Record) -> None:
        """Read a record and show what is new."""
        if self._show is None or isinstance(record, RunStarted):
            self._status, self._show = LiveStatus(), _display(self._file or sys.stderr)
        self._status.take(record)
        self._show(record, self._status)


class LiveStatus:
    """The status of a run that another thread may look at, which draws while trials run."""

    def __init__(self) -> None:
        self.standing = Standing()
        self._lock = threading.Lock()
        self._began = time.monotonic()

    def take(self, record: Record) -> None:
        """Update the status from a record."""
        with self._lock:
            self.standing.take(record)
            self._began = time.monotonic() - self.standing.seconds

    def look(self) -> View:
        """Return what to show now."""
        with self._lock:
            return view_of_run(self.standing, time.monotonic() - self._began)


class PlainLines:
    """Plain lines: one for each new incumbent and kind of failure, one a minute without news, and one at the end."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._shown: Result | None = None
        self._kinds = 0
        self._next_at = time.monotonic() + SECONDS_BETWEEN_LINES

    def __call__(self, record: Record, status: LiveStatus) -> None:
        """Write a line if there is news."""
        standing = status.standing
        kinds = 0 if standing.tally is None else len(standing.tally.failures)
        match record:
            case RunStarted():
                self._shown, self._kinds = standing.incumbent, kinds
            case TrialEnded(result):
                if kinds > self._kinds:
                    self._kinds = kinds
                    self._write(f"trial {result.trial.id} failed at budget {result.trial.budget}: {result.reason}")
                if standing.incumbent != self._shown or time.monotonic() >= self._next_at:
                    self._shown, self._next_at = standing.incumbent, time.monotonic() + SECONDS_BETWEEN_LINES
                    self._write(str(standing))
            case RunEnded(report):
                self._write(summary(report))

    def _write(self, line: str) -> None:
        print(line, file=self._file, flush=True)


class LiveTerminal:
    """The view of rich, which draws itself anew."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._screen: Screen | None = None

    def __call__(self, record: Record, status: LiveStatus) -> None:
        """Open the view, or close it at the end."""
        from bohb.runner.terminal import Screen

        if self._screen is None:
            self._screen = Screen(self._file, status.look)
        if isinstance(record, RunEnded):
            self._screen.close(summary(record.report))


class LiveCell:
    """The output of a notebook, updated after records, but not after each of many."""

    def __init__(self) -> None:
        self._cell: Cell | None = None
        self._next_at = 0.0

    def __call__(self, record: Record, status: LiveStatus) -> None:
        """Update the output if it is time, and at the end."""
        from bohb.runner.cell import Cell

        self._cell = Cell() if self._cell is None else self._cell
        if isinstance(record, RunEnded):
            self._cell.show(status.look(), summary(record.report))
        elif time.monotonic() >= self._next_at:
            self._cell.show(status.look())
            self._next_at = time.monotonic() + SECONDS_BETWEEN_CELLS


def is_notebook() -> bool:
    """Whether this is a notebook, where outputs can be updated."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def can_draw(file: TextIO) -> bool:
    """Whether a live view can be drawn: in a terminal that moves its cursor, with rich."""
    return file.isatty() and os.environ.get("TERM") != "dumb" and importlib.util.find_spec("rich") is not None


def _display(file: TextIO) -> Callable[[Record, LiveStatus], None]:
    if is_notebook():
        return LiveCell()
    return LiveTerminal(file) if can_draw(file) else PlainLines(file)
