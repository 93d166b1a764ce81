"""The contract on `mpi4py.futures`: each process that `mpirun` starts evaluates one trial at a time."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runner.engines import requires
from tests.runner.engines.examples import run_example

pytestmark = [*requires("mpi", "mpi4py"), pytest.mark.slow]


def mpirun() -> str:
    found = shutil.which("mpirun", path=str(Path(sys.executable).parent)) or shutil.which("mpirun")
    assert found is not None, "an MPI brings mpirun; pip install mpich does"
    return found


def test_the_contract_holds_on_mpi_processes() -> None:
    """In rank 0 of five processes. No worker is killed alone, since that ends all of them."""
    suite = Path(__file__).with_name("mpi_contract.py")
    command = [mpirun(), "-n", "5", sys.executable, "-m", "mpi4py.futures"]
    ended = subprocess.run(
        [*command, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(suite)],
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-3000:]
    assert " passed" in ended.stdout


def test_the_script_of_the_documentation_runs() -> None:
    """As a program of its own."""
    assert "6 (0 failed, 0 lost with their worker)" in run_example(
        "mpi", mpirun(), "-n", "3", sys.executable, "-m", "mpi4py.futures"
    )
