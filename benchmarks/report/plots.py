"""Draw the figures from a `Panel` or the lines of `benchmarks.overhead`, without knowing how runs are made."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from benchmarks import statistics
from benchmarks.report.styles import Style, in_order, style_of
from benchmarks.statistics import Comparison, Floats, Panel

if TYPE_CHECKING:
    from benchmarks.many_workers import Run

TIMES = tuple(float(value) for value in np.geomspace(1 / 300, 1, 80))
"""The fractions of the clock at which curves are drawn."""

FLOOR = 1e-4
"""The lowest regret in a figure; smaller ones are drawn at it."""

_LOOKS: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "savefig.dpi": 130,
    "figure.constrained_layout.use": True,
}


@mpl.rc_context(_LOOKS)
def draw_regret(panel: Panel, path: Path) -> None:
    """Draw regret over time, a part of the figure for each family.

    Args:
        panel: The runs, with `TIMES` as its fractions.
        path: The path of the PNG file.
    """
    curves = statistics.family_regrets(panel)
    columns = min(3, len(curves))
    rows = math.ceil(len(curves) / columns)
    figure = Figure(figsize=(max(3.9 * columns, 6.4), 2.7 * rows + 1.0))
    axes = figure.subplots(rows, columns, squeeze=False)
    spent = np.array(panel.fractions) * panel.total
    for part, (family, curve) in zip(axes.flat, curves.items(), strict=False):
        _draw_family(part, spent, curve, panel)
        number = panel.families.count(family)
        part.set_title(f"{family} ({number} problem{'s' if number > 1 else ''})")
    for part in axes.flat[len(curves) :]:
        part.set_visible(False)
    figure.supxlabel("full trainings spent, all workers together", fontsize=9)
    figure.supylabel("regret (0 best known, 1 median of random)", fontsize=9)
    _legend(figure, panel.optimizers)
    figure.savefig(path)


@mpl.rc_context(_LOOKS)
def draw_ranks(panel: Panel, path: Path, *, reference: str) -> None:
    """Draw the mean rank of all optimizers over time, with the band of the reference alone.

    Args:
        panel: The runs, with `TIMES` as its fractions.
        path: The path of the PNG file.
        reference: The optimizer whose band is drawn.
    """
    means, bands = statistics.mean_ranks(panel), statistics.rank_bands(panel)
    figure = Figure(figsize=(9.5, 5.2))
    part = figure.subplots()
    spent = np.array(panel.fractions) * panel.total
    for name, settings in _lines(panel.optimizers):
        part.plot(spent, means[panel.optimizers.index(name)], **settings)
    _draw_band(part, spent, bands, panel, reference)
    _rank_axes(part, spent)
    part.set_xlabel("full trainings spent, all workers together")
    part.set_ylabel(f"mean rank among {len(panel.optimizers)} (1 is best)")
    _label_ends(part, means[:, -1], panel.optimizers)
    figure.savefig(path)


@mpl.rc_context(_LOOKS)
def draw_rank_by_cost(panel: Panel, costs: Mapping[str, float], path: Path) -> None:
    """Draw the mean rank at the end over the optimizer's own time for an evaluation.

    Args:
        panel: The runs.
        costs: The time of an evaluation in ms, by optimizer.
        path: The path of the PNG file.
    """
    ends = statistics.mean_ranks(panel)[:, -1]
    figure = Figure(figsize=(9.5, 5.2))
    part = figure.subplots()
    part.set_xscale("log")
    for name, rank in zip(panel.optimizers, ends, strict=True):
        settings = style_of(name).line_settings | {"linestyle": "", "markersize": 8, "markeredgewidth": 1.5}
        part.plot([costs[name]], [rank], **settings)
    part.set_xlim(min(costs.values()) / 2, max(costs.values()) * 2)
    part.invert_yaxis()
    part.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    part.set_xlabel("the optimizer's own time for an evaluation, ms")
    part.set_ylabel(f"mean rank at the end among {len(panel.optimizers)} (1 is best)")
    _label_ends(part, ends, panel.optimizers, [costs[name] for name in panel.optimizers])
    figure.savefig(path)


@mpl.rc_context(_LOOKS)
def draw_rank_bands(panel: Panel, path: Path) -> None:
    """Draw the mean rank over time, a part of the figure for each optimizer: its line and band, others grey.

    Args:
        panel: The runs, with `TIMES` as its fractions.
        path: The path of the PNG file.
    """
    means, bands = statistics.mean_ranks(panel), statistics.rank_bands(panel)
    names = in_order(list(panel.optimizers))
    rows = math.ceil(len(names) / 4)
    figure = Figure(figsize=(11.5, 2.0 * rows + 0.5))
    axes = figure.subplots(rows, min(4, len(names)), squeeze=False, sharex=True, sharey=True)
    spent = np.array(panel.fractions) * panel.total
    for part, name in zip(axes.flat, names, strict=False):
        part.plot(spent, means.T, color="#C4C4C4", linewidth=0.6)
        _draw_band(part, spent, bands, panel, name)
        part.plot(spent, means[panel.optimizers.index(name)], **style_of(name).line_settings, markevery=8)
        part.set_title(name)
    for part in axes.flat[len(names) :]:
        part.set_visible(False)
    _rank_axes(axes[0, 0], spent)
    figure.supxlabel("full trainings spent, all workers together", fontsize=9)
    figure.supylabel(f"mean rank among {len(names)} (1 is best)", fontsize=9)
    figure.savefig(path)


@mpl.rc_context(_LOOKS)
def draw_differences(comparison: Comparison, optimizers: Sequence[str], path: Path) -> None:
    """Draw a critical-difference diagram: mean ranks, and bars over those that do not differ significantly.

    Args:
        comparison: The comparison of all optimizers.
        optimizers: The names of the optimizers.
        path: The path of the PNG file.
    """
    order = [int(k) for k in np.argsort(comparison.ranks, kind="stable")]
    half = math.ceil(len(order) / 2)
    bars = statistics.cliques([float(value) for value in comparison.ranks], comparison.difference)
    top = 0.55 + 0.22 * len(bars)
    figure = Figure(figsize=(9.5, 1.5 + 0.34 * half + 0.16 * len(bars)))
    part = figure.subplots()
    part.axis("off")
    low, high = 1.0, float(len(order))
    margin = 0.34 * (high - low)
    part.set(xlim=(low - margin, high + margin), ylim=(-top - 0.5 * half, 1.5))
    _draw_axis(part, comparison, low, high)
    for i, (begin, end) in enumerate(bars):
        part.plot(
            [begin - 0.02 * high, end + 0.02 * high],
            [-0.3 - 0.22 * i] * 2,
            color="black",
            linewidth=3.2,
            solid_capstyle="butt",
        )
    for place, k in enumerate(order):
        is_left = place < half
        level = -top - 0.5 * (place if is_left else len(order) - 1 - place)
        _draw_name(part, float(comparison.ranks[k]), level, optimizers[k], low if is_left else high, margin)
    figure.savefig(path)


@mpl.rc_context(_LOOKS)
def draw_overhead(lines: Iterable[dict[str, object]], path: Path) -> None:
    """Draw the time of an ask and a tell over the number of results told before.

    Args:
        lines: The lines of `python -m benchmarks.overhead --json`.
        path: The path of the PNG file.
    """
    steps: dict[str, list[tuple[float, float]]] = {}
    for line in lines:
        if "results" in line:
            cost = float(str(line["ask"])) + float(str(line["tell"]))
            steps.setdefault(str(line["optimizer"]), []).append((float(str(line["results"])), cost))
    figure = Figure(figsize=(8.0, 4.8))
    part = figure.subplots()
    for name, points in steps.items():
        sizes, costs = np.array(sorted(points)).T
        style = _OVERHEAD_STYLES.get(name) or style_of(name)
        part.plot(sizes, costs, **style.line_settings)
        part.annotate(name, (sizes[-1], costs[-1]), (7, 0), textcoords="offset points", color=style.color, va="center")
    part.set(xscale="log", yscale="log", xlabel="results told before", ylabel="CPU time of an ask and a tell (ms)")
    part.grid(which="minor", visible=False)
    part.margins(x=0.06)
    figure.savefig(path)


_OVERHEAD_STYLES = {
    "bohb": style_of("bohb-default"),
    "HpBandSter": style_of("hpbandster"),
    "Optuna TPE": style_of("optuna-tpe-hyperband"),
    "numpy floor": Style("#8C8C8C", (0, (1.2, 1.2)), 1.8, "x"),
}


def _lines(optimizers: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what each line takes, the most important one last, with its markers between those of the others."""
    names = in_order(list(optimizers))
    for place, name in reversed(list(enumerate(names))):
        yield name, {**style_of(name).line_settings, "markevery": (round(8 * place / len(names)), 8)}


