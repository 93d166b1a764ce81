"""The laws of programs on several ranks, under `mpirun`."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.runner.engines import requires
from tests.runner.engines.spmd_laws import *  # noqa: F403
from tests.runner.engines.spmd_laws import Start

pytestmark = [*requires("mpi", "mpi4py"), pytest.mark.slow]


@pytest.fixture
def start() -> Start:
    mpirun = shutil.which("mpirun", path=str(Path(sys.executable).parent)) or shutil.which("mpirun")
    assert mpirun is not None, "an MPI brings mpirun; pip install mpich does"
    return lambda command: [mpirun, "-n", "2", *command]
