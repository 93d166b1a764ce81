"""Tables for people: of results, of rungs and of trials at work. The columns that matter come first."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bohb._text import aligned, duration, shortened, significant
from bohb.errors import SettingError
from bohb.objectives import LOSS, Goal
from bohb.optimizer.notebook import rung_headers, rung_rows
from bohb.optimizer.tally import Tally
from bohb.study.snapshot import TrialTimes
from bohb.trials import Result

MAX_CELL = 60
"""About how many characters of a value or of a reason a table shows."""

Cell = Callable[[Result], Any]


def columns(results: Sequence[Result], times: Mapping[int, TrialTimes], goal: Goal = LOSS) -> dict[str, Cell]:
    """Return what a table of results has in its columns, by their names."""
    fixed = _columns(times)
    value = f"metric.{goal.name}" if goal.name in fixed or goal.name == "trial" else goal.name
    own: dict[str, Cell] = {
        "trial": lambda result: result.trial.id,
        value: lambda result: None if result.is_failure else goal.value(result.loss),
        **fixed,
    }
    for name in dict.fromkeys(name for result in results for name in result.metrics if name != goal.name):
        own[f"metric.{name}" if name in own else name] = _metric_of(name)
    names = dict.fromkeys(name for result in results for name in result.trial.config)
    for name in names:
        own[f"config.{name}" if name in own else name] = _value_of(name)
    return own


def _columns(times: Mapping[int, TrialTimes]) -> dict[str, Cell]:
    """Return the columns of every search, after the trial and its value."""
    return {
        "budget": lambda result: result.trial.budget,
        "status": lambda result: str(result.status),
        "reason": lambda result: result.reason,
        "origin": lambda result: str(result.trial.origin),
        "repeat": lambda result: result.trial.repeat or None,
        "seconds": lambda result: times[result.trial.id].seconds if result.trial.id in times else None,
        "cost": lambda result: result.cost,
        "used": lambda result: result.used,
    }


def _metric_of(name: str) -> Cell:
    return lambda result: result.metrics.get(name)


def _value_of(name: str) -> Cell:
    return lambda result: result.trial.config.get(name)


def ordered(results: Sequence[Result], by: str, found: Mapping[str, Cell]) -> list[Result]:
    """Return results in the order of a column, descending after a dash; those without a value come last.

    Raises:
        SettingError: If there is no such column.
    """
    name = by.removeprefix("-")
    if name not in found:
        raise SettingError(f"expected a column to sort by, of {', '.join(found)}; got {name!r}")
    cell = found[name]
    known = [result for result in results if cell(result) is not None]
    known.sort(key=lambda result: _sort_key(cell(result)), reverse=by.startswith("-"))
    return known + [result for result in results if cell(result) is None]


def _sort_key(value: Any) -> tuple[bool, float, str]:
    """Return a key that orders numbers by size, before everything else by its text."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return not is_number, value if is_number else 0.0, "" if is_number else str(value)


def of_results(results: Sequence[Result], found: Mapping[str, Cell]) -> list[str]:
    """Return results as a table. A column that says nothing is left out."""
    if not results:
        return ["no results"]
    cells = {name: [cell(result) for result in results] for name, cell in found.items()}
    shown = {name: values for name, values in cells.items() if any(value is not None for value in values)}
    numbers = [i for i, values in enumerate(shown.values()) if not any(isinstance(value, str) for value in values)]
    rows = list(zip(*(map(as_cell, values) for values in shown.values()), strict=True))
    return aligned(list(shown), rows, right=numbers)


def as_cell(value: Any) -> str:
    """Return a value in a table: of a number four digits, of a long text its beginning and its end."""
    return "-" if value is None else shortened(significant(value), MAX_CELL)


def of_rungs(tally: Tally) -> list[str]:
    """Return what happened at each budget as a table."""
    return aligned(rung_headers(tally.goal), rung_rows(tally), right=range(5))


def of_running(tally: Tally, times: Mapping[int, TrialTimes], now: float) -> list[str]:
    """Return the trials that run as lines: one a worker, as far as a study knows its workers."""
    lines = []
    for trial in tally.running.values():
        since = times[trial.id].asked if trial.id in times else None
        age = "" if since is None else f", for {duration(max(0.0, now - since))}"
        lines.append(f"trial {trial.id} at budget {trial.budget}{age}")
    return lines
