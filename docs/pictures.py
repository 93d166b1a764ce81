"""Draw the pictures of the page on pictures: `python docs/pictures.py` runs its code and writes them to `docs/_static`.

It needs kaleido and a Chromium: `BROWSER_PATH` says where that is.
"""

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLDER = HERE / "_static" / "pictures"
NAMES = ("progress", "several", "rungs", "curves", "parallel", "importance", "response", "pair", "timeline", "lineage")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def figures() -> dict[str, Any]:
    """Run the code of the page in an empty folder; return the figures that it makes, by their names."""
    page = (HERE / "pictures.md").read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "pictures"}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for block in BLOCK.findall(page):
            exec(block, namespace)  # noqa: S102 - our own page
    return {name: namespace[name] for name in NAMES}


def main() -> None:
    """Write all pictures."""
    os.environ.setdefault("BROWSER_PATH", shutil.which("chromium") or "chromium")
    FOLDER.mkdir(exist_ok=True)
    for name, figure in figures().items():
        figure.write_image(FOLDER / f"{name}.png", width=900, height=figure.layout.height, scale=1.5)


if __name__ == "__main__":
    main()
