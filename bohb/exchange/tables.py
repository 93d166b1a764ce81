"""All results as one CSV table or one JSON object."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from bohb.exchange.records import finite, result_facts
from bohb.trials import Result

COLUMNS = ("trial", "config_id", "budget", "loss", "status", "bracket", "rung", "previous", "origin", "checkpoint")


def to_csv(results: Sequence[Result]) -> str:
    """Returns a table with a line for each result, and a column `config.NAME` for each parameter.

    A value that is missing (the loss of a failure, a parameter that is not active) is an empty cell. Text that a
    spreadsheet would take for a formula gets an apostrophe before it.
    """
    names = list(dict.fromkeys(name for result in results for name in result.trial.config))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(_safe(f"config.{name}") for name in names)])
    for result in results:
        trial = result.trial
        facts = (trial.id, trial.config_id, trial.budget, finite(result.loss), str(result.status), trial.bracket)
        more = (trial.rung, trial.previous, str(trial.origin), result.checkpoint)
        writer.writerow([_cell(value) for value in (*facts, *more, *(trial.config.get(name) for name in names))])
    return text.getvalue()


def to_json(results: Sequence[Result]) -> str:
    """Returns one object with all results, each as `bohb trials --json` prints it."""
    return json.dumps({"results": [result_facts(result) for result in results]}, allow_nan=False, indent=1) + "\n"


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return _safe(value if isinstance(value, str) else json.dumps(value))


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
