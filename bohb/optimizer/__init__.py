"""The optimizer with `ask` and `tell`, and its parts.

`optimizer.py` holds the public class and its changes, `asking.py` its asks, and `findings.py` the part of it that is
read. `history.py` records what happened, and `decision.py` decides what comes next.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bohb.optimizer.adoption import Adopted
    from bohb.optimizer.explanation import Explanation
    from bohb.optimizer.health import Health
    from bohb.optimizer.optimizer import Optimizer
    from bohb.optimizer.plan import FirstFull, Plan, PlannedRung
    from bohb.optimizer.recommendation import Recommendation

_HOME_OF = {
    "Adopted": "adoption",
    "Explanation": "explanation",
    "FirstFull": "plan",
    "Health": "health",
    "Optimizer": "optimizer",
    "Plan": "plan",
    "PlannedRung": "plan",
    "Recommendation": "recommendation",
}

__all__ = ["Adopted", "Explanation", "FirstFull", "Health", "Optimizer", "Plan", "PlannedRung", "Recommendation"]


def __getattr__(name: str) -> Any:
    """Load a public name on first use, because a process that only tells needs its events alone."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bohb.optimizer' has no attribute {name!r}")
    return getattr(importlib.import_module(f"bohb.optimizer.{_HOME_OF[name]}"), name)
