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


def training(trial):
    log.append(f"started {trial.config_id}")
    epoch = 0
    try:
        while True:
            epoch += 1
            yield epoch, ((trial.config["x"] - 0.3) ** 2 + 1 / epoch if RANK == 0 else None)
    finally:
        log.append(f"closed {trial.config_id}")


log = []
spmd._group = lambda launcher: PipeGroup()
report = spmd.run(objective, make, max_trials=5, progress=False, straggler_seconds=600)
summary = f"{report.num_trials} {report.num_failures} {report.first_failure} {report.incumbent.loss < 1}"
if RANK == 0:
    ours.send(summary)  # rank 1 waits for it: the program goes on after the search
    os.wait()
    print(summary)
else:
    assert theirs.recv() == summary
"""


def printed_by(program: str) -> str:
    """Run a program of two ranks; return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(Path(bohb.__file__).parents[1])}
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=600, env=environment
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_two_ranks_evaluate_one_trial_together() -> None:
    """Rank 0's loss is told, an exception on any rank fails the trial, and both ranks get the report at once."""
    assert printed_by(PROGRAM) == "5 2 trial 1: ValueError: diverged True\n"


TRAINING = """
def make():
    made.append(bohb.Optimizer({"x": (0.0, 1.0)}, budgets=bohb.geometric(1, 9), seed=3))
    return made[0]

made = []
report = spmd.run(training, make, max_trials=16, progress=False, straggler_seconds=600)
if RANK == 0:
    ours.send((report, log))
    os.wait()
    print(report.num_trials, report.num_failures)
    print(sum(entry.startswith("started") for entry in log), sum(entry.startswith("closed") for entry in log))
else:
    other, others_log = theirs.recv()
    assert others_log == log
    assert other == report
"""


def test_a_generator_goes_on_in_place_on_all_ranks_alike() -> None:
    """Every rank starts, goes on and closes the same trainings in the same order; no loss is needed but rank 0's."""
    program = PROGRAM.partition("report = ")[0] + TRAINING
    trials, entries = printed_by(program).splitlines()
    assert trials == "16 0"
    started, closed = map(int, entries.split())
    assert started == closed < 16, "a training that goes on in place is not started again"


@pytest.mark.parametrize(
    ("options", "stopped_by"),
    [
        ("target=0.5", "target"),
        ("patience=2", "patience"),
        ("max_trials=50, max_failures=2", "max_failures"),
        ("max_trials=50, callbacks=[stop]", "no more"),
    ],
)
def test_what_ends_a_run_ends_it_on_all_ranks(options: str, stopped_by: str) -> None:
    program = PROGRAM.replace("max_trials=5", options).replace('summary = f"', 'summary = f"{report.stopped_by} ')
    program = program.replace("def make", "def stop(record):\n    raise bohb.StopRun('no more')\n\n\ndef make")
    program = program.replace("{report.incumbent.loss < 1}", "")
    assert printed_by(program).startswith(f"{stopped_by} ")


def test_without_a_launcher_the_program_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for names in spmd.SIGNS.values():
        for name in names:
            monkeypatch.delenv(name, raising=False)
    with pytest.raises(bohb.SettingError, match="expected a program under horovodrun, torchrun or mpirun"):
        spmd.run(lambda trial: 0.5, None, max_trials=1)
