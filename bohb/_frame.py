"""Results as a table of pandas: a row a result, with typed columns; and what such a table says about its search.

A table that was made here carries its space and its ladder in `attrs`. Of any other table, such as one that was read
from a file, both are inferred from the columns.
"""

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb._text import brief
from bohb.arrays import Floats
from bohb.budgets import Ladder, ladder
from bohb.errors import SettingError
from bohb.space import Space
from bohb.space.parameters import Categorical, Float, Integer, LogInteger, Ordinal, Parameter
from bohb.trials import Origin, ReadOnlyDict, Result, Status, error_of

if TYPE_CHECKING:
    import pandas as pd

ATTRIBUTE = "bohb"
"""Where a frame carries its search, in `attrs`."""
CONFIG, METRIC, INFO = "config.", "metric.", "info."
"""How the names of the columns for parameters, metrics and what else was told begin."""
LOG_RATIO, LOG_MEDIAN = 100.0, 0.2
"""Where no space says so, positive numbers that differ by this factor are taken to be on a log scale, if their median
lies within this part of their range."""
INT64 = 2**63


def load_pandas() -> Any:
    """Return pandas.

    Raises:
        SettingError: If it is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise SettingError('expected pandas, which is not installed: pip install "bohb[frames]"') from error
    return pd


# From results to a frame.


def frame_of(
    space: Space,
    budgets: Ladder,
    results: Sequence[Result],
    times: Mapping[int, tuple[float, float | None]] | None = None,
    *,
    objectives: Mapping[str, str] | None = None,
    curves: bool = False,
) -> "pd.DataFrame":
    """Return the results as a frame.

    Args:
        space: The search space.
        budgets: The ladder of budgets.
        results: The results.
        times: When each trial was asked and told, by its id, in seconds since 1970.
        objectives: The metric that was told, and its direction; None for a loss to minimise.
        curves: Whether each point of a learning curve has a row, instead of each result.
    """
    pandas, known = load_pandas(), times or {}
    trials = [result.trial for result in results]
    stamps = [_stamps(result, known) for result in results]
    columns: dict[str, Any] = {
        "trial": np.array([trial.id for trial in trials], dtype=np.int64),
        "config_id": np.array([trial.config_id for trial in trials], dtype=np.int64),
        **_configs(pandas, space, [trial.config for trial in trials]),
        "budget": _budgets(pandas, budgets, [trial.budget for trial in trials]),
        "loss": np.array([result.loss for result in results], dtype=float),
        **_mapped(pandas, METRIC, [result.metrics for result in results]),
        "status": _listed(pandas, [str(result.status) for result in results], list(map(str, Status))),
        "origin": _listed(pandas, [str(trial.origin) for trial in trials], list(map(str, Origin))),
        **_repeats([trial.repeat for trial in trials]),
        "bracket": _typed(pandas, [trial.bracket for trial in trials], "Int64"),
        "rung": _typed(pandas, [trial.rung for trial in trials], "Int64"),
        "previous": _typed(pandas, [trial.previous for trial in trials], "Int64"),
        "checkpoint": _typed(pandas, [result.checkpoint for result in results], "string"),
        **_told(pandas, results),
        "seconds": np.array([stamp[2] for stamp in stamps], dtype=float),
        "asked_at": _moments(pandas, [stamp[0] for stamp in stamps]),
        "finished_at": _moments(pandas, [stamp[1] for stamp in stamps]),
        "error": _typed(pandas, [error_of(result) for result in results]),
        **_mapped(pandas, INFO, [_rest(result) for result in results]),
    }
    frame: pd.DataFrame = pandas.DataFrame(columns)
    if curves:
        frame = _a_row_a_point(pandas, frame, budgets, [_points(result) for result in results])
        _own_metrics(frame, objectives or {})
    declared = {"objectives": dict(objectives)} if objectives else {}
    frame.attrs[ATTRIBUTE] = _Described(space=space.to_json(), ladder=budgets.to_json(), **declared)
    return frame


def _repeats(numbers: Sequence[int]) -> dict[str, Any]:
    """Return the column of repetitions, if there is any."""
    return {"repeat": np.array(numbers, dtype=np.int64)} if any(numbers) else {}


def _told(pandas: Any, results: Sequence[Result]) -> dict[str, Any]:
    """Return the columns of what trials used of their budgets and what they cost, if that was told of any."""
    used = [result.used if are_numbers([result.used]) else result.used and repr(result.used) for result in results]
    columns: dict[str, list[Any]] = {"used": used, "cost": [result.cost for result in results]}
    told = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    return {name: _typed(pandas, values) for name, values in told.items()}


class _Described(ReadOnlyDict):
    """A search in the attributes of a frame. Pandas copies those deeply whenever a column is read."""

    __slots__ = ()

    def __deepcopy__(self, memo: object) -> "_Described":
        return self


def _stamps(result: Result, times: Mapping[int, tuple[float, float | None]]) -> tuple[float, float, float]:
    """Return when a trial was asked and told, and the seconds between; NaN for what nobody measured."""
    asked, told = times.get(result.trial.id, (None, None))
    told = told if result.finished_at is None else result.finished_at
    seconds = result.seconds
    if seconds is None and asked is not None and told is not None:
        seconds = told - asked
    if asked is None and told is not None and seconds is not None:
        asked = told - seconds
    return tuple(math.nan if one is None else float(one) for one in (asked, told, seconds))  # type: ignore[return-value]


def _points(result: Result) -> list[tuple[Any, float]]:
    """Return the learning curve of a result; its last point is the result itself."""
    return [*(point for point in result.curve if point[0] != result.budget), (result.budget, result.loss)]


def _a_row_a_point(pandas: Any, frame: Any, budgets: Ladder, points: Sequence[Sequence[tuple[Any, float]]]) -> Any:
    """Return a frame with a row for each point; `is_result` marks the point that is the result."""
    rows = np.repeat(np.arange(len(points)), [len(own) for own in points])
    long = frame.iloc[rows].reset_index(drop=True)
    values = [budget for own in points for budget, _ in own]
    long["budget"] = _budgets(pandas, budgets, values)
    long["loss"] = np.array([loss for own in points for _, loss in own], dtype=float)
    long.insert(2, "is_result", np.array([point is own[-1] for own in points for point in own], dtype=bool))
    return long


def _own_metrics(frame: Any, objectives: Mapping[str, str]) -> None:
    """Leave to the points of a curve what was told there: the objective, and no metric of their result."""
    for name in [name for name in frame.columns if name.startswith(METRIC)]:
        frame[name] = frame[name].where(frame["is_result"])
    for name, direction in objectives.items():
        told = -frame["loss"] if direction == "maximize" else frame["loss"]
        frame[METRIC + name] = told.where(np.isfinite(told))


def _rest(result: Result) -> Mapping[str, Any]:
    """Return what was told beside the loss, without the text of a failure, which has a column of its own."""
    if error_of(result) is None:
        return result.info
    return {name: value for name, value in result.info.items() if name != "error"}


def _configs(pandas: Any, space: Space, configs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a column for each parameter; an inactive one is missing."""
    columns = {}
    for name, parameter in space.parameters.items():
        values = [config.get(name) for config in configs]
        is_set = [name in config for config in configs]
        columns[CONFIG + name] = _parameter_column(pandas, parameter, values, is_set)
    return columns


