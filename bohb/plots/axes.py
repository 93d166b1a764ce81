"""The axes of pictures: their scales, their ticks, and what is too far away to be on them."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bohb._frame import labels
from bohb.arrays import Floats, Mask
from bohb.plots import theme
from bohb.space.parameters import Parameter

MAX_LISTED_TICKS = 30
"""How many values of a list have a tick at most."""
FAR, FAR_LOG = 20.0, 5.0
"""How many times the range of all others a gap is, beyond which a few values are left out of a picture: of values, and
of their logarithms."""
TICK_STEPS = (1, 2, 5, 10, 20, 50, 100)
"""How many powers of ten are between two ticks."""

LARGEST, SMALLEST = 1e304, 1e-300


def drawable(values: Floats) -> Floats:
    """Return values that plotly draws: the difference of any two is a normal float or 0. What is infinite stays so."""
    clipped = np.clip(values, -LARGEST, LARGEST)
    return np.where(np.isfinite(values), np.where(np.abs(clipped) < SMALLEST, 0.0, clipped), values)


def value_axis(
    picture: Any, title: str, values: Floats, *, sign: float = 1.0, beside: Floats | None = None, **where: Any
) -> None:
    """Set the vertical axis of what was told: on a log scale where only that shows the values.

    A few values that are so much worse than all others that these would be one flat line are beyond the axis; the
    picture says so.

    Args:
        picture: The figure.
        title: What was told.
        values: The results on the axis.
        sign: 1 if low is good, -1 if high is.
        beside: What else is on the axis, such as a mean.
        where: The panel.
    """
    drawn = np.concatenate([values, [] if beside is None else beside])
    is_near = near(drawn, sign)
    kept = drawn[is_near]
    if not is_near[np.isfinite(drawn)].all():
        where["range"] = widened(kept.min(), kept.max(), 0.05, is_log=log_range(kept))
        num = int((np.isfinite(values) & ~is_near[: len(values)]).sum())
        what = "1 result is" if num == 1 else f"{num:,} results are" if num else "a part is"
        theme.add_note(picture, f"{what} far worse and beyond the axis: double-click to see all")
    number_axis(picture.update_yaxes, title, kept, **where)


def number_axis(update: Callable[..., Any], title: str, values: Floats, **options: Any) -> None:
    """Set an axis of numbers: on a log scale where only that shows them."""
    if not log_range(values):
        update(title_text=theme.label(title), **options)
        return
    finite = values[np.isfinite(values)]
    log_axis(update, title, float(finite.min()), float(finite.max()), **options)


def log_axis(update: Callable[..., Any], title: str, low: float, high: float, **options: Any) -> None:
    """Set an axis of numbers between two values on a log scale."""
    update(title_text=f"{theme.label(title)} (log scale)", type="log", **log_ticks(low, high), **options)


def near(values: Floats, sign: float = 1.0) -> Mask:
    """Return which values are finite, without a few that a wide gap parts from all others, on the worse side.

    Args:
        values: Any values.
        sign: 1 if low is good, -1 if high is.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return finite
    is_log = log_range(values)
    heights = np.full(len(values), np.inf)
    heights[finite] = sign * (np.log10(values[finite]) if is_log else values[finite])
    halves = np.sort(heights[finite]) / 2  # so that no difference overflows
    gaps, below = np.diff(halves), halves[:-1] - halves[0]
    is_wide = (below > 0) & (gaps / (FAR_LOG if is_log else FAR) > below)
    is_wide[: math.ceil(0.9 * len(halves)) - 1] = False
    return finite if not is_wide.any() else np.asarray(heights / 2 <= halves[int(is_wide.argmax())])


def log_range(values: Floats) -> bool:
    """Whether positive values cover so many orders of magnitude that only a log axis shows them."""
    finite = values[np.isfinite(values)]
    return len(finite) > 0 and bool(finite.min() > 0) and bool(np.log10(finite.max()) - np.log10(finite.min()) > 1.7)


def log_ticks(low: float, high: float) -> dict[str, Any]:
    """Return the ticks of a log axis between two values: at 1, 2 and 5, or at the powers of ten if these are many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if last - first <= 3 else (1,)
    every = next((step for step in TICK_STEPS if (last - first) / step <= 8), TICK_STEPS[-1])
    powers = range(first // every * every, last + 1, every)
    ticks = [step * float(f"1e{power}") for power in powers for step in steps]
    return {"tickvals": ticks, "ticktext": [f"{tick:.4g}" for tick in ticks], "minor": {"showgrid": False}}


def linear_ticks(low: float, high: float) -> list[float]:
    """Return round numbers from the one below `low` to the one above `high`, four to eleven of them."""
    step = (high - low) / 5
    if not 0 < step < math.inf:
        return [low]
    power = math.floor(math.log10(step))
    width = next(each for each in (float(f"{digit}e{power}") for digit in (1, 2, 5, 10)) if each >= step)
    numbers = range(math.floor(low / width), math.ceil(high / width) + 1)
    return list(dict.fromkeys(float(f"{number * width:.15g}") for number in numbers))


def time_unit(seconds: float) -> tuple[float, str]:
    """Return the unit in which a span of time has few digits: its seconds and its symbol."""
    units = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
    return next((unit for unit in units if seconds >= 5 * unit[0]), (1.0, "s"))


def parameter_axis(update: Callable[..., Any], title: str, parameter: Parameter) -> None:
    """Set an axis with all values of a parameter, on its scale."""
    if parameter.range is None:
        listed_axis(update, title, parameter)
        return
    low, high = float(parameter.range.lower), float(parameter.range.upper)
    ends = widened(low, high, is_log=parameter.range.is_log)
    if parameter.range.is_log:
        log_axis(update, title, low, high, range=ends)
    else:
        update(title_text=theme.label(title), range=ends)


def listed_axis(update: Callable[..., Any], title: str, parameter: Parameter) -> None:
    """Set an axis with listed values, which are at their texts as `place` has them; a long text has a short tick."""
    texts = [str(text) for text in labels(parameter.values)]
    places = list(map(place, texts))
    chosen = theme.thinned(len(texts), MAX_LISTED_TICKS).tolist()
    ticks = {"tickvals": [places[i] for i in chosen], "ticktext": [theme.label(texts[i]) for i in chosen]}
    update(title_text=theme.label(title), type="category", categoryorder="array", categoryarray=places, **ticks)


def coordinates(parameter: Parameter, values: Sequence[Any]) -> list[Any]:
    """Return where an axis has values of a parameter: numbers at themselves, listed values at their texts."""
    return list(map(place if parameter.range is None else float, values))


def place(value: object) -> str:
    """Return where a listed value is on its axis."""
    return theme.plain(value)


def widened(low: float, high: float, share: float = 0.02, *, is_log: bool = False) -> list[float]:
    """Return a range in which points at the ends are seen whole, of the logarithms on a log scale."""
    if is_log:
        low, high = math.log10(low), math.log10(high)
    margin = share * (high - low)
    return [low - margin, high + margin]
