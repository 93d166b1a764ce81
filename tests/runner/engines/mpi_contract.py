"""The contract on `mpi4py.futures`; `test_mpi.py` starts it on several MPI processes."""

import pytest

from tests.runner.contract import *  # noqa: F403
from tests.runner.engines import Engine

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def engine() -> Engine:
    from mpi4py.futures import MPIPoolExecutor

    return Engine(lambda workers: MPIPoolExecutor(workers), is_permanent=True)
