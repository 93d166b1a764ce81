"""All results as one CSV table or one JSON object."""

import csv
import io
import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from bohb.exchange.files import write_file
from bohb.exchange.records import finite, result_facts
from bohb.trials import Result

if TYPE_CHECKING:
    from bohb.optimizer import Optimizer
    from bohb.study.snapshot import Snapshot
    from bohb.study.study import Study

CSV_COLUMNS = ("trial", "config_id", "budget", "loss", "status", "bracket", "rung", "previous", "origin", "checkpoint")


def write_csv(
    study: "Study | Optimizer | Snapshot", file: str | os.PathLike[str] | TextIO, *, force: bool = False
) -> int:
    """Write a table with a line for each result that counts, and a column `config.NAME` for each parameter.

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
    _write(_csv_text(results), file, force=force)
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
    results = study.results
    facts = {"results": [result_facts(result) for result in results]}
    _write(json.dumps(facts, allow_nan=False, indent=1) + "\n", file, force=force)
    return len(results)


def _write(text: str, file: str | os.PathLike[str] | TextIO, *, force: bool) -> None:
    data = text.encode(errors="backslashreplace")  # the path of a checkpoint may have bytes that are no text
    if isinstance(file, str | os.PathLike):
        write_file(file, data, force=force)
    else:
        file.write(data.decode())


def _csv_text(results: Sequence[Result]) -> str:
    names = list(dict.fromkeys(name for result in results for name in result.trial.config))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*CSV_COLUMNS, *(_safe(f"config.{name}") for name in names)])
    for result in results:
        trial = result.trial
        facts = (trial.id, trial.config_id, trial.budget, finite(result.loss), str(result.status), trial.bracket)
        more = (trial.rung, trial.previous, str(trial.origin), result.checkpoint)
        writer.writerow([_cell(value) for value in (*facts, *more, *(trial.config.get(name) for name in names))])
    return text.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return _safe(value if isinstance(value, str) else json.dumps(value))


def _safe(text: str) -> str:
    """Return text that a spreadsheet shows and does not compute."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