def _draw_band(part: Axes, spent: Floats, bands: tuple[Floats, Floats], panel: Panel, name: str) -> None:
    low, high = (ends[panel.optimizers.index(name)] for ends in bands)
    part.fill_between(spent, low, high, color=style_of(name).color, alpha=0.2, linewidth=0)


def _rank_axes(part: Axes, spent: Floats) -> None:
    _log_time(part, spent)
    part.yaxis.set_major_locator(MaxNLocator(integer=True))
    part.invert_yaxis()


def _draw_family(part: Axes, spent: Floats, curve: Floats, panel: Panel) -> None:
    for name, settings in _lines(panel.optimizers):
        values = curve[panel.optimizers.index(name)]
        drawn = np.where(np.isfinite(values), np.maximum(values, FLOOR), np.nan)
        part.plot(spent, drawn, **settings, drawstyle="steps-post")
    part.set_yscale("log")
    _log_time(part, spent)
    part.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    part.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    part.yaxis.set_minor_formatter(NullFormatter())


def _log_time(part: Axes, spent: Floats) -> None:
    part.set_xscale("log")
    part.set_xlim(spent[0], spent[-1])
    ticks = [base * 10.0**power for power in range(-2, 4) for base in (1, 3)]
    part.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if spent[0] <= tick <= spent[-1]]))
    part.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    part.xaxis.set_minor_locator(FixedLocator([]))


