"""Draw the pictures of the page on pictures: `python docs/pictures.py` runs its code and writes them to `docs/_static`.

It also writes the picture of a report, of the same search. It needs kaleido, Playwright and a Chromium: `BROWSER_PATH`
says where that is.
"""

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

import bohb

HERE = Path(__file__).parent
FOLDER = HERE / "_static" / "pictures"
NAMES = ("progress", "several", "rungs", "curves", "parallel", "importance", "response", "pair", "timeline", "lineage")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def figures(report: Path | None = None) -> dict[str, Any]:
    """Run the code of the page in an empty folder; return the figures that it makes, by their names.

    Args:
        report: Where to write a report of the search of the page.
    """
    page = (HERE / "pictures.md").read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "pictures"}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for block in BLOCK.findall(page):
            exec(block, namespace)  # noqa: S102 - our own page
        if report is not None:
            bohb.report(namespace["study"], report, title="A network on digits")
    return {name: namespace[name] for name in NAMES}


def main() -> None:
    """Write all pictures."""
    os.environ.setdefault("BROWSER_PATH", shutil.which("chromium") or "chromium")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.html")
        for name, figure in figures(report).items():
            figure.write_image(FOLDER / f"{name}.png", width=900, height=figure.layout.height, scale=1.5)
        photograph(report, FOLDER.parent / "report.png")


def photograph(page: Path, picture: Path) -> None:
    """Write a picture of the top of a page."""
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=os.environ["BROWSER_PATH"], args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 900, "height": 1680})
        tab.goto(page.as_uri(), wait_until="networkidle")
        tab.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main()