def _parameter_column(pandas: Any, parameter: Parameter, values: Sequence[Any], is_set: Sequence[bool]) -> Any:
    if isinstance(parameter, Categorical | Ordinal):
        pairs = zip(values, is_set, strict=True)
        codes = [parameter.index_of(value) if known else -1 for value, known in pairs]
        own = labels(parameter.values)
        is_ordered = isinstance(parameter, Ordinal) and len(own) > 1
        return pandas.Categorical.from_codes(codes, categories=_index(pandas, own), ordered=is_ordered)
    assert parameter.range is not None  # there is no third kind
    if isinstance(parameter.range.lower, float):
        return np.array([math.nan if value is None else value for value in values], dtype=float)
    return _typed(pandas, values, "Int64" if abs(parameter.range.upper) < INT64 > abs(parameter.range.lower) else None)


def _index(pandas: Any, values: Sequence[Any]) -> Any:
    return pandas.Index(list(values), dtype=object if len({type(value) for value in values}) > 1 else None)


def labels(values: Sequence[Any]) -> list[Any]:
    """Return what stands for listed values in a frame: themselves, or their texts where a category cannot be one."""
    plain = [value if type(value) in (str, int, float, bool) else repr(value) for value in values]
    return plain if len(set(plain)) == len(plain) else [repr(value) for value in values]


