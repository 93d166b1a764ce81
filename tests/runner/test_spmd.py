"""A program on two ranks that talk over a pipe; `engines/` has the real launchers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bohb
from bohb.runner import spmd

PROGRAM = """
import os
from multiprocessing import Pipe

import bohb
from bohb.runner import spmd

ours, theirs = Pipe()
RANK = 0 if os.fork() else 1


class PipeGroup:
    rank = RANK
    size = 2

    def broadcast(self, value, name):
        if RANK == 0:
            ours.send((name, value))
            return value
        got_name, got = theirs.recv()
        assert got_name == name
        return got

    def close(self):
        pass


def objective(trial):
    if trial.id == 1 and RANK == 1:
        raise ValueError("diverged")
    if trial.id == 2:
        raise ValueError("diverged everywhere")
    return trial.config["x"] if RANK == 0 else 1000.0


def make():
    assert RANK == 0
    return bohb.Optimizer({"x": (0.0, 1.0)}, budgets=[1, 3], seed=0, preset="hyperband")


spmd._group = lambda launcher: PipeGroup()
report = spmd.run(objective, make, max_trials=5, progress=False, patience=600)
summary = f"{report.num_trials} {report.num_failures} {report.first_failure} {report.incumbent.loss < 1}"
if RANK == 0:
    ours.send(summary)  # rank 1 waits for it: the program goes on after the search
    os.wait()
    print(summary)
else:
    assert theirs.recv() == summary
"""


def test_two_ranks_evaluate_one_trial_together() -> None:
    """Rank 0's loss is told, an exception on any rank fails the trial, and both ranks get the report at once."""
    environment = {**os.environ, "PYTHONPATH": str(Path(bohb.__file__).parents[1])}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, env=environment
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "5 2 trial 1: ValueError: diverged True\n"


def test_without_a_launcher_the_program_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for names in spmd.SIGNS.values():
        for name in names:
            monkeypatch.delenv(name, raising=False)
    with pytest.raises(bohb.SettingError, match="expected a program under horovodrun, torchrun or mpirun"):
        spmd.run(lambda trial: 0.5, None, max_trials=1)
