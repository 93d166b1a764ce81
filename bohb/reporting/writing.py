"""Write the report of a search to a file, once or again and again."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bohb.exchange.files import write_file
from bohb.reporting.contents import contents_of
from bohb.reporting.page import BEGINNING, page_of

if TYPE_CHECKING:
    from bohb.optimizer import Optimizer
    from bohb.study.study import Study


def report(
    search: "Optimizer | Study",
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    refresh: float | None = None,
    force: bool = False,
) -> None:
    """Write the report of a search as one HTML file, which opens from disk and needs no network.

    The page says which configuration to use, how sure that is and how to run it again; what was spent; how the search
    went, in pictures; why trials failed; what is ahead; and it has a table of all trials to sort and to filter.

    Args:
        search: An optimizer or a study.
        path: Where. An earlier report there is replaced.
        title: The title of the page; by default the name of the study.
        refresh: After how many seconds an open page loads itself again; None for a page that stays.
        force: Whether to replace a file that is no report. A study and a link are never replaced.

    Raises:
        SettingError: If something is there that may not be replaced, or a package is not installed that the report
            needs: `pip install "bohb[report]"`.
    """
    data = page_of(contents_of(search, title=title), refresh=refresh).encode(errors="backslashreplace")
    write_file(path, data, force=force or is_report(Path(path)))


def is_report(path: Path) -> bool:
    """Whether a file is a report that we wrote."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(200).decode(errors="replace").startswith(BEGINNING)
