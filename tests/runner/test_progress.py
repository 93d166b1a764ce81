"""The progress display: plain lines, or a bar in a terminal."""

import io
import os
import pty
import subprocess
import sys
import termios
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bohb
from bohb.callbacks import Progress
from bohb.runner import RunStarted, TrialEnded
from bohb.runner.progress import Standing, is_notebook

PROGRAM = """
import bohb
optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, budgets=[1, 3, 9], seed=0, preset="hyperband")
def objective(trial):
    if trial.id == 2:
        raise ValueError("diverged")
    return trial.config["x"]
bohb.run(objective, optimizer, max_trials=12)
"""


def make_optimizer() -> bohb.Optimizer:
    return bohb.Optimizer({"x": (0.0, 1.0)}, budgets=[1, 3, 9], seed=0, preset="hyperband")


def test_a_file_gets_plain_lines() -> None:
    """One for each new incumbent and one at the end; no control characters."""
    file, optimizer = io.StringIO(), make_optimizer()
    bohb.run(lambda trial: trial.config["x"], optimizer, max_trials=12, callbacks=[Progress(file=file)], progress=False)
    lines = file.getvalue().splitlines()
    assert len(lines) == len(optimizer.trajectory()) + 1
    assert lines[0].startswith("1 of 12 trials | 0 running | spent 1 | best ")
    assert "at budget 1 |" in lines[0]
    assert "left" in lines[0]
    assert lines[-1].startswith("12 trials | spent ")
    assert lines[-1].endswith("stopped by max_trials")
    assert all(line.isprintable() for line in lines)


def test_a_terminal_gets_a_live_bar(tmp_path: Path) -> None:
    """One line that is redrawn, full at the end, with the status beside it."""
    pytest.importorskip("tqdm")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 160))
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stderr=theirs, stdout=theirs, cwd=tmp_path)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    assert process.wait() == 0
    text = shown.decode()
    assert "\r" in text
    assert "100%|" in text
    assert "12 trials (1 failed) | spent" in text
    assert "stopped by max_trials" in text


def test_only_the_shell_of_a_notebook_is_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, expected in (("ZMQInteractiveShell", True), ("TerminalInteractiveShell", False)):
        module = types.SimpleNamespace(get_ipython=type(name, (), {}))
        monkeypatch.setitem(sys.modules, "IPython", module)
        assert is_notebook() is expected
    monkeypatch.delitem(sys.modules, "IPython")
    assert not is_notebook()


@given(st.integers(0, 50), st.integers(1, 50), st.floats(0, 100), st.floats(0.1, 100), st.floats(0, 10))
def test_the_fraction_is_that_of_the_nearest_limit(
    trials: int, max_trials: int, spent: float, max_budget: float, seconds: float
) -> None:
    """It lies in [0, 1], and is 1 exactly when a limit is reached."""
    standing = Standing({"max_trials": max_trials, "max_budget": max_budget, "max_seconds": 5.0})
    standing.num_trials, standing.spent, standing.seconds = trials, spent, seconds
    assert 0 <= standing.fraction <= 1
    assert (standing.fraction == 1) == (trials >= max_trials or spent >= max_budget or seconds >= 5.0)
    assert ("left" in str(standing)) == (0 < standing.fraction < 1)


def test_a_resumed_run_does_not_announce_the_old_incumbent() -> None:
    optimizer, file = make_optimizer(), io.StringIO()
    trial = optimizer.ask()
    result = optimizer.tell(trial, 0.0)
    show = Progress(file=file)
    show(RunStarted(1, {"max_trials": 5}, (result,), result))
    other = optimizer.tell(optimizer.ask(), 1.0)
    show(TrialEnded(other, result, 1.0, 1.0, 1, 0.1, 0.1))
    assert file.getvalue() == ""
