"""Run the examples of trainings, as the documentation shows them, in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import bohb

ROOT = Path(bohb.__file__).parents[1]
FOLDER = ROOT / "docs" / "examples" / "training"
SAVED = re.compile(r"saved: (\d+) by going on in place, (\d+) by checkpoints")
TRAINED = re.compile(r"trained: (\d+) instead of (\d+)")


def saved_by(name: str, folder: Path, **variables: str) -> tuple[int, int]:
    """Run an example; return the budget that it saved in place and by checkpoints."""
    in_place, resumed = _numbers(SAVED, name, folder, variables)
    return in_place, resumed


def trained_by(name: str, folder: Path, **variables: str) -> tuple[int, int]:
    """Run an example with workers; return the budget that it spent, and that it would have spent from scratch."""
    trained, from_scratch = _numbers(TRAINED, name, folder, variables)
    return trained, from_scratch


def _numbers(wanted: re.Pattern[str], name: str, folder: Path, variables: dict[str, str]) -> tuple[int, ...]:
    """Run an example, which must succeed; return the numbers in what it prints."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **variables}
    command = [sys.executable, str(FOLDER / f"{name}.py")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=900, env=environment, cwd=folder)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    found = wanted.search(ended.stdout)
    assert found is not None, ended.stdout
    return tuple(int(each) for each in found.groups())
