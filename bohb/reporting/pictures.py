"""The pictures of the page, as what plotly draws in the browser."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from bohb import plots
from bohb._text import shortened
from bohb.errors import SettingError
from bohb.importance import importance
from bohb.plots.theme import notes_of
from bohb.study.snapshot import Snapshot

NUM_RESPONSES = 2
"""How many of the most important parameters have a picture of their own."""
MAX_NAME = 60
"""About how many characters of a parameter's name a caption has."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture.

    Attributes:
        name: Its name in the page.
        caption: What it shows, as a sentence.
        notes: What a reader should know of it, or why it cannot be drawn.
        figure: The figure as JSON; None if it cannot be drawn.
        is_wide: Whether it says nothing on the width of a telephone, and is scrolled there.
    """

    name: str
    caption: str
    notes: str
    figure: str | None
    is_wide: bool = False


def pictures_of(now: Snapshot) -> list[Picture]:
    """Return the pictures of a search; one that cannot be drawn says why."""
    if not now.results:
        return []
    frame = now.to_frame()
    first = [
        _drawn("progress", "The incumbent over what was spent.", lambda: plots.progress(frame)),
        _drawn("rungs", "How many configurations each budget saw, and which went on.", lambda: plots.rungs(frame)),
    ]
    last = [
        _drawn(
            "parallel", "Each configuration as a line over all parameters.", lambda: plots.parallel(frame), wide=True
        ),
        _drawn("curves", "Learning curves, coloured by the last result.", lambda: plots.curves(now)),
        _drawn("timeline", "When the workers worked.", lambda: plots.timeline(now)),
    ]
    return [*first, *_of_parameters(frame), *last]


def _of_parameters(frame: Any) -> list[Picture]:
    """Return the importance of the parameters, and the response to the most important ones."""
    caption = "How much of the variance of the results each parameter explains."
    try:
        found = importance(frame)
    except SettingError as error:
        return [Picture("importance", caption, f"Not drawn: {error}", None)]
    drawn = [_drawn("importance", caption, lambda: plots.importance(found))]
    for number, name in enumerate(list(found.main)[:NUM_RESPONSES]):
        text = f"How the result responds to {shortened(name, MAX_NAME)}."
        drawn.append(_drawn(f"response-{number}", text, partial(plots.response, frame, name)))
    for pair in list(found.pairs)[:1]:
        text = f"How the result responds to {' and '.join(shortened(name, MAX_NAME) for name in pair)} together."
        drawn.append(_drawn("response-pair", text, partial(plots.response, frame, list(pair)), wide=True))
    return drawn


def _drawn(name: str, caption: str, draw: Callable[[], Any], *, wide: bool = False) -> Picture:
    """Return a picture. The page says what the figure says above itself, where it can be broken into lines."""
    try:
        figure = draw()
    except SettingError as error:
        return Picture(name, caption, f"Not drawn: {error}", None)
    notes = notes_of(figure)
    figure.update_layout(title=None, margin={"t": 30})
    return Picture(name, caption, f"{notes[:1].upper()}{notes[1:]}." if notes else "", figure.to_json(), wide)
