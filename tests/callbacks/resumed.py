"""A search that is killed twice and resumed, for the tests of the trackers."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

import bohb
from bohb.runner import TrialEnded
from bohb.trials import ReadOnlyDict

REQUIRED = os.environ.get("BOHB_REQUIRE_ENGINES", "").split(",")


def needs(engine: str, *modules: str) -> pytest.MarkDecorator:
    missing = [module for module in modules if find_spec(module) is None]
    if missing and engine in REQUIRED:
        raise ImportError(f"BOHB_REQUIRE_ENGINES names {engine}, which needs {', '.join(missing)}: not installed")
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


SPACE = {"x": (0.0, 1.0), "kind": ["a", "b"]}

PROGRAM = """
import os, signal, sys
import bohb
from bohb.callbacks import {callback}
name, target, state, kill_at = sys.argv[1:]
import json
if os.path.exists(state):
    with open(state) as file:
        optimizer = bohb.Optimizer.from_state(json.load(file))
else:
    optimizer = bohb.Optimizer({space}, budgets=[1, 3, 9], seed=0, preset="hyperband")
def objective(trial):
    if trial.id == 4:
        raise ValueError("diverged")
    return {{"loss": trial.config["x"] / trial.budget, "checkpoint": f"ckpt/{{trial.id}}"}}
def save(record):  # what a study does by itself: the tell is durable before any callback sees it
    with open(state + ".new", "w") as file:
        json.dump(optimizer.to_state(), file)
    os.replace(state + ".new", state)
    if isinstance(record, bohb.runner.TrialEnded) and record.result.trial.id == int(kill_at):
        os.kill(os.getpid(), signal.SIGKILL)
callback = {callback}({arguments})
bohb.run(objective, optimizer, max_trials=20 - len(optimizer.results), callbacks=[save, callback], progress=False)
"""


def run_killed_and_resumed(folder: Path, target: str, callback: str, arguments: str) -> None:
    """Run a search that is killed twice between a tell and its callback, and resumed."""
    program = PROGRAM.format(callback=callback, space=SPACE, arguments=arguments)
    command = [sys.executable, "-c", program, "digits' search", target, str(folder / "state")]
    for kill_at, expected in ((7, -signal.SIGKILL), (13, -signal.SIGKILL), (-1, 0)):
        ended = subprocess.run([*command, str(kill_at)], capture_output=True, text=True, timeout=600)
        assert ended.returncode == expected, ended.stderr
        assert "failed on" not in ended.stderr, ended.stderr  # what the runner logs if a callback raises


def plain() -> bohb.Optimizer:
    """Return the same search, never interrupted."""
    optimizer = bohb.Optimizer(SPACE, budgets=[1, 3, 9], seed=0, preset="hyperband")
    for _ in range(20):
        trial = optimizer.ask()
        outcome = ValueError("diverged") if trial.id == 4 else trial.config["x"] / trial.budget
        optimizer.tell(trial, outcome, checkpoint=None if trial.id == 4 else f"ckpt/{trial.id}")
    return optimizer


def with_curve() -> TrialEnded:
    """Return the record of a trial that reported on its way, at a budget without a step, too, and told a metric."""
    optimizer = bohb.Optimizer(SPACE, budgets=[9], seed=0)
    trial = optimizer.ask()
    curve = ((1, 0.9), (1.5, 0.8), (2, 0.7))
    result = replace(optimizer.tell(trial, 0.5), curve=curve, metrics=ReadOnlyDict({"top5": 0.75}))
    return TrialEnded(result, result, 9.0, 9.0, 1, 1.0, 1.0)


def run_script_of_the_documentation(name: str, folder: Path) -> None:
    """Run a script of the documentation in a folder, where it must leave something."""
    script = Path(__file__).parents[2] / "docs" / "examples" / "trackers" / f"{name}_search.py"
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=folder, timeout=600)
    assert ended.returncode == 0, ended.stderr
    assert "failed on" not in ended.stderr, ended.stderr
    assert list(folder.iterdir())
