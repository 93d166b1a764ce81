"""Run the scripts that the documentation shows."""

import os
import subprocess
import sys
from pathlib import Path

import bohb

ROOT = Path(bohb.__file__).parents[1]
FOLDER = Path(__file__).parents[3] / "docs" / "examples" / "engines"


def run_example(name: str, *launcher: str) -> str:
    """Run a script for an engine from another folder; return what it prints. It must succeed."""
    return run_script(FOLDER / f"on_{name}.py", *launcher)


def run_script(script: Path, *launcher: str, folder: Path | None = None) -> str:
    """Run a script of the documentation, in a folder; return what it prints. It must succeed."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [*(launcher or (sys.executable,)), str(script)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment, cwd=folder)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.stdout
