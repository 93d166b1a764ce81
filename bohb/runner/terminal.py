"""The live display in a terminal. rich draws it: one calm view that is redrawn in place."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from bohb._text import visible
from bohb.optimizer.notebook import rung_headers, rung_rows
from bohb.optimizer.tally import RungTally
from bohb.runner.view import View

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

_Row = tuple[RungTally, tuple[str, str, str, str, str]]
REDRAWS = 2
"""How often a second the view is redrawn."""
MAX_BAR, NUMBERS = 24, 50
"""How many cells wide the bar of the fullest rung is at most, and how many the numbers beside it need."""
OTHER_LINES = 18
"""How many lines of a terminal are kept for what stands around the rungs."""


class Screen:
    """A view that stands at the bottom of a terminal until it is closed.

    Args:
        file: The terminal.
        look: Returns what to show; another thread calls it.
    """

    def __init__(self, file: TextIO, look: Callable[[], View]) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=file)
        self._live = Live(
            get_renderable=lambda: draw(look(), console), console=console, refresh_per_second=REDRAWS, auto_refresh=True
        )
        self._live.start(refresh=True)

    def close(self, last: str) -> None:
        """Draw the view for the last time, and a line below it."""
        self._live.stop()
        self._live.console.print(_plain(last), soft_wrap=True)


def draw(view: View, console: "Console") -> "RenderableType":
    """Return a view as rich renders it."""
    from rich.console import Group

    parts: list[RenderableType] = [_plain(view.title)]
    if view.fraction is not None:
        parts.append(_progress(view.fraction, min(60, console.width - 5), _cells(console)))
    if view.tally is not None:
        parts.append(_rungs(view, console))
    parts.append(_facts(view))
    return Group(*parts)


def _plain(text: str) -> "RenderableType":
    """Return text that says no more than its letters: no markup, no control characters."""
    from rich.text import Text

    return Text(visible(text))


def _cells(console: "Console") -> str:
    """Return the letters of a bar: full and light."""
    return "█▒" if (console.encoding or "").lower().startswith("utf") else "#-"


def _progress(fraction: float, width: int, cells: str) -> "RenderableType":
    """Return how much is done as a bar."""
    from rich.text import Text

    done = round(fraction * width)
    return Text.assemble((cells[0] * done, "cyan"), (cells[1] * (width - done), "dim"), f" {fraction:4.0%}")


def _rungs(view: View, console: "Console") -> "Table":
    """Return the rungs as a table in which each fills a bar; of more than fit, the largest that have a trial."""
    from rich.table import Table

    assert view.tally is not None
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    first, *others = rung_headers(view.tally.goal)
    table.add_column(_plain(first), justify="right")
    table.add_column("")
    for name in map(_plain, others):
        table.add_column(name, justify="right")
    most = max(1, *(rung.num_done + rung.num_running for rung in view.tally.rungs))
    cells = _cells(console)
    width = min(MAX_BAR, max(0, console.width - NUMBERS))
    rows = list(zip(view.tally.rungs, rung_rows(view.tally), strict=True))
    shown = _fitting(rows, max(3, console.height - OTHER_LINES))
    for rung, (budget, *numbers) in shown:
        table.add_row(_plain(budget), _bar(rung, most, cells, width), *map(_plain, numbers))
    if len(shown) < len(rows):
        table.add_row(_plain(f"and {len(rows) - len(shown)} more"))
    return table


def _fitting(rows: "Sequence[_Row]", limit: int) -> "Sequence[_Row]":
    """Return all rows, or of too many the last ones that have a trial."""
    if len(rows) <= limit:
        return rows
    return [row for row in rows if row[0].num_done or row[0].num_running][-limit:]


def _bar(rung: RungTally, most: int, cells: str, width: int) -> "RenderableType":
    """Return the results of a rung as full cells, failures in another colour, and what runs as lighter ones."""
    from rich.text import Text

    full, light = cells[0], cells[1]
    ends = [width * num / most for num in (rung.num_done - rung.num_failed, rung.num_done)]
    good, done = map(round, ends)
    running = -(-width * rung.num_running // most)
    return Text.assemble((full * good, "cyan"), (full * (done - good), "red"), (light * running, "yellow"))


def _facts(view: View) -> "Table":
    """Return the incumbent, the failures and the workers."""
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, lines in view.facts():
        for number, line in enumerate(lines):
            table.add_row(_plain("" if number else name), _cropped(line))
    return table


def _cropped(line: str) -> "RenderableType":
    from rich.text import Text

    return Text(visible(line), no_wrap=True, overflow="ellipsis")
