"""Ask and tell: the optimizer, and the parts of that one class.

`optimizer.py` is the public object. `history.py` holds what happened, `decision.py` decides what comes next.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bohb.optimizer.optimizer import Optimizer

__all__ = ["Optimizer"]


def __getattr__(name: str) -> Any:
    """Loads the optimizer on first use, because a process that only tells needs its events alone."""
    if name != "Optimizer":
        raise AttributeError(f"module 'bohb.optimizer' has no attribute {name!r}")
    return importlib.import_module("bohb.optimizer.optimizer").Optimizer
