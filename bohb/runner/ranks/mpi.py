"""The ranks of a program under `mpirun`, for `bohb.runner.spmd`.

To run one trial on each MPI process, pass an `mpi4py.futures.MPIPoolExecutor` to `bohb.run` instead.
"""

from typing import Any


class MpiGroup:
    """The ranks of `MPI.COMM_WORLD`."""

    def __init__(self) -> None:
        from mpi4py import MPI

        # A communicator of our own keeps our messages apart from those of the objective.
        self._group = MPI.COMM_WORLD.Dup()
        self.rank: int = self._group.Get_rank()
        self.size: int = self._group.Get_size()

    def broadcast(self, value: Any, name: str) -> Any:
        """Return rank 0's value on every rank."""
        got_name, got = self._group.bcast((name, value), root=0)
        assert got_name == name, "the ranks are in step"
        return got

    def close(self) -> None:
        """Free the communicator."""
        self._group.Free()
