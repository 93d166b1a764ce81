"""The library that lets a system call go wrong. `LD_PRELOAD` puts it before the C library, so it has to be built first.

It sees what a process asks of the C library, and so SQLite, libpq and Python itself.
"""

import ctypes
import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

VARIABLE = "BOHB_CAMPAIGN_SHIM"
"""The environment variable with the path of the library, in the process that has it."""


class Fault(NamedTuple):
    """What may happen to a call.

    Attributes:
        name: What it is called.
        fate: A number of `enum fate` in the library.
        error: The `errno` of a call that fails.
    """

    name: str
    fate: int
    error: int = 0


KILL = Fault("killed before the call", 1)
KILL_HALFWAY = Fault("killed halfway through or after it", 2)
SHORT = Fault("half of the data written", 3)
EIO, ENOSPC, EINTR, ECONNRESET = (
    Fault(name, 4, getattr(errno, name)) for name in ("EIO", "ENOSPC", "EINTR", "ECONNRESET")
)
KILLS = (KILL, KILL_HALFWAY)
OF_FILES = (*KILLS, SHORT, EIO, ENOSPC, EINTR)
OF_SOCKETS = (*KILLS, SHORT, ECONNRESET, EINTR)


def missing() -> str | None:
    """Return why the library cannot be built here, or None."""
    return None if shutil.which("cc") else "there is no C compiler (apt-get install gcc libc6-dev)"


def start_again() -> None:
    """Build the library, and start this command again with it, in this process."""
    library = str(Path(tempfile.mkdtemp(prefix="bohb-shim-")) / "shim.so")
    source = Path(__file__).with_name("shim.c")
    subprocess.run(["cc", "-O1", "-Wall", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": library, VARIABLE: library, "OPENBLAS_NUM_THREADS": "1"}
    os.execve(sys.executable, [sys.executable, "-m", "tests.campaign", *sys.argv[1:]], environment)  # noqa: S606


class Shim:
    """The library in this process. Its file and its variables are removed: no other program is to have it."""

    def __init__(self) -> None:
        path = os.environ.pop(VARIABLE)
        del os.environ["LD_PRELOAD"]
        self._library = ctypes.CDLL(path)
        shutil.rmtree(Path(path).parent)
        self._library.shim_count.restype = ctypes.c_long

    def arm(self, prefix: str, number: int = 0, fault: Fault = KILL) -> None:
        """Count the calls from now on; the one with a number, from 1, goes wrong.

        Args:
            prefix: What the path of a file has to begin with to count; "socket:" for connections.
            number: Which call; 0 for none.
            fault: What happens to it.
        """
        self._library.shim_arm(prefix.encode(), ctypes.c_long(number), fault.fate, fault.error)

    def count(self) -> int:
        """Return how many calls there were since then."""
        return int(self._library.shim_count())
