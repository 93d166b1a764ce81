"""The ranks of a program under `horovodrun`, for `bohb.runner.spmd`."""

import importlib
import sys
from typing import Any


class HorovodGroup:
    """The ranks of Horovod."""

    def __init__(self) -> None:
        names = ("horovod.torch", "horovod.tensorflow", "horovod.keras", "horovod.mxnet")
        self._horovod: Any = next((sys.modules[name] for name in names if name in sys.modules), None)
        if self._horovod is None:
            self._horovod = importlib.import_module("horovod.torch")
        if not self._horovod.is_initialized():
            self._horovod.init()
        self.rank: int = self._horovod.rank()
        self.size: int = self._horovod.size()

    def broadcast(self, value: Any, name: str) -> Any:
        """Return rank 0's value on every rank."""
        return self._horovod.broadcast_object(value, root_rank=0, name=name)

    def close(self) -> None:
        """Do nothing: Horovod ends with the process."""
