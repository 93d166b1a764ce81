"""The contract on `mpi4py.futures`; `test_mpi.py` starts it on several MPI processes."""

import pytest

from bohb.testing.executors import ExecutorContract

pytestmark = pytest.mark.filterwarnings("default")


class TestMpi(ExecutorContract):
    is_permanent = True

    def make(self, workers):
        from mpi4py.futures import MPIPoolExecutor

        return MPIPoolExecutor(workers)
