"""A program on a Ray cluster that is killed, and started again with the same study."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bohb
from tests.runner.engines import requires

pytestmark = [
    *requires("ray", "ray"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Ray leaves sockets and files to the collector
]
ROOT = Path(bohb.__file__).parents[1]
PROGRAM = Path(__file__).with_name("ray_driver_program.py")


@pytest.fixture
def address() -> Iterator[str]:
    import ray

    ray.shutdown()
    context = ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield context.address_info["address"]
    ray.shutdown()


def run_program(study: Path, address: str, **variables: str) -> int:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {"RAY_ADDRESS": address, "PYTHONPATH": os.pathsep.join(paths)} | variables
    command = [sys.executable, str(PROGRAM), str(study)]
    ended = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=600)
    assert ended.returncode in (0, -9), ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.returncode


def test_a_driver_that_was_killed_goes_on_where_it_was(address: str, tmp_path: Path) -> None:
    """With a study, nothing that was told is lost, and what ran is asked again."""
    path = tmp_path / "study.db"
    assert run_program(path, address, KILL_AFTER_TRIALS="2") == -9
    before = list(bohb.Study.open(path).results)
    assert len(before) >= 2
    assert run_program(path, address) == 0
    study = bohb.Study.open(path)
    assert list(study.results)[: len(before)] == before
    assert len(study.results) == 5
    assert not any(result.is_failure for result in study.results)