def _by_label(parameter: Parameter) -> dict[Any, Any]:
    """Return the listed values of a parameter by what stands for them in a frame."""
    return dict(zip(labels(parameter.values), parameter.values, strict=True))


def _budgets(pandas: Any, budgets: Ladder, values: Sequence[Any]) -> Any:
    if are_numbers(values) and are_numbers(budgets.budgets):
        return np.array(values, dtype=np.int64 if all(type(value) is int for value in values) else float)
    own = [repr(budget) for budget in budgets.budgets]
    return pandas.Categorical([repr(value) for value in values], categories=own, ordered=True)


def are_numbers(values: Iterable[Any]) -> bool:
    """Whether all values are numbers, and not booleans."""
    return all(isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_) for value in values)


def _mapped(pandas: Any, prefix: str, mappings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a column for each name that occurs in some mappings."""
    names = dict.fromkeys(name for mapping in mappings for name in mapping)
    return {f"{prefix}{name}": _typed(pandas, [mapping.get(name) for mapping in mappings]) for name in names}


def _moments(pandas: Any, seconds: Sequence[float]) -> Any:
    """Return seconds since 1970 as times with microseconds; NaN is missing."""
    return pandas.to_datetime(np.array(seconds, dtype=float), unit="s", utc=True).as_unit("us")


def _listed(pandas: Any, values: Sequence[str], categories: Sequence[str]) -> Any:
    return pandas.Categorical(values, categories=categories)


def _typed(pandas: Any, values: Sequence[Any], kind: str | None = None) -> Any:
    """Return values as the narrowest column that holds all of them; None is missing."""
    if kind is not None:
        return pandas.array(values, dtype=kind)
    given = [value for value in values if value is not None]
    if given and are_numbers(given):
        if all(type(value) is int and abs(value) < INT64 for value in given):
            return pandas.array(values, dtype="Int64")
        return np.array([math.nan if value is None else float(value) for value in values])
    if all(isinstance(value, bool) for value in given) and given:
        return pandas.array(values, dtype="boolean")
    if all(isinstance(value, str) for value in given):
        return pandas.array(values, dtype="string")
    return pandas.Series(values, dtype=object)


# What a frame says about its search.


@dataclass(frozen=True)
class Context:
    """The search that a frame is of.

    Attributes:
        parameters: The parameters by name.
        ladder: The budgets.
        space: The space; None if it was inferred, and has no conditions therefore.
        told: The name of what was told: "loss", or the metric of the search.
        sign: What a loss is multiplied by to be what was told: -1 if the metric is to be maximised, else 1.
    """

    parameters: Mapping[str, Parameter]
    ladder: Ladder
    space: Space | None
    told: str = "loss"
    sign: float = 1.0

    def costs(self, frame: "pd.DataFrame") -> Floats:
        """Return the cost of each row's budget: the budget itself, if it is a number."""
        budgets, costs, values = self.ladder.budgets, self.ladder.costs, list(frame["budget"])
        if are_numbers(values):
            return np.array([float(self.ladder.cost(value) if are_numbers(budgets) else value) for value in values])
        by_text = dict(zip(map(repr, budgets), costs, strict=True))
        return np.array([float(by_text[str(value)]) for value in values])

    def vectors(self, frame: "pd.DataFrame") -> Floats:
        """Return the configurations as `(n, d)` positions, as `Space` has them; NaN where inactive."""
        columns = [_positions(each, frame[CONFIG + name]) for name, each in self.parameters.items()]
        return np.column_stack(columns) if columns else np.empty((len(frame), 0))


def context_of(frame: "pd.DataFrame") -> Context:
    """Return the search that a frame is of.

    Raises:
        SettingError: If the columns are missing that every frame of results has.
    """
    missing = {"trial", "config_id", "budget", "loss"} - set(frame.columns)
    if missing:
        raise SettingError(f"expected a frame as to_frame() returns it, got one without {sorted(missing)}")
    known = frame.attrs.get(ATTRIBUTE)
    if known is not None:
        space = Space.from_json(known["space"])
        told, direction = next(iter(known.get("objectives", {"loss": "minimize"}).items()))
        sign = -1.0 if direction == "maximize" else 1.0
        return Context(space.parameters, Ladder.from_json(known["ladder"]), space, told, sign)
    names = [str(name).removeprefix(CONFIG) for name in frame.columns if str(name).startswith(CONFIG)]
    budgets = sorted(set(frame["budget"].tolist()))
    if not are_numbers(budgets):
        raise SettingError(f"expected numbers as budgets of a frame without its search, got {brief(budgets)}")
    return Context({name: _inferred(frame[CONFIG + name]) for name in names}, ladder(budgets or [1]), None)


def _inferred(column: "pd.Series[Any]") -> Parameter:
    """Return the parameter that a column of values may belong to."""
    given = column.dropna()
    values = list(dict.fromkeys(given.tolist()))
    if not values or not are_numbers(values):
        return Categorical(list(column.cat.categories) if hasattr(column, "cat") else sorted(values, key=str) or [""])
    low, high = min(values), max(values)
    if low == high:
        return Ordinal([low])
    is_log = low > 0 and high / low >= LOG_RATIO and float(np.median(values)) - low < LOG_MEDIAN * (high - low)
    if all(float(value).is_integer() for value in values):
        return (LogInteger if is_log else Integer)(int(low), int(high))
    return Float(float(low), float(high), is_log)


def _positions(parameter: Parameter, column: "pd.Series[Any]") -> Floats:
    """Return the position of each value of a column; NaN where it is missing."""
    own = _by_label(parameter)
    known: dict[Any, float] = {}
    values = column.astype(object).where(column.notna(), None).tolist()
    for value in values:
        if value is not None and value not in known:
            position = parameter.locate(own.get(value, value))
            if position is None:
                raise SettingError(f"expected {parameter.legal} in column {column.name}, got {brief(value)}")
            known[value] = position
    return np.array([math.nan if value is None else known[value] for value in values])


def configs_of(frame: "pd.DataFrame", space: Space) -> list[dict[str, Any]]:
    """Return the configurations of a frame as plain values; what is missing is left out.

    Raises:
        SettingError: If the frame lacks a parameter.
    """
    missing = [name for name in space.names if CONFIG + name not in frame.columns]
    if missing:
        raise SettingError(
            f"expected a column for each parameter, got none for {missing}; name it {CONFIG}{missing[0]}"
        )
    rows: list[dict[str, Any]] = [{} for _ in range(len(frame))]
    for name, parameter in space.parameters.items():
        column = frame[CONFIG + name]
        own = _by_label(parameter)
        for row, value, is_set in zip(rows, column.tolist(), column.notna().tolist(), strict=True):
            if is_set:
                row[name] = own.get(value, value)
    return rows