def _legend(figure: Figure, optimizers: Sequence[str]) -> None:
    names = in_order(list(optimizers))
    handles = [Line2D([], [], **style_of(name).line_settings) for name in names]
    columns = max(2, int(figure.get_size_inches()[0] / 1.9))
    figure.legend(handles, names, loc="outside upper center", ncols=min(columns, len(names)), handlelength=3.2)


def _label_ends(part: Axes, ends: Floats, names: Sequence[str], at: Sequence[float] | None = None) -> None:
    """Write each name at the end of its line, or beside its place `at`, moved apart where names come close together."""
    bottom, top = part.get_ylim()
    step = abs(bottom - top) / 24
    order = np.argsort(ends, kind="stable")
    places = _apart([float(ends[k]) for k in order], step)
    for k, place in zip(order, places, strict=True):
        style = style_of(names[k])
        line = {
            "arrowstyle": "-",
            "color": style.color,
            "linewidth": 0.7,
            "shrinkA": 0,
            "shrinkB": 0,
            "relpos": (0, 0.5),
        }
        part.annotate(
            f"{names[k]} {ends[k]:.2f}",
            (1.0 if at is None else at[k], float(ends[k])),
            (1.04, place),
            xycoords=part.get_yaxis_transform() if at is None else "data",
            textcoords=part.get_yaxis_transform(),
            va="center",
            color=style.color,
            fontweight="bold" if style.width > 2 else "normal",
            arrowprops=line,
            annotation_clip=False,
        )


