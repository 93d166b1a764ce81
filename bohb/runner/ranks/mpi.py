"""MPI: the ranks of a program under `mpirun`, for `bohb.runner.spmd`. The only file that knows mpi4py.

To spread trials over MPI processes, one trial each, no file of ours is needed: `mpi4py.futures.MPIPoolExecutor` is an
executor as it is.
"""

from typing import Any


class MpiGroup:
    """The ranks of `MPI.COMM_WORLD`."""

    def __init__(self) -> None:
        from mpi4py import MPI

        # A communicator of our own: no message of the objective's can be taken for one of ours.
        self._group = MPI.COMM_WORLD.Dup()
        self.rank: int = self._group.Get_rank()
        self.size: int = self._group.Get_size()

    def broadcast(self, value: Any, name: str) -> Any:
        """Returns rank 0's value on every rank."""
        got_name, got = self._group.bcast((name, value), root=0)
        assert got_name == name, "the ranks are in step"
        return got

    def close(self) -> None:
        """Frees the communicator."""
        self._group.Free()
