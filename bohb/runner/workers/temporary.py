"""Folders that users name, and temporary ones, which are deleted when this program ends.

Users read what trials printed after the run, above all when a worker died without an exception. So a folder outlives
the executor that made it. A program that is killed leaves it behind.
"""

import atexit
import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from bohb._text import brief
from bohb.errors import SettingError


def folder_path(name: str, value: Any) -> Path:
    """Return the absolute path of a folder, which need not be there yet.

    Raises:
        SettingError: If it is no path.
    """
    try:
        path = Path(os.fsdecode(value)).absolute()
        os.fsencode(path)
    except Exception as error:  # whatever the object's own conversion raises
        raise SettingError(f"expected the path of a folder as {name}, got {brief(value)}") from error
    if "\0" in str(path):
        raise SettingError(f"expected the path of a folder as {name}, got {brief(value)}")
    return path


class TemporaryFolder:
    """A new folder that is deleted with its contents, at the latest when this process ends.

    Attributes:
        path: The path of the folder.
    """

    def __init__(self, prefix: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        self._owner = os.getpid()
        atexit.register(self.delete)

    def delete(self) -> None:
        """Delete the folder."""
        if os.getpid() == self._owner:  # not in a fork, which ends earlier
            shutil.rmtree(self.path, ignore_errors=True)
            atexit.unregister(self.delete)

    def delete_if_empty(self) -> None:
        """Delete the folder now if it is empty."""
        with contextlib.suppress(OSError):  # not empty, or gone
            self.path.rmdir()
            atexit.unregister(self.delete)
