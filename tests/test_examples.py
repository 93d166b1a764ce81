"""Property tests draw the same examples every time, whatever other tests loaded before."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shell import environment

ROOT = Path(__file__).parents[1]
PROGRAM = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
import tests.conftest
for name in sys.argv[2:]:
    importlib.import_module(name)
from hypothesis import given, strategies as st

@given(st.lists(st.floats()), st.lists(st.integers()), st.text())
def draw(floats, integers, text):
    print(repr((floats, integers, text)))

draw()
"""


def drawn(folder: Path, *loaded: str) -> str:
    """Return what a property test draws after modules were loaded."""
    program = folder / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, str(program), str(ROOT), *loaded]
    done = subprocess.run(command, env=environment(), cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("module", ["bohb", "bohb.cli.main"])
def test_what_is_loaded_does_not_matter(module: str, tmp_path: Path) -> None:
    examples = drawn(tmp_path)
    assert examples.count("\n") >= 100
    assert drawn(tmp_path, module) == examples
