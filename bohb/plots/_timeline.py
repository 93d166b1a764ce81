"""When which trial ran: workers, idle gaps, failures, and trials that were lost and asked again."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bohb._text import duration
from bohb.arrays import Floats, Indices
from bohb.errors import SettingError
from bohb.plots import theme
from bohb.plots.axes import time_unit
from bohb.plots.shown import Shown, shown_of
from bohb.study.snapshot import Snapshot
from bohb.study.study import Study

MAX_BARS = 1500


@dataclass(frozen=True, eq=False)
class _Lanes:
    """The trials that have times, in the order of starting: when they began and ended, in seconds, and where."""

    rows: Indices
    begins: Floats
    ends: Floats
    lanes: Indices

    @property
    def num(self) -> int:
        """How many trials ran at once at most."""
        return int(self.lanes.max()) + 1


def timeline(search: Any, *, unit: str | None = None) -> Any:
    """Return a picture of the trials over time: a bar a trial, a row a worker.

    Nobody records which worker had a trial, so each trial is in the first row that is free, and there are as many rows
    as ever worked at once. The rest of a row is idle time. Marks above the rows are where trials were asked that still
    run, and where those were asked that were given back or whose worker was lost.

    Args:
        search: A study, a snapshot, or a frame whose trials have times.
        unit: The unit of the budgets, such as "epochs".

    Returns:
        A figure of plotly.

    Raises:
        SettingError: If no trial has times.
    """
    shown = shown_of(search, unit=unit)
    lanes = _lanes(shown)
    chosen = np.arange(len(lanes.rows))[-MAX_BARS:]
    notes = [_busy(lanes), *theme.said(len(chosen), len(lanes.rows), "trials")]
    picture = theme.figure("Timeline", notes, height=260 + min(26 * lanes.num, 500))
    size, symbol = time_unit(float(lanes.ends.max()))
    for trace in _bars(shown, lanes, chosen, size):
        picture.add_trace(trace)
    for name, asked, mark in _without_result(search, shown):
        picture.add_trace(_marks(name, [at / size for at in asked], mark))
    picture.update_layout(barmode="overlay", bargap=0.15)
    picture.update_xaxes(title_text=f"time since the first ask ({symbol})", rangemode="tozero")
    return picture.update_yaxes(title_text="worker", dtick=max(1, lanes.num // 10), range=[lanes.num + 0.5, 0.5])


def _lanes(shown: Shown) -> _Lanes:
    frame = shown.frame
    names = ("asked_at", "finished_at")
    if any(name not in frame or frame[name].isna().all() for name in names):
        raise SettingError("expected the times of the trials, got none; a study records them: bohb.Study.open")
    start = frame["asked_at"].min()
    begins, ends = (np.asarray((frame[name] - start).dt.total_seconds(), dtype=float) for name in names)
    rows = np.flatnonzero(np.isfinite(begins) & np.isfinite(ends))
    rows = rows[np.argsort(begins[rows], kind="stable")]
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    lanes = []
    for row in rows:
        while busy and busy[0][0] <= begins[row]:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (ends[row], lane))
        lanes.append(lane)
    return _Lanes(rows, begins[rows], ends[rows], np.array(lanes, dtype=np.intp))


def _busy(lanes: _Lanes) -> str:
    whole = float(lanes.ends.max())
    share = float((lanes.ends - lanes.begins).sum()) / (lanes.num * whole) if whole > 0 else 1.0
    return f"up to {lanes.num} at once, busy for {share:.0%} of the time"


def _bars(shown: Shown, lanes: _Lanes, chosen: Indices, size: float) -> list[Any]:
    go, traces = theme.load(), []
    levels, is_ok = shown.levels[lanes.rows], shown.is_ok[lanes.rows]
    groups = [
        (f"{shown.budget_text(level)}", (levels == level) & is_ok, theme.of_level(level)["color"], "")
        for level in sorted(set(levels.tolist()))
    ]
    for name, mask, colour, pattern in [*groups, ("failed", ~is_ok, theme.GREY, "x")]:
        own = chosen[mask[chosen]]
        if len(own):
            traces.append(
                go.Bar(
                    base=lanes.begins[own] / size,
                    x=(lanes.ends[own] - lanes.begins[own]) / size,
                    y=lanes.lanes[own] + 1,
                    orientation="h",
                    name=theme.entry(name),
                    marker={"color": colour, "pattern": {"shape": pattern}, "line": {"width": 0.5, "color": "#808080"}},
                    text=_texts(shown, lanes, own),
                    textposition="none",
                    hoverinfo="text",
                    legendgrouptitle={"text": shown.budget},
                    legendgroup="budgets",
                )
            )
    return traces


def _texts(shown: Shown, lanes: _Lanes, own: Indices) -> list[str]:
    rows = lanes.rows[own]
    errors = shown.frame["error"].iloc[rows].fillna("").tolist() if "error" in shown.frame else [""] * len(rows)
    seconds = (lanes.ends - lanes.begins)[own]
    return [
        f"{text}<br>{duration(second)}" + (f"<br>{theme.plain(str(error)[:300])}" if error else "")
        for text, second, error in zip(shown.hover(rows), seconds, errors, strict=True)
    ]


def _without_result(search: Any, shown: Shown) -> Iterator[tuple[str, list[float], str]]:
    """Yield when trials that have no result were asked: those that run, and those that were given back or lost."""
    if not isinstance(search, Study | Snapshot):
        return
    now = search.snapshot() if isinstance(search, Study) else search
    start = shown.frame["asked_at"].min().timestamp()
    running = {trial.id for trial in now.pending}
    told = {result.trial.id for result in now.results}
    asked = {trial: times.asked - start for trial, times in now.times.items() if times.told is None}
    yield "running, since", [at for trial, at in asked.items() if trial in running], "triangle-right"
    yield "lost, asked again", [at for trial, at in asked.items() if trial not in running | told], "star"


def _marks(name: str, asked: list[float], symbol: str) -> Any:
    return theme.load().Scatter(
        x=asked,
        y=[0.5] * len(asked),
        mode="markers",
        name=name,
        visible=bool(asked),
        marker={"symbol": symbol, "size": 11, "color": theme.GOLD, "line": {"color": "#000000", "width": 1}},
        hoverinfo="name+x",
        cliponaxis=False,
    )
