"""The study: the optimizer's ask and tell over an event log that several processes share.

`Study` is the full interface. `quick_tell.tell` is for a process that only tells and has to start fast. `stores` keeps
the log: an SQLite file, a PostgreSQL database, or a store of your own.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bohb.study.study import Study

__all__ = ["Study"]


def __getattr__(name: str) -> Any:
    """Load the study on first use: `quick_tell` does without it."""
    if name != "Study":
        raise AttributeError(f"module 'bohb.study' has no attribute {name!r}")
    return importlib.import_module("bohb.study.study").Study
