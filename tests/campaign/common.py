"""What the tests of the campaigns share: a command, and the table that it prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOMETHING_MISSING = 3


def campaign(*words):
    """Run a command; return what it printed. Where something is missing, skip, or fail with BOHB_REQUIRE_CAMPAIGN=1."""
    command = [sys.executable, "-m", "tests.campaign", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode == SOMETHING_MISSING:
        if os.environ.get("BOHB_REQUIRE_CAMPAIGN") == "1":
            pytest.fail(f"BOHB_REQUIRE_CAMPAIGN=1, but {done.stdout}")
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def table(printed):
    """The numbers in a table, by the first column and by the names of the columns."""
    lines = [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    names, *rows = [cells for cells in lines if cells[0] != "---"]
    return {cells[0]: dict(zip(names[1:], map(_number, cells[1:]), strict=True)) for cells in rows}


def _number(cell):
    return int(cell.replace(",", ""))
