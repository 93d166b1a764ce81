"""The incumbent over what was spent: one search with its results, or several beside one another with bands."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bohb._text import brief
from bohb.arrays import Floats
from bohb.errors import SettingError
from bohb.plots import theme
from bohb.plots.axes import time_unit, value_axis
from bohb.plots.shown import Shown, best_so_far, shown_of, spent

AXES = {"budget": "budget spent", "trials": "trials", "seconds": "time"}
MAX_STEPS = 500
"""At how many places a band is drawn."""


def progress(*searches: Any, names: Sequence[str] | None = None, x: str = "budget", unit: str | None = None) -> Any:
    """Return a picture of the incumbent over what was spent.

    One search shows its results, too, each with the symbol of its budget. Searches that have the same name are one line
    with a band: their median, and the range between their quartiles. Several searches count at their largest budget
    only, so that all lines mean the same.

    Args:
        searches: The searches.
        names: A name for each; by default they are numbered.
        x: What was spent: "budget", "trials" or "seconds".
        unit: The unit of the budgets, such as "epochs".

    Returns:
        A figure of plotly.

    Raises:
        SettingError: If there is no result, no time of a trial, or an argument is not valid.
    """
    if x not in AXES:
        raise SettingError(f"expected x to be one of {list(AXES)}, got {brief(x)}")
    if not searches or (names is not None and len(names) != len(searches)):
        raise SettingError(f"expected searches, and a name for each, got {len(searches)} searches and names={names}")
    shown = [shown_of(search, unit=unit) for search in searches]
    amounts = [_amounts(one, x) for one in shown]
    size, symbol = time_unit(max(float(np.nanmax(own)) for own in amounts)) if x == "seconds" else (1.0, unit)
    amounts = [own / size for own in amounts]
    title = AXES[x] + (f" ({theme.plain(symbol)})" if symbol is not None and x != "trials" else "")
    if len(shown) == 1:
        picture = _one(shown[0], amounts[0], None if names is None else names[0])
    else:
        listed = [f"search {number}" for number in range(1, len(shown) + 1)] if names is None else names
        picture = _several(shown, amounts, [str(name) for name in listed])
    return picture.update_xaxes(title_text=title)


def _amounts(shown: Shown, x: str) -> Floats:
    """Return what was spent up to each row."""
    if x == "trials":
        return np.arange(1.0, len(shown.frame) + 1)
    if x == "budget":
        return spent(shown)
    frame = shown.frame
    if "finished_at" not in frame or frame["finished_at"].isna().all():
        raise SettingError("expected the times of the trials, got none; a study records them, or use x='trials'")
    start = frame["asked_at"].min() if frame["asked_at"].notna().any() else frame["finished_at"].min()
    return np.asarray((frame["finished_at"] - start).dt.total_seconds(), dtype=float)


def _one(shown: Shown, amounts: Floats, name: str | None) -> Any:
    go, best = theme.load(), best_so_far(shown)
    rows = np.flatnonzero(shown.is_ok & np.isfinite(amounts))
    chosen = rows[theme.thinned(len(rows))]
    num_failed = int((~shown.is_ok).sum())
    notes = theme.said(len(chosen), len(rows), "results")
    notes += [f"{num_failed} failures are not shown"] if num_failed else []
    picture = theme.figure(f"Progress of {name}" if name else "Progress", notes)
    for level in sorted(set(shown.levels[chosen].tolist())):
        own = chosen[shown.levels[chosen] == level]
        picture.add_trace(
            go.Scatter(
                x=amounts[own],
                y=shown.values[own],
                mode="markers",
                name=theme.entry(shown.budget_text(level)),
                marker={**theme.of_level(level), "opacity": 0.55},
                text=shown.hover(own),
                hoverinfo="text",
                legendgrouptitle={"text": shown.budget},
                legendgroup="budgets",
            )
        )
    for trace in _incumbent(shown, amounts, best):
        picture.add_trace(trace)
    value_axis(picture, shown.told, shown.values[shown.is_ok], sign=shown.sign)
    return picture


def _incumbent(shown: Shown, amounts: Floats, best: Sequence[int]) -> list[Any]:
    """Return the line of the incumbent in a piece for each budget: losses at two budgets are not compared."""
    go, pieces = theme.load(), []
    top = int(shown.levels[best[-1]]) if best else 0
    for level in sorted({int(shown.levels[row]) for row in best}):
        own = [row for row in best if shown.levels[row] == level]
        after = [row for row in best if shown.levels[row] > level]
        end = amounts[after[0]] if after else float(np.nanmax(amounts))
        pieces.append(
            go.Scatter(
                x=[*amounts[own], end],
                y=[*shown.values[own], shown.values[own[-1]]],
                mode="lines",
                name="incumbent" if level == top else "incumbent, smaller budget",
                line={"shape": "hv", "color": theme.BLUE, "width": 3, "dash": "solid" if level == top else "dot"},
                showlegend=level == top or level == min(int(shown.levels[row]) for row in best),
                text=[*shown.hover(np.array(own)), "now"],
                hoverinfo="text",
            )
        )
    return pieces


def _several(shown: Sequence[Shown], amounts: Sequence[Floats], names: Sequence[str]) -> Any:
    lines = [_full_budget_line(one, own) for one, own in zip(shown, amounts, strict=True)]
    groups = {name: [line for line, own in zip(lines, names, strict=True) if own == name] for name in names}
    is_banded = any(len(own) > 1 for own in groups.values())
    notes = ["only losses at the largest budget"]
    notes += ["a line is the median of the searches of that name, a band reaches to the quartiles"] if is_banded else []
    picture = theme.figure("Progress", notes)
    for place, (name, own) in enumerate(groups.items()):
        for trace in _band(theme.entry(name), own, place):
            picture.add_trace(trace)
    value_axis(picture, shown[0].told, np.concatenate([values for _, values in lines]), sign=shown[0].sign)
    return picture


def _full_budget_line(shown: Shown, amounts: Floats) -> tuple[Floats, Floats]:
    """Return where the best loss at the largest budget changed, and to what; the last point is where the search is."""
    rows = np.flatnonzero(shown.is_ok & (shown.levels == len(shown.context.ladder) - 1) & np.isfinite(amounts))
    rows = rows[np.argsort(amounts[rows], kind="stable")]
    if not len(rows):
        raise SettingError("expected a finite loss at the largest budget in every search, got none; show it alone")
    best = np.minimum.accumulate(shown.losses[rows])
    keep = np.concatenate([[True], best[1:] < best[:-1]])
    ends = float(np.nanmax(amounts))
    return np.append(amounts[rows][keep], ends), shown.sign * np.append(best[keep], best[-1])


def _band(name: str, lines: Sequence[tuple[Floats, Floats]], place: int) -> list[Any]:
    go, colour = theme.load(), theme.COLOURS[place % 6]
    style = {"shape": "hv", "color": colour, "width": 2.5, "dash": theme.DASHES[place % 6]}
    if len(lines) == 1:
        return [go.Scatter(x=lines[0][0], y=lines[0][1], mode="lines", name=name, line=style)]
    places = np.unique(np.concatenate([where for where, _ in lines]))
    places = places[(places >= max(where[0] for where, _ in lines)) & (places <= min(where[-1] for where, _ in lines))]
    places = places[theme.thinned(len(places), MAX_STEPS)]
    table = np.array([values[np.searchsorted(where, places, side="right") - 1] for where, values in lines])
    low, middle, high = np.quantile(table, [0.25, 0.5, 0.75], axis=0)
    both = {"x": places, "mode": "lines", "legendgroup": f"search {place}"}
    edge = {**both, "line": {"width": 0, "shape": "hv"}, "hoverinfo": "skip", "showlegend": False}
    return [
        go.Scatter(y=high, **edge),
        go.Scatter(y=low, fill="tonexty", fillcolor=theme.faint(colour), **edge),
        go.Scatter(y=middle, name=f"{name} ({len(lines)})", line=style, **both),
    ]