def _apart(values: Sequence[float], step: float) -> list[float]:
    """Return ascending values, moved as little as possible so that neighbours are at least a step apart."""
    groups: list[list[float]] = []  # by group: the sum of the wanted positions of its first member, and its size
    for value in values:
        groups.append([value, 1])
        while len(groups) > 1 and _end(groups[-2], step) > groups[-1][0] / groups[-1][1]:
            start, size = groups.pop()
            before = groups[-1]
            before[0] += start - size * before[1] * step
            before[1] += size
    return [total / size + i * step for total, size in groups for i in range(int(size))]


def _end(group: Sequence[float], step: float) -> float:
    """Return where the member after a group can be at the earliest."""
    return group[0] / group[1] + group[1] * step


def _draw_axis(part: Axes, comparison: Comparison, low: float, high: float) -> None:
    part.plot([low, high], [0, 0], color="black", linewidth=1)
    for tick in range(int(low), int(high) + 1):
        part.plot([tick, tick], [0, 0.12], color="black", linewidth=1)
        part.text(tick, 0.2, str(tick), ha="center", va="bottom")
    part.text((low + high) / 2, 0.62, "mean rank over problems, by median final regret", ha="center", va="bottom")
    length = min(comparison.difference, high - low)
    part.plot([low, low + length], [1.2, 1.2], color="black", linewidth=1.6, marker="|", markersize=7)
    p_value = "" if math.isnan(comparison.p_value) else f", Friedman p = {comparison.p_value:.2g}"
    text = f"critical difference {comparison.difference:.2f} (Nemenyi, 5 %), {comparison.problems} problems{p_value}"
    part.text(low + length + 0.02 * high, 1.2, text, va="center")


def _draw_name(part: Axes, rank: float, level: float, name: str, edge: float, margin: float) -> None:
    style = style_of(name)
    is_left = edge == 1.0
    x = edge - 0.1 * margin if is_left else edge + 0.1 * margin
    part.plot([rank, rank, x], [0, level, level], color=style.color, linewidth=2.2 if style.width > 2 else 1.1)
    label = f"{name}  {rank:.2f} " if is_left else f" {rank:.2f}  {name}"
    weight = "bold" if style.width > 2 else "normal"
    part.text(x, level, label, ha="right" if is_left else "left", va="center", fontweight=weight)


@mpl.rc_context(_LOOKS)
def draw_workers(runs: Sequence["Run"], path: Path) -> None:
    """Draw the idle workers over time, and the time that an ask takes, for simulated searches with many workers.

    Args:
        runs: The searches of `benchmarks.many_workers`.
        path: The path of the PNG file.
    """
    figure = Figure(figsize=(9.5, 4.2))
    idle, asks = figure.subplots(1, 2)
    for run in runs:
        line = style_of(f"bohb-{run.preset}")
        settings = line.line_settings | {"markevery": 20, "label": f"{run.preset}, {run.workers:,} workers"}
        if run.workers > min(each.workers for each in runs):  # more workers have darker lines and filled markers
            settings |= {"color": "black", "markerfacecolor": "black"}
        times = np.linspace(0, run.minutes, len(run.idle), endpoint=False)
        idle.plot(times, np.maximum(run.idle, 1e-2), **settings)
        bins = np.linspace(0, run.minutes, 61)
        place = np.digitize(run.ask_at, bins) - 1
        medians = [np.median(np.array(run.ask_ms)[place == i]) if (place == i).any() else math.nan for i in range(60)]
        asks.plot(bins[:-1], medians, **settings | {"markevery": 6})
    for part, label in ((idle, "idle workers, %"), (asks, "an ask, CPU ms (median)")):
        part.set_yscale("log")
        part.set_xlabel("simulated minutes")
        part.set_ylabel(label)
    asks.legend()
    figure.savefig(path)
