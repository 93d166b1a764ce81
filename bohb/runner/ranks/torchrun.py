"""The ranks of a program under `torchrun`, for `bohb.runner.spmd`."""

from datetime import timedelta
from typing import Any


class TorchGroup:
    """The ranks of `torch.distributed`."""

    def __init__(self) -> None:
        from torch import distributed

        self._is_ours = not distributed.is_initialized()
        if self._is_ours:
            distributed.init_process_group("gloo")
        self._distributed = distributed
        # A group of our own uses gloo even if the objective uses NCCL, and waits for a trial without a time limit.
        self._group = distributed.new_group(backend="gloo", timeout=timedelta(days=30))
        self.rank: int = distributed.get_rank()
        self.size: int = distributed.get_world_size()

    def broadcast(self, value: Any, name: str) -> Any:
        """Return rank 0's value on every rank. A group matches its collectives by their order, not by a name."""
        values = [(name, value)]
        self._distributed.broadcast_object_list(values, src=0, group=self._group)
        assert values[0][0] == name, "the ranks are in step"
        return values[0][1]

    def close(self) -> None:
        """Destroy the group; PyTorch may abort a process that exits without doing so."""
        self._distributed.destroy_process_group(None if self._is_ours else self._group)
