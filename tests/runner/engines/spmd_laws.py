"""What holds for a program on several ranks, whatever started it; each launcher's test file runs it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import bohb
from bohb.testing.executors import is_running, pids
from tests.runner.engines.examples import run_example

PROGRAM = Path(__file__).with_name("spmd_program.py")
LEASE = 4.0
"""Seconds, as in the program."""
Start = Callable[[list[str]], list[str]]


def run(start: Start, wrong: str, folder: Path, *study: str, num_trials: int = 6) -> subprocess.CompletedProcess[str]:
    """Runs the program on two ranks; it ends by itself, or this fails."""
    paths = [str(Path(bohb.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = start([sys.executable, str(PROGRAM), wrong, str(folder), str(num_trials), *study])
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    until = time.monotonic() + 10  # launchers may leave a moment before the last rank is gone
    while any(is_running(pid) for pid in pids(folder)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(is_running(pid) for pid in pids(folder))
    return ended


def test_all_ranks_evaluate_the_trials_that_one_worker_would(start: Start, tmp_path: Path) -> None:
    """The same trials in the same order as the plain loop; the report is the same on every rank."""
    ended = run(start, "nothing", tmp_path)
    assert ended.returncode == 0, ended.stderr
    facts = json.loads((tmp_path / "facts").read_text())
    assert [config for config, _, _ in facts] == plain_configs()
    assert all(info["sum"] == pytest.approx(2 * config, rel=1e-6) for config, _, info in facts)
    assert (tmp_path / "report-0").read_text() == (tmp_path / "report-1").read_text() != "None"


def test_a_program_that_was_killed_goes_on_with_its_study(start: Start, tmp_path: Path) -> None:
    """Rank 0, which owns the study, is killed in a trial: that trial is asked again, and nothing else."""
    study = str(tmp_path / "study.db")
    assert run(start, "kill-0", tmp_path, study).returncode != 0
    with bohb.Study.open(study) as opened:
        assert (len(opened.results), len(opened.pending)) == (1, 1)
        time.sleep(LEASE)
    ended = run(start, "nothing", tmp_path, study, num_trials=5)
    assert ended.returncode == 0, ended.stderr
    with bohb.Study.open(study) as opened:
        assert [result.trial.config["x"] for result in opened.results] == plain_configs(cut_off=1)
        assert not opened.pending


def plain_configs(cut_off: int | None = None) -> list[float]:
    """Returns the configurations that the plain loop of ask and tell evaluates, in its order, one trial in vain."""
    plain = bohb.Optimizer({"x": (0.0, 1.0)}, budgets=[1, 3, 9], seed=5)
    while len(plain.results) < 6:
        trial = plain.ask()
        if trial.id == cut_off:
            plain.forget(trial)
        else:
            plain.tell(trial, trial.config["x"])
    return [result.trial.config["x"] for result in plain.results]


def test_an_exception_on_every_rank_fails_the_trial_alone(start: Start, tmp_path: Path) -> None:
    """All ranks go on together with the next trial."""
    ended = run(start, "all", tmp_path)
    assert ended.returncode == 0, ended.stderr
    facts = json.loads((tmp_path / "facts").read_text())
    assert [status for _, status, _ in facts] == ["ok", "error", "ok", "ok", "ok", "ok"]
    assert facts[1][2]["error"] == "ValueError: wrong on all"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("one", "rank 1 failed, and 3 s later others were still at the trial"),
        ("kill", "rank 1 died"),
        ("hang", "a trial took longer than 15 s"),
        ("search", "OSError: no such database"),
    ],
)
def test_what_cannot_be_saved_ends_on_every_rank(start: Start, tmp_path: Path, wrong: str, said: str) -> None:
    """Ranks out of step, a dead rank, a rank that hangs, a search that cannot be made: an error, never a hang."""
    ended = run(start, wrong, tmp_path)
    assert ended.returncode != 0
    # `mpirun` may end the other ranks before they can say why; its own words name the signal then.
    assert said in ended.stderr + ended.stdout or (wrong == "kill" and "KILL" in (ended.stderr + ended.stdout).upper())


def test_the_script_of_the_documentation_runs(start: Start) -> None:
    """Every rank prints the same configuration."""
    command = start([sys.executable])
    printed = [line[line.index("{") :] for line in run_example("spmd", *command).splitlines() if "'x'" in line]
    assert len(printed) == 2
    assert printed[0] == printed[1]
