"""Callbacks that show a run or record it in a tracker; each tracker is loaded on first use."""

import importlib
from typing import TYPE_CHECKING, Any

from bohb.runner.progress import Progress

if TYPE_CHECKING:
    from bohb.callbacks.aim import AimCallback
    from bohb.callbacks.mlflow import MLflowCallback
    from bohb.callbacks.tensorboard import TensorBoardCallback
    from bohb.callbacks.wandb import WandbCallback

_HOME_OF = {
    "AimCallback": "aim",
    "MLflowCallback": "mlflow",
    "TensorBoardCallback": "tensorboard",
    "WandbCallback": "wandb",
}

__all__ = ["AimCallback", "MLflowCallback", "Progress", "TensorBoardCallback", "WandbCallback"]


def __getattr__(name: str) -> Any:
    """Load a tracker's callback on first use (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bohb.callbacks' has no attribute {name!r}")
    return getattr(importlib.import_module(f"bohb.callbacks.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
