"""Names, values and steps as trackers accept them.

Trackers need flat names, numbers and integer steps. A configuration may have any name and value, and a budget may be a
mapping.
"""

import re
from collections.abc import Mapping
from typing import Any

from bohb.trials import Trial

MAX_TEXT = 500
"""The longest text that is stored as a value, in characters."""


def step(trial: Trial) -> int:
    """Return the step of a trial: the budget if it is an integer, else the rung."""
    budget = trial.budget
    if isinstance(budget, int | float) and budget == int(budget):
        return int(budget)
    return trial.rung or 0  # a trial outside all brackets has none


def budget_name(trial: Trial) -> str:
    """Return the budget as a part of a name."""
    return safe_name(str(trial.budget))


def safe_name(text: str) -> str:
    """Return a name that every tracker accepts: letters, digits, and `_ - .`."""
    return re.sub(r"[^\w.-]+", "_", text, flags=re.ASCII).strip("_") or "_"


def plain_values(config: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """Return a configuration with safe, distinct names, and with every value but numbers as text."""
    plain: dict[str, bool | int | float | str] = {}
    for name, value in config.items():
        safe = safe_name(str(name))
        while safe in plain:
            safe += "_"
        plain[safe] = value if isinstance(value, bool | int | float) else str(value)[:MAX_TEXT]
    return plain
