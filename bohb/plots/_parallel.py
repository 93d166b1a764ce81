"""Parallel coordinates: a line a result, through its values, coloured by what was told."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bohb._frame import labels
from bohb._text import brief, shortened, significant, told_apart
from bohb.arrays import Floats
from bohb.errors import SettingError
from bohb.importance import importance
from bohb.plots import theme
from bohb.plots.axes import linear_ticks, log_range, log_ticks
from bohb.plots.shown import Shown, shown_of
from bohb.space.parameters import Parameter

MAX_LINES = 2000
BELOW = -0.12
"""Where an axis has the lines of configurations in which its parameter is inactive."""
MAX_AXES, MAX_TICKS = 12, 12
TICK_GAP = 0.05
"""How far a tick is at least from the ends of an axis, as a share of it."""
MAX_TICK_TEXT = 12
"""About how many characters of a value stand beside an axis."""


def parallel(search: Any, *, budget: Any = None, parameters: Sequence[str] | None = None) -> Any:
    """Return a picture of parallel coordinates, with an axis for each parameter and one for what was told.

    An axis is on a log scale where the parameter is; one that is inactive passes below its axis. Drag along an axis to
    select lines. Of the results at one budget only, because those at different budgets are not compared.

    Args:
        search: An optimizer, a study, a snapshot, a state or a frame.
        budget: Of which budget; None is the largest with at least ten finite losses, or else the one with the most.
        parameters: The names of the parameters, in the order of their axes; None is all that vary, of many the twelve
            most important ones.

    Returns:
        A figure of plotly.

    Raises:
        SettingError: If there is no finite loss at the budget, no parameter varies, or one is not of the search.
        BudgetError: If the budget is not on the ladder.
    """
    shown = shown_of(search)
    level = level_to_show(shown) if budget is None else shown.context.ladder.level(budget)
    rows = np.flatnonzero(shown.is_ok & (shown.levels == level))
    if not len(rows):
        raise SettingError(f"expected a finite loss at budget {shown.budget_text(level)}, got none")
    names, which = _names(shown, level, parameters)
    order = rows[np.argsort(-shown.losses[rows], kind="stable")]  # the best are drawn last, above the others
    chosen = order[theme.thinned(len(order), MAX_LINES, keep=range(max(0, len(order) - MAX_LINES // 10), len(order)))]
    notes = [f"results at budget {shown.budget_text(level)}", *theme.said(len(chosen), len(rows), "results"), *which]
    picture = theme.figure("Parallel coordinates", notes, height=460)
    columns = dict(zip(shown.context.parameters, shown.context.vectors(shown.frame.iloc[chosen]).T, strict=True))
    axes = [_axis(name, shown.context.parameters[name], columns[name]) for name in names]
    values = shown.values[chosen]
    ranks = _ranks(values)  # the bar has the highest value above, as the axis has
    line = {"colorscale": theme.scale_of(shown.sign), "cmin": 0, "cmax": 1, "showscale": True}
    picture.add_trace(
        theme.load().Parcoords(
            line={**line, "color": ranks, "colorbar": _bar(values, ranks, shown)},
            dimensions=[*axes, _told(shown, values)],
            labelfont={"color": theme.TEXT, "size": 12},
            tickfont={"color": theme.TEXT, "shadow": "none"},
            rangefont={"color": "rgba(0,0,0,0)", "size": 1},
            unselected={"line": {"color": "#8a8a8a", "opacity": 0.15}},
            labelangle=-20,
            labelside="bottom",
        )
    )
    return picture.update_layout(margin={"l": 100, "r": 40, "t": picture.layout.margin.t + 10, "b": 90})


def level_to_show(shown: Shown) -> int:
    """Return the largest level with at least ten finite losses, or else the one with the most."""
    counts = np.bincount(shown.levels[shown.is_ok], minlength=len(shown.context.ladder))
    many = np.flatnonzero(counts >= 10)
    return int(many[-1]) if len(many) else int(counts.argmax())


def _names(shown: Shown, level: int, parameters: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Return which parameters have an axis, and the note that says so if not all of them have."""
    known = shown.context.parameters
    varying = [name for name, parameter in known.items() if parameter.num_values != 1]
    if parameters is not None:
        unknown = [name for name in parameters if name not in known]
        if unknown or not parameters or len(set(parameters)) < len(parameters):
            raise SettingError(f"expected parameters of {list(known)}, each once, got {brief(list(parameters))}")
        return list(parameters), []
    if not varying:
        raise SettingError("expected a parameter that has more than one value, got none")
    if len(varying) <= MAX_AXES:
        return varying, []
    try:
        found = importance(shown.frame, budget=shown.context.ladder[level], pairs=False)
    except SettingError:  # too few results, or no scikit-learn: the note says which axes these are
        return varying[:MAX_AXES], [f"the first {MAX_AXES} of {len(varying)} parameters"]
    most = list(found.main)[:MAX_AXES]
    return [name for name in varying if name in most], [f"the most important {MAX_AXES} of {len(varying)} parameters"]


