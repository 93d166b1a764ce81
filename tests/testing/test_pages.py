"""The contract on the executor of the page "Write your own executor"."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "own-executor.md"


def definitions() -> dict[str, Any]:
    """Run the blocks of the page that define a class; return what they define."""
    found: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        if re.search(r"^class ", block, re.MULTILINE):
            exec(block, found)  # noqa: S102  (our own page)
    return found


TestCommandExecutor = definitions()["TestCommandExecutor"]
