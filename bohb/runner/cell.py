"""The live display in a notebook: one output that is updated, and that an exported notebook still shows."""

from typing import Any

from bohb import _html
from bohb.optimizer.notebook import rungs_html
from bohb.runner.view import View


class Cell:
    """The output of a notebook's cell that is replaced by each view."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, view: View, last: str | None = None) -> None:
        """Replace the output.

        Args:
            view: What to show.
            last: The last line; None while the run goes on.
        """
        from IPython import display

        ipython: Any = display  # it has no types
        shown = ipython.HTML(view_html(view, last))
        if self._handle is None:
            self._handle = ipython.display(shown, display_id=True)
        else:
            self._handle.update(shown)


def view_html(view: View, last: str | None = None) -> str:
    """Return a view as HTML."""
    bar = ""
    if view.fraction is not None:
        bar = f"<progress value='{view.fraction:.3f}' max='1' style='width:20em'></progress>"
    rungs = "" if view.tally is None else rungs_html(view.tally)
    facts = _html.pairs("", [(name, "\n".join(lines)) for name, lines in view.facts()])
    return f"<div><p>{_html.text_of(last or view.title)}</p>{bar}{rungs}{facts}</div>"
