"""Learning curves: what every configuration was told at every budget, coloured by where it ended."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bohb._text import significant, told_apart
from bohb.plots import theme
from bohb.plots.axes import value_axis
from bohb.plots.shown import Shown, shown_of

MAX_LINES, MAX_POINTS_A_LINE = 300, 200
NUM_GROUPS = 6


def curves(search: Any, *, unit: str | None = None) -> Any:
    """Return a picture of the learning curves: a line a configuration, through its results and what was reported.

    A colour is a sixth of the configurations, by the last loss of each. Of many configurations the
    best tenth of the lines is shown, and of the others as many as fit, evenly spaced.

    Args:
        search: An optimizer, a study, a snapshot, a state or a frame.
        unit: The unit of the budgets, such as "epochs".

    Returns:
        A figure of plotly.

    Raises:
        SettingError: If there is no result.
    """
    shown = shown_of(search, curves=True, unit=unit)
    lines = _lines(shown)
    chosen = _chosen(lines)
    picture = theme.figure("Learning curves", theme.said(len(chosen), len(lines), "configurations"))
    num_groups = max(1, min(NUM_GROUPS, len(chosen)))
    groups = [[chosen[index] for index in group] for group in np.array_split(np.arange(len(chosen)), num_groups)]
    groups = [own for own in groups if own]  # of failures alone there is no line
    for place, (own, name) in enumerate(zip(groups, _ends(shown, groups), strict=True)):
        picture.add_trace(_trace(shown, own, place / max(1, num_groups - 1), name))
    costs = np.array(shown.context.ladder.costs, dtype=float)
    is_log = bool(len(costs) > 2 and costs[-1] / costs[0] >= 9)
    ticks = {"tickvals": costs, "ticktext": [theme.label(shown.budget_text(level)) for level in range(len(costs))]}
    picture.update_xaxes(title_text=shown.budget, type="log" if is_log else "linear", **ticks)
    value_axis(picture, shown.told, shown.values[shown.is_ok], sign=shown.sign)
    return picture


def _lines(shown: Shown) -> list[Any]:
    """Return the rows of each configuration that has a finite loss, in the order of budgets, the best one first."""
    rows = np.flatnonzero(shown.is_ok)
    order = rows[np.lexsort((shown.costs[rows], shown.frame["config_id"].to_numpy()[rows]))]
    ids = shown.frame["config_id"].to_numpy()[order]
    lines = np.split(order, np.flatnonzero(np.diff(ids)) + 1) if len(order) else []
    return sorted(lines, key=lambda line: shown.losses[line[-1]])


def _chosen(lines: Sequence[Any]) -> list[Any]:
    keep = range(min(MAX_LINES // 10, len(lines)))
    return [lines[index] for index in theme.thinned(len(lines), MAX_LINES - len(keep), keep=list(keep))]


def _ends(shown: Shown, groups: Sequence[Sequence[Any]]) -> list[str]:
    """Return between which values the lines of each group ended."""
    ends = [shown.sign * shown.losses[[line[-1] for line in lines]] for lines in groups]
    texts = iter(told_apart([float(end) for own in ends for end in (own.min(), own.max())]))
    pairs = [(next(texts), next(texts)) for _ in groups]
    return [low if low == high else f"{low} to {high}" for low, high in pairs]


def _trace(shown: Shown, lines: Sequence[Any], place: float, name: str) -> Any:
    """Return some lines of one colour; NaN ends a line."""
    x: list[float] = []
    y: list[float] = []
    texts: list[str] = []
    for line in lines:
        own = line[theme.thinned(len(line), MAX_POINTS_A_LINE)]
        x += [*shown.costs[own].tolist(), np.nan]
        y += [*shown.values[own].tolist(), np.nan]
        texts += [*_texts(shown, own), ""]
    return theme.load().Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line={"color": _colour(place), "width": 1.5},
        marker={"size": 5, "symbol": theme.MARKERS[int(place * 5)]},
        opacity=0.8,
        text=texts,
        hoverinfo="text",
        name=name,
        legendgrouptitle={"text": f"last {theme.label(shown.told)}"},
        legendgroup="ends",
    )


def _texts(shown: Shown, rows: Any) -> list[str]:
    part = shown.frame.iloc[rows]
    return [
        f"configuration {config_id}, trial {trial}<br>{theme.plain(shown.told)} {significant(float(value))}"
        for config_id, trial, value in zip(part["config_id"], part["trial"], shown.values[rows], strict=True)
    ]


def _colour(place: float) -> str:
    """Return the colour at a place in [0, 1] from the best to the worst."""
    first, middle, last = (theme.channels(colour) for _, colour in theme.SCALE)
    below, above, share = (first, middle, 2 * place) if place <= 0.5 else (middle, last, 2 * place - 1)
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(below, above, strict=True))
    return f"rgb({red},{green},{blue})"
