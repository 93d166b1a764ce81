"""The study: the optimizer's ask and tell over an event log that several processes share.

`Study` is for everybody; `quick_tell.tell` is for a process that only tells and should start at once. The log is an
SQLite file or a PostgreSQL database (see `stores`), and one table of (seq, kind, payload, at) in either.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bohb.study.study import Study

__all__ = ["Study"]


def __getattr__(name: str) -> Any:
    """Loads the study on first use: `light` does without it."""
    if name != "Study":
        raise AttributeError(f"module 'bohb.study' has no attribute {name!r}")
    return importlib.import_module("bohb.study.study").Study
