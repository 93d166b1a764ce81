"""The store of the page "Write your own store" keeps the contract, run as the page says."""

import re
import subprocess
import sys
from pathlib import Path

from tests.cli.shell import environment

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "own-store.md"


def test_the_store_of_the_page_keeps_the_contract(tmp_path):
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "test_lines_store.py").write_text("\n".join(blocks), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "test_lines_store.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert re.search(r"1[0-9] passed", done.stdout)
