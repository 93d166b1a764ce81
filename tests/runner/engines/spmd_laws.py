"""What holds for a program on several ranks, under any launcher; the test file of each launcher imports it."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import bohb
from bohb.testing.processes import is_running, pids
from tests.runner.engines.examples import run_example

PROGRAM = Path(__file__).with_name("spmd_program.py")
LEASE = 4.0
"""Seconds, as in the program."""
Start = Callable[[list[str]], list[str]]


def run(start: Start, wrong: str, folder: Path, *study: str, num_trials: int = 6) -> subprocess.CompletedProcess[str]:
    """Run the program on two ranks; it must end by itself."""
    paths = [str(Path(bohb.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = start([sys.executable, str(PROGRAM), wrong, str(folder), str(num_trials), *study])
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    until = time.monotonic() + 60  # launchers may leave a moment before the last rank is gone
    while any(is_running(pid) for pid in pids(folder)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(is_running(pid) for pid in pids(folder))
    return ended


def test_the_ranks_evaluate_the_trials_of_a_plain_loop(start: Start, tmp_path: Path) -> None:
    """In the same order; every rank gets the same report."""
    ended = run(start, "nothing", tmp_path)
    assert ended.returncode == 0, ended.stderr
    facts = json.loads((tmp_path / "facts").read_text())
    assert [config for config, _, _ in facts] == plain_configs()
    assert all(info["sum"] == pytest.approx(2 * config, rel=1e-6) for config, _, info in facts)
    assert (tmp_path / "report-0").read_text() == (tmp_path / "report-1").read_text() != "None"


def test_a_killed_program_resumes_its_study(start: Start, tmp_path: Path) -> None:
    """Rank 0, which owns the study, is killed in a trial: only that trial is asked again."""
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
    """Return the configurations of a plain loop of ask and tell, in order; the trial `cut_off` is forgotten."""
    plain = bohb.Optimizer({"x": (0.0, 1.0)}, budgets=[1, 3, 9], seed=5)
    while len(plain.results) < 6:
        trial = plain.ask()
        if trial.id == cut_off:
            plain.forget(trial)
        else:
            plain.tell(trial, trial.config["x"])
    return [result.trial.config["x"] for result in plain.results]


def test_an_exception_on_every_rank_fails_one_trial(start: Start, tmp_path: Path) -> None:
    """All ranks continue with the next trial."""
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
def test_the_program_ends_on_every_rank(start: Start, tmp_path: Path, wrong: str, said: str) -> None:
    """If one rank fails alone, dies or hangs, or the search cannot be made: an error, never a hang."""
    ended = run(start, wrong, tmp_path)
    assert ended.returncode != 0
    # `mpirun` may end the other ranks before they print the reason; then it names the signal itself.
    assert said in ended.stderr + ended.stdout or (wrong == "kill" and "KILL" in (ended.stderr + ended.stdout).upper())


def test_the_script_of_the_documentation_runs(start: Start) -> None:
    """Every rank prints the same configuration."""
    command = start([sys.executable])
    # Two processes that write to one stream may end up on the same line.
    printed = re.findall(r"\{'x': [^}]*\}", run_example("spmd", *command))
    assert len(printed) == 2
    assert printed[0] == printed[1]