def _ranks(values: Floats) -> Floats:
    """Return the place of each value from the lowest, 0, to the highest, 1."""
    places = np.empty(len(values))
    places[np.argsort(values, kind="stable")] = np.linspace(0, 1, len(values)) if len(values) > 1 else 0.0
    return places


def _bar(values: Floats, ranks: Floats, shown: Shown) -> dict[str, Any]:
    """Return the colour bar: colours go by rank, and the ticks say what was told there."""
    ordered = values[np.argsort(ranks)]
    places = np.linspace(0, 1, 5)
    ends = [float(ordered[round(place * (len(ordered) - 1))]) for place in places]
    kept = [i for i, end in enumerate(ends) if end not in ends[:i]]
    ticks = {"tickvals": places[kept], "ticktext": told_apart([ends[i] for i in kept])}
    return {"title": {"text": theme.label(shown.told)}, **ticks, "thickness": 14}


def _told(shown: Shown, values: Floats) -> dict[str, Any]:
    """Return the axis of what was told."""
    is_log = log_range(values)
    low, high = float(values.min()), float(values.max())
    ticks = log_ticks(low, high)["tickvals"] if is_log else linear_ticks(low, high)
    first = max((tick for tick in ticks if tick <= low), default=low)
    last = min((tick for tick in ticks if tick >= high), default=high)
    ticks = [tick for tick in ticks if first <= tick <= last]
    heights, places = (np.log10(values), np.log10(ticks)) if is_log else (values, np.array(ticks))
    told = theme.label(shown.told) + (" (log scale)" if is_log else "")
    ends = {"range": [places[0], places[-1]]} if len(places) > 1 else {}
    return {"label": told, "values": heights, "tickvals": places, "ticktext": told_apart(ticks), **ends}


def _axis(name: str, parameter: Parameter, column: Floats) -> dict[str, Any]:
    """Return the axis of one parameter."""
    has_gaps = bool(np.isnan(column).any())
    height = max(parameter.num_choices - 1, 1)
    positions = np.where(np.isnan(column), BELOW * height, column)
    if parameter.num_choices:
        chosen = theme.thinned(parameter.num_choices, MAX_TICKS)
        ticks, listed = chosen.astype(float), labels(parameter.values)
        texts = [str(listed[i]) for i in chosen]
    else:
        ticks, texts = _ticks(parameter)
    if has_gaps:
        ticks, texts = np.append(ticks, BELOW * height), [*texts, "inactive"]
    low = BELOW * height if has_gaps else 0.0
    high = max(parameter.num_choices - 1, 0) or 1.0
    return {
        "label": theme.label(name),
        "values": positions,
        "range": [low, high],
        "tickvals": ticks,
        "ticktext": [shortened(text, MAX_TICK_TEXT) for text in texts],  # plotly reads no markup here
    }


def _ticks(parameter: Parameter) -> tuple[Floats, list[str]]:
    """Return where the axis of a number or of ordered values has ticks, and what they say."""
    has_few_values = parameter.num_values is not None and parameter.num_values <= MAX_TICKS
    if has_few_values or parameter.range is None:
        places = np.asarray(parameter.positions())
        values = [parameter.decode(one) for one in places[theme.thinned(len(places), MAX_TICKS)]]
    else:
        low, high = parameter.range.lower, parameter.range.upper
        found = log_ticks(low, high)["tickvals"] if parameter.range.is_log else linear_ticks(float(low), float(high))
        kind = type(low)
        inside = [kind(one) for one in found if low < one < high and kind(one) == one]
        values = [low, *(one for one in inside if TICK_GAP < parameter.encode(one) < 1 - TICK_GAP), high]
    return np.array([parameter.encode(value) for value in values], dtype=float), list(map(significant, values))
