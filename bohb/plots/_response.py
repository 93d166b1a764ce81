"""How what was told responds to one parameter or two, on average over all others, and how sure the model is of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bohb.arrays import Floats, Indices
from bohb.importance import Response, respond
from bohb.plots import theme
from bohb.plots.axes import coordinates, drawable, near, parameter_axis, value_axis
from bohb.plots.shown import Shown, shown_of
from bohb.space.parameters import Parameter

MAX_MARKS = 1000


def response(search: Any, names: str | Sequence[str], *, budget: Any = None, model: str = "forest") -> Any:
    """Return a picture of the response to one parameter, or to two.

    A line or a map has what a model expects, averaged over all other parameters. The band, or the second map, has its
    standard deviation. Points are the results at the budget.

    Args:
        search: An optimizer, a study, a snapshot, a state or a frame.
        names: The name of a parameter, or two of them.
        budget: The budget at which to say so; None is the largest that has a finite loss.
        model: Who says so: a random "forest", whose deviation is that over its trees, or the Gaussian "process" of the
            search, which is smooth, and surer where results are.

    Returns:
        A figure of plotly.

    Raises:
        SettingError: If there are fewer than ten finite losses, the names are not of parameters that vary, there is no
            such model, or scikit-learn is not installed.
        BudgetError: If the budget is not on the ladder.
    """
    shown = shown_of(search)
    found = respond(shown.frame, names, budget=budget, model=model)
    level = shown.context.ladder.level(found.budget)
    rows = np.flatnonzero(shown.is_ok & (shown.levels == level))
    for name in found.names:
        rows = rows[shown.column(name).iloc[rows].notna().to_numpy()]
    chosen = rows[theme.thinned(len(rows), MAX_MARKS)]
    notes = [f"at budget {shown.budget_text(level)}, on average over all other parameters, by the {model}"]
    notes += theme.said(len(chosen), len(rows), "results")
    return _one(shown, found, chosen, notes) if len(found.names) == 1 else _two(shown, found, chosen, notes)


def _one(shown: Shown, found: Response, chosen: Indices, notes: list[str]) -> Any:
    go, [name] = theme.load(), found.names
    parameter = shown.context.parameters[name]
    picture = theme.figure(f"Response to {name}", notes)
    x, mean = coordinates(parameter, found.values[0]), drawable(shown.sign * found.means)
    band = 2 * drawable(found.deviations)
    values = shown.values[chosen]
    points = go.Scatter(
        x=coordinates(parameter, shown.column(name).iloc[chosen].tolist()),
        y=values,
        mode="markers",
        name="results",
        marker={"color": theme.GREY, "symbol": "circle-open"},
        text=shown.hover(chosen),
        hoverinfo="text",
    )
    drawn = _marks(x, mean, band) if parameter.range is None else _line(x, mean, band)
    picture.add_traces([points, *drawn])
    parameter_axis(picture.update_xaxes, name, parameter)
    kept = near(mean, shown.sign)  # where the mean is off the axis, so is its band
    beside = np.concatenate([mean, (mean - band)[kept], (mean + band)[kept]])
    value_axis(picture, shown.told, values, sign=shown.sign, beside=beside)
    return picture


def _marks(x: Sequence[Any], mean: Floats, band: Floats) -> list[Any]:
    """Return a mark for each listed value."""
    error = {"array": band, "color": theme.BLUE, "thickness": 2.5}
    marker = {"symbol": "diamond", "size": 11, "color": theme.BLUE}
    return [theme.load().Scatter(x=x, y=mean, error_y=error, mode="markers", marker=marker, name="mean, 2 deviations")]


def _line(x: Sequence[float], mean: Floats, band: Floats) -> list[Any]:
    go, edge = theme.load(), {"x": x, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    return [
        go.Scatter(y=mean + band, showlegend=False, **edge),
        go.Scatter(y=mean - band, name="2 deviations", fill="tonexty", fillcolor=theme.faint(theme.BLUE), **edge),
        go.Scatter(x=x, y=mean, mode="lines", line={"color": theme.BLUE, "width": 3}, name="mean"),
    ]


def _two(shown: Shown, found: Response, chosen: Indices, notes: list[str]) -> Any:
    one, other = (shown.context.parameters[name] for name in found.names)
    grid = {"rows": 1, "cols": 2, "shared_yaxes": True, "horizontal_spacing": 0.17}
    titles = [theme.label(shown.told), "standard deviation"]
    title = f"Response to {found.names[0]} and {found.names[1]}"
    picture = theme.panels(title, notes, height=480, subplot_titles=titles, **grid)
    for column, surface, colours, sign in (
        (1, drawable(shown.sign * found.means), theme.scale_of(shown.sign), shown.sign),
        (2, drawable(found.deviations), [[0, "rgba(128,128,128,0.05)"], [1, theme.PINK]], 1.0),
    ):
        picture.add_trace(_map(found, one, other, surface, colours, column, sign), row=1, col=column)
        picture.add_trace(_points(shown, found, one, other, chosen), row=1, col=column)
    parameter_axis(picture.update_xaxes, found.names[0], one)
    parameter_axis(picture.update_yaxes, found.names[1], other)
    picture.update_layout(margin={"t": picture.layout.margin.t + 30})
    return picture.update_yaxes(title_text="", row=1, col=2)


def _map(
    found: Response, one: Parameter, other: Parameter, surface: Floats, colours: Any, column: int, sign: float
) -> Any:
    kept = surface[near(surface.ravel(), sign).reshape(surface.shape)]
    first, second = map(theme.plain, found.names)
    return theme.load().Heatmap(
        x=coordinates(one, found.values[0]),
        y=coordinates(other, found.values[1]),
        z=surface.T,
        colorscale=colours,
        zmin=kept.min() if kept.size else None,
        zmax=kept.max() if kept.size else None,
        colorbar={"x": [0.42, 1.0][column - 1], "thickness": 12, "nticks": 8, "exponentformat": "e", "minexponent": 5},
        hovertemplate=f"{first} %{{x}}<br>{second} %{{y}}<br>%{{z:.4g}}<extra></extra>",
    )


def _points(shown: Shown, found: Response, one: Parameter, other: Parameter, chosen: Indices) -> Any:
    return theme.load().Scatter(
        x=coordinates(one, shown.column(found.names[0]).iloc[chosen].tolist()),
        y=coordinates(other, shown.column(found.names[1]).iloc[chosen].tolist()),
        mode="markers",
        showlegend=False,
        marker={"color": "#ffffff", "size": 6, "line": {"color": "#000000", "width": 1}},
        text=shown.hover(chosen),
        hoverinfo="text",
    )
