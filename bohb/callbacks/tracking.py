"""What trackers have in common: names and values as they accept them, and which step a budget is.

Trackers want flat names, numbers and whole steps; a configuration may have any name and value, and a budget may be a
mapping. Nothing here knows a tracker.
"""

import re
from collections.abc import Mapping
from typing import Any

from bohb.trials import Result, Status, Trial

MAX_TEXT = 500
"""Characters of a value that is stored as text."""


def is_failure(result: Result) -> bool:
    """Whether a result has no loss to show."""
    return result.status not in (Status.OK, Status.LATE)


def step(trial: Trial) -> int:
    """Returns the step that stands for the budget: the budget itself if it is a whole number, else the rung."""
    budget = trial.budget
    if isinstance(budget, int | float) and budget == int(budget):
        return int(budget)
    return trial.rung or 0  # a trial outside all brackets has none


def budget_name(trial: Trial) -> str:
    """Returns the budget as a part of a name."""
    return safe_name(str(trial.budget))


def safe_name(text: str) -> str:
    """Returns a name that every tracker accepts: letters, digits, and `_ - .`."""
    return re.sub(r"[^\w.-]+", "_", text, flags=re.ASCII).strip("_") or "_"


def plain_values(config: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """Returns a configuration with safe names, and everything but numbers as text; two names never become one."""
    plain: dict[str, bool | int | float | str] = {}
    for name, value in config.items():
        safe = safe_name(str(name))
        while safe in plain:
            safe += "_"
        plain[safe] = value if isinstance(value, bool | int | float) else str(value)[:MAX_TEXT]
    return plain
