"""The checks for a machine with GPUs: what they say without one, and their rehearsal."""

import os
import subprocess
import sys

import pytest

from benchmarks import gpus
from tests.runner.engines import requires
from tests.runner.engines.examples import ROOT

REHEARSAL = [*requires("horovod", "horovod", "torch"), pytest.mark.slow]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the checks as their page says, on a machine on which no device is to be seen."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.gpus", *arguments],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=1500,
    )


def test_without_a_device_nothing_is_checked() -> None:
    """It says so, and does not look like a success."""
    ended = run("--without-horovod")
    assert ended.returncode == gpus.MISSING
    assert ended.stderr.startswith("nothing was checked: ")
    assert ended.stdout == ""


@pytest.mark.parametrize(("one", "other", "number"), [((0, 2), (1, 3), 1), ((0, 1), (1, 2), 0), ((0, 9), (2, 3), 1)])
def test_trials_overlap_if_both_run_at_one_time(one: tuple[int, int], other: tuple[int, int], number: int) -> None:
    infos = [{"begin": begin, "end": end} for begin, end in (one, other)]
    assert len(gpus.overlapping(infos)) == number


class TestRehearsal:
    pytestmark = REHEARSAL

    def test_all_checks_run_up_to_the_device(self) -> None:
        ended = run("--cpu")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert ended.stdout.count("ok: ") == 4
        assert "memory limits were not checked" in ended.stdout
        assert ended.stdout.splitlines()[-1] == "rehearsed; no device was used"
