"""Temporary folders: kept while this program runs, gone when it ends.

What trials print is wanted after the run, most of all when a worker died without an exception, so the folder outlives
the executor. A program that is killed leaves it behind.
"""

import atexit
import contextlib
import os
import shutil
import tempfile
from pathlib import Path


class Scratch:
    """A new folder that is deleted with all that is in it, at the latest when this process ends.

    Attributes:
        path: Where it is.
    """

    def __init__(self, prefix: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        self._owner = os.getpid()
        atexit.register(self.drop)

    def drop(self) -> None:
        """Deletes the folder."""
        if os.getpid() == self._owner:  # and not a fork of it, which ends earlier
            shutil.rmtree(self.path, ignore_errors=True)
            atexit.unregister(self.drop)

    def drop_if_empty(self) -> None:
        """Deletes the folder at once if nothing was ever put in it."""
        with contextlib.suppress(OSError):  # not empty, or gone
            self.path.rmdir()
            atexit.unregister(self.drop)
