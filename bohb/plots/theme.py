"""What all pictures look like, and the only file that knows plotly.

The background is the page's own, and texts, lines and colours are told apart on a white page as on a black one. People
with any kind of colour vision tell the colours apart; the order from best to worst goes from blue to orange. No picture
has more points than a browser moves without a stutter: what is left out is said below the title.
"""

from collections.abc import Sequence
from html import escape, unescape
from textwrap import wrap
from types import ModuleType
from typing import Any

import numpy as np

from bohb._text import shortened
from bohb.arrays import Indices
from bohb.errors import SettingError

COLOURS = ("#2b8ccc", "#c9491f", "#009e73", "#c2669a", "#bd8c00", "#7f7f7f")
"""After Okabe and Ito 2008, each with a contrast of 3 to 1 or more to white and to black."""
BLUE, ORANGE, GREEN, PINK, GOLD, GREY = COLOURS
SCALE: list[tuple[float, str]] = [(0.0, BLUE), (0.5, "#9c8f8a"), (1.0, ORANGE)]
"""From the best to the worst."""
TEXT, GRID = "#7a7a7a", "rgba(128,128,128,0.25)"
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "star")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MAX_POINTS = 4000
"""How many points one picture shows at most."""
MAX_LABEL = 20
"""About how many characters of a name or of a value stand at an axis; under the pointer are all of them."""
MAX_NOTE, LINE = 100, 16
"""How many characters a line below the title has at most, and how many pixels it takes."""
MAX_ENTRY = 30
"""About how many characters an entry of a legend has."""


def load() -> ModuleType:
    """Return plotly's graph objects.

    Raises:
        SettingError: If plotly is not installed.
    """
    try:
        import plotly.graph_objects as go
    except ImportError as error:
        raise SettingError('expected plotly, which is not installed: pip install "bohb[plots]"') from error
    return go  # type: ignore[no-any-return, unused-ignore]


def javascript() -> str:
    """Return the library that draws figures in a browser.

    Raises:
        SettingError: If plotly is not installed.
    """
    load()
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def figure(title: str, notes: Sequence[str] = (), *, height: int = 420) -> Any:
    """Return an empty figure.

    Args:
        title: What it shows.
        notes: What a reader should know, such as that points are left out.
        height: The height in pixels.
    """
    return styled(load().Figure(), title, notes, height=height)


def panels(title: str, notes: Sequence[str] = (), *, height: int, **options: Any) -> Any:
    """Return an empty figure of several panels; the options are those of plotly's `make_subplots`."""
    load()
    from plotly.subplots import make_subplots

    return styled(make_subplots(**options), title, notes, height=height)


def styled(picture: Any, title: str, notes: Sequence[str], *, height: int) -> Any:
    """Return a figure in our style."""
    axis = {
        "gridcolor": GRID,
        "zerolinecolor": GRID,
        "linecolor": TEXT,
        "tickcolor": TEXT,
        "automargin": True,
        "title": {"font": {"size": 13}, "standoff": 12},
        "exponentformat": "e",
        "minexponent": 5,
    }
    subtitle = {"font": {"size": 12, "color": TEXT}}
    picture.update_layout(
        template="none",
        title={"text": label(title, 100), "x": 0.01, "xanchor": "left", "font": {"size": 16}, "subtitle": subtitle},
        font={"color": TEXT, "family": "system-ui, 'DejaVu Sans', sans-serif", "size": 13},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=COLOURS,
        margin={"l": 70, "r": 20, "t": 80, "b": 60},
        legend={"bgcolor": "rgba(0,0,0,0)"},
        hoverlabel={"font": {"family": "monospace"}},
        height=height,
    )
    _say(picture, "; ".join(notes))
    picture.update_annotations(font={"color": TEXT, "size": 13})
    picture.update_xaxes(**axis)
    picture.update_yaxes(**axis)
    return picture


def plain(text: object) -> str:
    """Return a text that plotly shows as it is: a name of the user's is no markup."""
    return escape(str(text), quote=False)


def label(text: object, limit: int = MAX_LABEL) -> str:
    """Return a text as `plain` does, short enough to stand at an axis: of a long one its beginning and its end."""
    return plain(shortened(str(text), limit))


def entry(text: object) -> str:
    """Return a text as `plain` does, short enough to stand in a legend."""
    return label(text, MAX_ENTRY)


def add_note(picture: Any, text: str) -> None:
    """Say one thing more below the title."""
    _say(picture, "; ".join(part for part in (notes_of(picture), text) if part))


def notes_of(picture: Any) -> str:
    """Return what stands below the title, on one line."""
    return unescape((picture.layout.title.subtitle.text or "").replace("<br>", " "))


def _say(picture: Any, text: str) -> None:
    """Set what stands below the title, in lines that fit a narrow notebook, and the room for them."""
    lines = wrap(text, MAX_NOTE)
    more = len(lines) - (picture.layout.title.subtitle.text or "").count("<br>") - 1
    picture.layout.title.subtitle.text = "<br>".join(map(plain, lines))
    picture.layout.margin.t += LINE * max(more, 0)
    picture.layout.height += LINE * max(more, 0)


def thinned(num: int, limit: int = MAX_POINTS, *, keep: Sequence[int] = ()) -> Indices:
    """Return the ascending indices of at most about `limit` of `num` points, evenly spaced.

    Args:
        num: How many points there are.
        limit: How many to show.
        keep: Points that are shown in any case.
    """
    if num <= limit:
        return np.arange(num)
    even = np.linspace(0, num - 1, limit).round().astype(np.intp)
    return np.unique(np.concatenate([even, np.asarray(keep, dtype=np.intp)]))


def said(shown: int, num: int, what: str) -> list[str]:
    """Return the note that says how many points are shown, if some are not."""
    return [] if shown == num else [f"{shown:,} of {num:,} {what} shown"]


def of_level(level: int) -> dict[str, str]:
    """Return the colour and the symbol of a budget, the same in all pictures."""
    return {"color": COLOURS[(level + 1) % len(COLOURS)], "symbol": MARKERS[level % len(MARKERS)]}


def channels(colour: str) -> list[int]:
    """Return the red, the green and the blue of a colour, in [0, 255]."""
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]


def scale_of(sign: float) -> list[tuple[float, str]]:
    """Return the colours from the lowest value to the highest, where low is good (1) or high is (-1)."""
    return SCALE if sign > 0 else [(1 - place, colour) for place, colour in SCALE[::-1]]


def faint(colour: str) -> str:
    """Return the colour of a band, through which lines are seen."""
    return f"rgba({','.join(map(str, channels(colour)))},0.2)"
