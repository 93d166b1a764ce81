"""All results as one CSV table or one JSON object."""

import csv
import io
import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from bohb._checks import has_method
from bohb._text import brief
from bohb.errors import SettingError
from bohb.exchange.files import write_file
from bohb.exchange.records import result_facts
from bohb.objectives import Goal, goal_of
from bohb.trials import Result

if TYPE_CHECKING:
    from bohb.optimizer import Optimizer
    from bohb.study.snapshot import Snapshot
    from bohb.study.study import Study

CSV_COLUMNS = ("trial", "config_id", "budget", "loss", "status", "bracket", "rung", "previous", "origin", "checkpoint")
MORE_COLUMNS = ("seconds", "finished_at", "cost")
TOLD_COLUMNS = ("repeat", "used")
"""Columns that are there if some result has them."""


def write_csv(
    study: "Study | Optimizer | Snapshot", file: str | os.PathLike[str] | TextIO, *, force: bool = False
) -> int:
    """Write a table with a line for each result that counts, and a column `config.NAME` for each parameter.

    If the study has objectives, there is a column `metric.NAME` for each metric, and none for the loss.

    A missing value (the loss of a failure, an inactive parameter) is an empty cell. Text that a spreadsheet would take
    for a formula gets an apostrophe before it.

    Args:
        study: A study, a snapshot of one, or an optimizer.
        file: A path, or a text file that is open for writing.
        force: Whether to replace an existing file. A study and a link are never replaced.

    Returns:
        The number of results.

    Raises:
        SettingError: If something is there that may not be replaced.
    """
    results = study.results
    _write(_csv_text(results, goal_of(study)), file, force=force)
    return len(results)


def write_json(
    study: "Study | Optimizer | Snapshot", file: str | os.PathLike[str] | TextIO, *, force: bool = False
) -> int:
    """Write one object with all results, each as `bohb trials --json` prints it.

    Args:
        study: A study, a snapshot of one, or an optimizer.
        file: A path, or a text file that is open for writing.
        force: Whether to replace an existing file. A study and a link are never replaced.

    Returns:
        The number of results.

    Raises:
        SettingError: If something is there that may not be replaced.
    """
    results, goal = study.results, goal_of(study)
    facts = {"results": [result_facts(result, goal) for result in results]}
    _write(json.dumps(facts, allow_nan=False, indent=1) + "\n", file, force=force)
    return len(results)


def _write(text: str, file: str | os.PathLike[str] | TextIO, *, force: bool) -> None:
    data = text.encode(errors="backslashreplace")  # the path of a checkpoint may have bytes that are no text
    if isinstance(file, str | os.PathLike):
        write_file(file, data, force=force)
    elif has_method(file, "write"):
        file.write(data.decode())
    else:
        raise SettingError(f"expected a path, or a text file that is open for writing, got {brief(file)}")


def _csv_text(results: Sequence[Result], goal: Goal) -> str:
    rows = [_csv_row(result, goal) for result in results]
    first = [name for name in CSV_COLUMNS if not (goal.is_declared and name == "loss")]
    more = sorted(dict.fromkeys(name for row in rows for name in row), key=_kind_of_column)
    told = [name for name in TOLD_COLUMNS if any(name in row for row in rows)]
    names = list(dict.fromkeys([*first, *MORE_COLUMNS, *told, *more]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_safe(name) for name in names])
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


def _kind_of_column(name: str) -> bool:
    return name.startswith("config.")


def _csv_row(result: Result, goal: Goal) -> dict[str, Any]:
    """Return the cells of a result by the names of their columns."""
    facts = result_facts(result, goal)
    named = {f"metric.{name}": value for name, value in facts.get("metrics", {}).items()}
    named |= {f"config.{name}": value for name, value in result.trial.config.items()}
    return {name: facts[name] for name in (*CSV_COLUMNS, *MORE_COLUMNS, *TOLD_COLUMNS) if name in facts} | named


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return _safe(value if isinstance(value, str) else json.dumps(value))


def _safe(text: str) -> str:
    """Return text that a spreadsheet shows and does not compute."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
