"""Callbacks that show a run or record it in a tracker; each tracker is loaded on first use."""

import importlib
from typing import TYPE_CHECKING, Any

from bohb.runner.progress import Progress

if TYPE_CHECKING:
    from bohb.callbacks.mlflow import MLflowCallback
    from bohb.callbacks.tensorboard import TensorBoardCallback

_HOME_OF = {"MLflowCallback": "mlflow", "TensorBoardCallback": "tensorboard"}

__all__ = ["MLflowCallback", "Progress", "TensorBoardCallback"]


def __getattr__(name: str) -> Any:
    """Load a tracker's callback on first use (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bohb.callbacks' has no attribute {name!r}")
    return getattr(importlib.import_module(f"bohb.callbacks.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
