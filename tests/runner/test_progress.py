"""The progress display: plain lines, or a view in a terminal or a notebook."""

import io
import os
import pty
import re
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
from bohb.optimizer.tally import tally_of
from bohb.runner import RunStarted, TrialEnded, TrialStarted
from bohb.runner.cell import view_html
from bohb.runner.progress import LiveStatus, Standing, is_notebook
from bohb.runner.terminal import draw
from bohb.runner.view import View

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


def shown_in_a_terminal(command: list[str], folder: Path, size: tuple[int, int] = (40, 120), **more: str) -> str:
    """What a command writes to a terminal of so many lines and columns."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, size)
    environment = {**os.environ, "TERM": "xterm", **more}
    for name in ("COLUMNS", "LINES"):  # an interactive shell may export them, and they count more than the terminal
        environment.pop(name, None)
    process = subprocess.Popen(command, stderr=theirs, stdout=theirs, cwd=folder, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    assert process.wait() == 0, shown
    return shown.decode()


def test_a_terminal_gets_a_live_view(tmp_path: Path) -> None:
    """One that is redrawn in place, with the rungs, the incumbent and the failures."""
    pytest.importorskip("rich")
    text = shown_in_a_terminal([sys.executable, "-c", PROGRAM], tmp_path)
    assert "\x1b[1A" in text  # it goes up to draw again
    last = text.rpartition("\x1b[1A")[2]
    assert "12 of 12 trials (1 failed)" in last
    assert "100%" in last
    for words in ("budget", "results", "running", "best loss", "incumbent", "1 x ValueError: diverged"):
        assert words in last
    assert last.rstrip().endswith("stopped by max_trials")


def test_a_terminal_that_cannot_draw_gets_plain_lines(tmp_path: Path) -> None:
    text = shown_in_a_terminal([sys.executable, "-c", PROGRAM], tmp_path, TERM="dumb")
    assert "\x1b" not in text
    assert "12 trials (1 failed)" in text


def test_a_new_kind_of_failure_is_news_and_the_same_again_is_none() -> None:
    file, optimizer = io.StringIO(), make_optimizer()

    def objective(trial: bohb.Trial) -> float:
        if trial.id in (2, 3, 5):
            raise ValueError("too large" if trial.id == 5 else f"step {trial.id}")
        return 1.0 + trial.id

    bohb.run(objective, optimizer, max_trials=8, callbacks=[Progress(file=file)], progress=False)
    failed = [line for line in file.getvalue().splitlines() if " failed at " in line]
    assert failed == [
        "trial 2 failed at budget 1: ValueError: step 2",
        "trial 5 failed at budget 1: ValueError: too large",
    ]


def view_of(*names: str) -> View:
    """The view of a run whose configurations, budgets and errors are these texts."""
    optimizer = bohb.Optimizer({"x": list(names)}, budgets=bohb.ladder([{"name": names[0]}], costs=[1]), seed=0)
    status = LiveStatus()
    status.take(RunStarted(1, {"max_trials": 5}, (), None, None, optimizer.ladder))
    for number, outcome in enumerate((0.5, bohb.Failure(names[-1]))):
        trial = optimizer.ask()
        status.take(TrialStarted(trial, 0.1))
        result = optimizer.tell(trial, outcome)
        if number:
            status.take(TrialEnded(result, optimizer.incumbent, 1.0, 1.0, 1, 0.1, 0.1))
    return status.look()


@given(st.lists(st.text(max_size=20), min_size=3, max_size=3, unique=True))
def test_no_text_steers_the_terminal_or_the_notebook(names: list[str]) -> None:
    console = pytest.importorskip("rich.console").Console(file=io.StringIO(), width=100, force_terminal=False)
    view = view_of(*names)
    console.print(draw(view, console))
    assert all(character.isprintable() or character == "\n" for character in console.file.getvalue())
    tags = set(re.findall(r"<(/?\w*)", view_html(view)))
    assert {tag.strip("/") for tag in tags} <= {
        *("div", "p", "progress", "table", "caption", "thead", "tbody", "tr", "th", "td")
    }


@pytest.mark.parametrize("height", [24, 40, 80])
@pytest.mark.parametrize("width", [50, 60, 100])
def test_a_view_fits_its_terminal(height: int, width: int) -> None:
    """Of forty budgets the largest ones with trials are shown, and in any case the incumbent."""
    rich = pytest.importorskip("rich.console")
    console = rich.Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, range(1, 41), seed=0, preset="fast")
    for _ in range(30):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["x"])
    view = View("title", 0.5, tally_of(optimizer), optimizer.incumbent, {})
    console.print(draw(view, console))
    lines = console.file.getvalue().splitlines()
    assert len(lines) < height
    assert any(line.startswith("incumbent") for line in lines)
    assert "running" in "".join(lines)
    best = optimizer.incumbent
    assert best is not None
    assert any(line.split()[:1] == [str(best.budget)] for line in lines)
    if height < 80:
        assert re.search(r"and \d+ more", console.file.getvalue())


def test_a_view_shows_what_runs_and_for_how_long() -> None:
    view = view_of("a", "b", "c")
    facts = dict(view.facts())
    assert facts["workers"][0].startswith("trial 0 at budget {'name': 'a'} for ")
    assert facts["failures"] == ["1 x c"]
    assert view.fraction == 0.2


def test_a_notebook_has_one_output_that_is_updated(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it stays in the exported notebook."""
    pages: list[str] = []
    handle = types.SimpleNamespace(update=pages.append)
    display = types.SimpleNamespace(
        HTML=lambda page: page, display=lambda page, display_id: (pages.append(page), handle)[1]
    )
    shell = types.SimpleNamespace(get_ipython=type("ZMQInteractiveShell", (), {}), display=display)
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    bohb.run(lambda trial: trial.config["x"], make_optimizer(), max_trials=5)
    assert len(pages) >= 2
    assert "stopped by max_trials" in pages[-1]
    assert "<progress value='1.000'" in pages[-1]


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
