"""The live display: tqdm's bar in a terminal, its widget in a notebook."""

from typing import Any, TextIO

from bohb.runner.records import Record, RunEnded
from bohb.runner.standing import Standing, summary

BAR_FORMAT = "{percentage:3.0f}%|{bar:20}| {desc}"


class Bar:
    """A bar with the status of the run beside it; it is full when a limit is reached.

    Args:
        file: The terminal; a notebook ignores it.
    """

    def __init__(self, file: TextIO) -> None:
        from tqdm.auto import tqdm

        self._bar: Any = tqdm(total=100, file=file, bar_format=BAR_FORMAT, dynamic_ncols=True, leave=True)

    def __call__(self, record: Record, standing: Standing) -> None:
        """Update the bar."""
        self._bar.n = round(100 * standing.fraction, 1)
        if isinstance(record, RunEnded):
            self._bar.set_description_str(summary(record.report))
            self._bar.close()
        else:
            self._bar.set_description_str(str(standing), refresh=False)
            self._bar.update(0)  # redraws, at a limited rate
