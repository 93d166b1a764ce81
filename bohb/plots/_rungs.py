"""The ladder: how many configurations each budget saw and who went on, their losses, and whether the budgets agree."""

import math
from itertools import pairwise
from typing import Any

import numpy as np

from bohb.arrays import Mask
from bohb.plots import theme
from bohb.plots.axes import value_axis
from bohb.plots.shown import Shown, shown_of

NO_POINTS = (math.nan,)
"""The points of a trace that has none, of which plotly makes errors in the console of a browser."""
MAX_COMPARED = 1000
"""Of how many configurations at most two budgets are compared; the latest ones count."""


def rungs(search: Any, *, unit: str | None = None) -> Any:
    """Return a picture of the ladder in three panels, over the budgets.

    The first has the number of configurations that went on to a larger budget, did not, or failed. The second has
    their losses. The third has Kendall's tau between the losses at two neighbouring budgets: 1 if both rank all
    configurations alike, 0 if one says nothing about the other; the bars are of two standard errors.

    Args:
        search: An optimizer, a study, a snapshot, a state or a frame.
        unit: The unit of the budgets, such as "epochs".

    Returns:
        A figure of plotly.

    Raises:
        SettingError: If there is no result.
    """
    shown = shown_of(search, unit=unit)
    chosen = theme.thinned(len(shown.frame))
    notes = theme.said(len(chosen), len(shown.frame), "losses")
    grid = {"rows": 3, "cols": 1, "shared_xaxes": True, "vertical_spacing": 0.07, "row_heights": [0.3, 0.45, 0.25]}
    picture = theme.panels("Rungs", notes, height=640, **grid)
    went_on = _went_on(shown)
    for trace in _counts(shown, went_on):
        picture.add_trace(trace, row=1, col=1)
    for trace in _losses(shown, went_on, chosen):
        picture.add_trace(trace, row=2, col=1)
    picture.add_trace(_agreement(shown), row=3, col=1)
    picture.update_layout(barmode="stack")
    picture.update_yaxes(title_text="configurations", row=1, col=1)
    value_axis(picture, shown.told, shown.values[shown.is_ok], sign=shown.sign, row=2, col=1)
    picture.update_yaxes(title_text="agreement", range=[-1.05, 1.05], row=3, col=1)
    levels = range(len(shown.context.ladder))
    ticks = {"tickvals": list(levels), "ticktext": [theme.label(shown.budget_text(level)) for level in levels]}
    picture.update_xaxes(range=[-0.6, len(levels) - 0.4], **ticks)
    return picture.update_xaxes(title_text=shown.budget, row=3, col=1)


def _went_on(shown: Shown) -> Mask:
    """Return which rows are of a configuration that has a result at a larger budget."""
    top = shown.frame.assign(_level=shown.levels).groupby("config_id")["_level"].transform("max")
    return np.asarray(shown.levels < top.to_numpy())


def _counts(shown: Shown, went_on: Mask) -> list[Any]:
    go, num = theme.load(), len(shown.context.ladder)
    groups = {
        "went on": (went_on, theme.BLUE, ""),
        "in full": (shown.is_ok & (shown.levels == num - 1), theme.GREEN, "x"),
        "stopped or waits": (~went_on & shown.is_ok & (shown.levels < num - 1), theme.GREY, ""),
        "failed": (~shown.is_ok & ~went_on, theme.ORANGE, "/"),
    }
    return [
        go.Bar(
            x=list(range(num)),
            y=np.bincount(shown.levels[rows], minlength=num),
            name=name,
            marker={"color": colour, "pattern": {"shape": pattern}},
            legendgroup=name,
            width=0.6,
        )
        for name, (rows, colour, pattern) in groups.items()
        if rows.any()
    ]


def _losses(shown: Shown, went_on: Mask, chosen: Any) -> list[Any]:
    go, traces = theme.load(), []
    shift = (np.arange(len(shown.frame)) * 0.618034 % 1 - 0.5) * 0.5  # spread evenly, the same every time
    is_full = shown.levels == len(shown.context.ladder) - 1
    for name, rows, colour, symbol in (
        ("stopped or waits", ~went_on & shown.is_ok & ~is_full, theme.GREY, "circle-open"),
        ("went on", went_on & shown.is_ok, theme.BLUE, "circle"),
        ("in full", shown.is_ok & is_full, theme.GREEN, "diamond"),
    ):
        own = chosen[rows[chosen]]
        traces.append(
            go.Scatter(
                x=shown.levels[own] + shift[own] if len(own) else NO_POINTS,
                y=shown.values[own] if len(own) else NO_POINTS,
                mode="markers",
                name=name,
                legendgroup=name,
                showlegend=False,
                marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.75},
                text=shown.hover(own),
                hoverinfo="text",
            )
        )
    return traces


def _agreement(shown: Shown) -> Any:
    """Return Kendall's tau of each pair of neighbouring budgets, in the middle between them."""
    go, found = theme.load(), []
    part = shown.frame[shown.is_ok].assign(_level=shown.levels[shown.is_ok])
    table = part.pivot_table(index="config_id", columns="_level", values="loss", aggfunc="last")
    for lower, upper in pairwise(map(int, table.columns)):
        both = table[[lower, upper]].dropna().to_numpy()[-MAX_COMPARED:]
        if len(both) > 1:
            found.append(((lower + upper) / 2, *_tau(both[:, 0], both[:, 1])))
    return go.Scatter(
        x=[middle for middle, *_ in found] or NO_POINTS,
        y=[tau for _, tau, *_ in found] or NO_POINTS,
        error_y={"array": [2 * error for *_, error, _ in found], "color": theme.GOLD} if found else None,
        mode="markers",
        marker={"color": theme.GOLD, "symbol": "diamond", "size": 11},
        name="Kendall's tau",
        showlegend=bool(found),
        text=[f"tau {tau:.2f}, {num} configurations at both" for _, tau, _, num in found],
        hoverinfo="text",
    )


def _tau(x: Any, y: Any) -> tuple[float, float, int]:
    """Return Kendall's tau-a, its standard error between independent rankings, and the number of configurations."""
    num = len(x)
    signs = np.sign(x[:, None] - x) * np.sign(y[:, None] - y)
    error = (2 * (2 * num + 5) / (9 * num * (num - 1))) ** 0.5
    return float(signs.sum() / (num * (num - 1))), error, num
