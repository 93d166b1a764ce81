"""The schedule of a hyperparameter: how its value changed on the way of each training, as in a population."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bohb._text import brief, significant
from bohb.errors import SettingError
from bohb.plots import theme
from bohb.plots.axes import coordinates, listed_axis, number_axis
from bohb.plots.shown import Shown, best_so_far, shown_of
from bohb.trials import Origin

MAX_TRAININGS = 200


def lineage(search: Any, parameter: str | None = None, *, unit: str | None = None) -> Any:
    """Return a picture of the values that a parameter had on the way of each training.

    A line is a training with all that it goes on from, up to its last result; that of the incumbent is thick. A step
    shows where a training went on with another configuration, as in a population.

    Args:
        search: An optimizer, a study, a snapshot, a state or a frame.
        parameter: The name of a parameter; by default the first one that the incumbent's training changed, or else the
            first one.
        unit: The unit of the budgets, such as "epochs".

    Returns:
        A figure of plotly.

    Raises:
        SettingError: If there is no finite loss, or no such parameter.
    """
    shown = shown_of(search, unit=unit)
    best = best_so_far(shown)
    if not best:
        raise SettingError("expected at least one finite loss to show, got failures alone; tell one first")
    lines = list(_lines(shown))
    incumbent = next(line for line in lines if best[-1] in line)
    incumbent = incumbent[: incumbent.index(best[-1]) + 1]
    name = _parameter(shown, parameter, incumbent)
    others = [lines[index] for index in theme.thinned(len(lines), MAX_TRAININGS)]
    picture = theme.figure(f"Schedules of {name}", theme.said(len(others), len(lines), "trainings"))
    picture.add_trace(_trace(shown, name, others, "trainings", width=1, opacity=0.35))
    picture.add_trace(_trace(shown, name, [incumbent], "incumbent", width=3, opacity=1.0))
    costs = np.array(shown.context.ladder.costs, dtype=float)
    levels = theme.thinned(len(costs), 12)
    ticks = [theme.label(shown.budget_text(int(level))) for level in levels]
    picture.update_xaxes(title_text=shown.budget, tickvals=costs[levels], ticktext=ticks, rangemode="tozero")
    values = shown.column(name)
    if values.dtype.kind in "iuf":
        number_axis(picture.update_yaxes, name, np.asarray(values.dropna(), dtype=float))
    else:
        listed_axis(picture.update_yaxes, name, shown.context.parameters[name])
    return picture


def _lines(shown: Shown) -> Iterator[list[int]]:
    """Yield the rows of each training, from its start to its last result, the ones that ended first before others."""
    rows = {trial: row for row, trial in enumerate(shown.frame["trial"].tolist())}
    before = [rows.get(trial) if is_known else None for trial, is_known in zip(*_previous(shown), strict=True)]
    ends = sorted(set(rows.values()) - {row for row in before if row is not None})
    for end in ends:
        line: list[int] = []
        row: int | None = end
        while row is not None:
            line.insert(0, row)
            row = before[row]
        yield line


def _parameter(shown: Shown, parameter: str | None, incumbent: Sequence[int]) -> str:
    names = list(shown.context.parameters)
    if parameter is not None:
        if parameter not in names:
            raise SettingError(f"expected a parameter of {names}, got {brief(parameter)}")
        return parameter
    values = {name: {str(value) for value in shown.column(name).iloc[list(incumbent)]} for name in names}
    return next((name for name in names if len(values[name]) > 1), names[0])


def _trace(shown: Shown, name: str, lines: Sequence[Sequence[int]], label: str, **style: Any) -> Any:
    """Return lines of one colour; None ends a line. A value holds from the budget before up to its own."""
    x: list[Any] = []
    y: list[Any] = []
    texts: list[str] = []
    column = shown.column(name).astype(object)
    values = column.where(column.notna(), None).tolist()
    parameter = shown.context.parameters[name]
    for line in lines:
        known = [row for row in line if values[row] is not None]
        if known:
            x += [_start(shown, known[0]), *shown.costs[known].tolist(), None]
            y += [*coordinates(parameter, [values[row] for row in (known[0], *known)]), None]
            texts += ["", *(f"trial {shown.frame['trial'].iloc[row]}: {significant(values[row])}" for row in known), ""]
    is_best = label == "incumbent"
    return theme.load().Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line={"shape": "vh", "width": style["width"], "color": theme.COLOURS[1 if is_best else 0]},
        marker={"size": 6 if is_best else 3},
        opacity=style["opacity"],
        text=[theme.plain(text) for text in texts],
        hoverinfo="text",
        name=label,
    )


def _start(shown: Shown, row: int) -> float:
    """Return from which cost on a training ran that is not known before a row: from the level below that it resumed."""
    level = int(shown.levels[row])
    return float(shown.context.ladder.costs[level - 1]) if _previous(shown)[1][row] and level else 0.0


def _previous(shown: Shown) -> tuple[list[Any], list[bool]]:
    """Return the trial that each row resumed, and whether there is one; a frame from a file has numbers of any type.

    Another configuration takes over only where a checkpoint was told. A frame of the user's own may lack columns.
    """
    frame = shown.frame.reindex(columns=["trial", "previous", "origin", "checkpoint"])
    lacks_checkpoint = frame["previous"].isin(frame["trial"][frame["checkpoint"].isna()])
    starts_anew = (frame["origin"] == str(Origin.EXPLOITED)) & lacks_checkpoint
    return frame["previous"].tolist(), (frame["previous"].notna() & ~starts_anew).tolist()
