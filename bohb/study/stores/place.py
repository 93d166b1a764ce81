"""Which file a name means, and whether it is the only name: SQLite finds the other parts of a database by its name.

The latest events are in a companion file, `NAME-wal`, and the locks in another, `NAME-shm`. Two processes that use one
file under two names have two sets of companions, see neither the events nor the locks of each other, and overwrite what
the other one wrote. So a file with a second name is refused, whether it is a link or a mount of that single file.
Names may change while a study is open; `identities` tells.
"""

import os
import stat
import struct
from pathlib import Path

from bohb.errors import StudyCorrupt, StudyMismatch, StudyUnavailable
from bohb.study.stores.drafts import draft_folders

COMPANIONS = ("-wal", "-shm", "-journal")
"""What the names of the files end in that SQLite keeps beside a database. They hold a part of it."""

QUEUE = "-queue"
"""What the name of the empty file ends in at which writers wait; see `queue.py`. Nothing is lost if it is deleted."""

Identity = tuple[int, int]
"""The device and the inode of a file."""

_SHARED_LOCK = 0x40000002
"""The byte of a database where the lock begins that a process holds while it has the database open."""
_WAL_INDEX = struct.Struct("=I12xI76xI")
"""The beginning of a `-shm` file: its version, how many pages the `-wal` has, how many of them the file has too."""
_WAL_INDEX_VERSION = 3007000


def companions(target: str) -> tuple[str, ...]:
    """Return the names of the files that SQLite keeps beside a file."""
    return tuple(f"{target}{end}" for end in COMPANIONS)


def draft_name(target: str) -> str:
    """Return the name of the folders in which a new file is made."""
    return f"{Path(target).name}.new"


def find(target: str) -> Identity | None:
    """Return the identity of the file, or None if there is nothing.

    Raises:
        StudyMismatch: If the path is not that of a plain file, or the file has a second name.
        StudyCorrupt: If the file is empty.
    """
    try:
        found = os.lstat(target)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unavailable(target, error) from error
    if stat.S_ISLNK(found.st_mode):
        raise StudyMismatch(
            f"expected the file of a study at {target}, got a symbolic link; pass {os.path.realpath(target)}"
        )
    if not stat.S_ISREG(found.st_mode):
        raise StudyMismatch(f"expected the file of a study at {target}, got {_kind(found.st_mode)}; pass another path")
    if not found.st_size:
        raise StudyCorrupt(f"expected a study at {target}, got an empty file; delete it to start a new study")
    if found.st_nlink > 1:
        _check_links(target, (found.st_dev, found.st_ino))
    return found.st_dev, found.st_ino


def check_mount(target: str) -> None:
    """Check that a file is in the same mount as its folder.

    Raises:
        StudyMismatch: If it is mounted by itself. This is seen where there is Linux's /proc.
    """
    mounts = [_mount_of(path) for path in (target, os.path.dirname(target) or ".")]  # noqa: PTH120
    if None not in mounts and mounts[0] != mounts[1]:
        raise StudyMismatch(
            f"expected the file of a study at {target}, got a mount of that single file, which separates it from its "
            "companions; mount the folder in which the file lies"
        )


def is_open_elsewhere(target: str) -> bool:
    """Whether a process has the file open, but not under this name: it moved, or its `-wal` was deleted.

    For an instant the same is true of a process that is opening the file. Linux's /proc shows the locks of processes in
    the same container; the descriptor that other ways of asking need would release the locks of this process.
    """
    if os.path.lexists(f"{target}-wal"):
        return False
    try:
        found, locks = os.lstat(target), Path("/proc/locks").read_text()
    except OSError:
        return False
    name = f" {os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino} {_SHARED_LOCK} "
    return name in locks


def check_companions(target: str) -> None:
    """Check that a file that nobody closed still has its latest events.

    Raises:
        StudyCorrupt: If they were in a `-wal` that was deleted, as far as the `-shm` still shows it.
    """
    if os.path.lexists(f"{target}-wal"):
        return
    try:
        with Path(f"{target}-shm").open("rb") as file:
            version, num_pages, num_copied = _WAL_INDEX.unpack(file.read(_WAL_INDEX.size))
    except (OSError, struct.error):  # the usual case: it was closed, and has no companions
        return
    if version == _WAL_INDEX_VERSION and num_pages > num_copied:
        raise StudyCorrupt(
            f"expected the latest events of the study in {target}-wal, but that file is gone; put it back, "
            f"or delete {target}-shm to go on without these events"
        )


def identities(target: str) -> tuple[Identity | None, ...]:
    """Return the identities of a file and of its companions that stay while it is open; None for what is missing."""
    return tuple(_identity(f"{target}{end}") for end in ("", "-wal", "-shm"))


def unavailable(target: str, cause: object) -> StudyUnavailable:
    """Return the error for a file that cannot be read or written now."""
    return StudyUnavailable(
        f"expected to read and write {target}, but: {cause}; nothing is lost, try again when the cause is gone"
    )


def _identity(path: str) -> Identity | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_links(target: str, identity: Identity) -> None:
    """Check that a file has one name. For a moment, or if its creator was killed then, it has that of a draft too."""
    num_drafts = 0
    for folder in draft_folders(Path(target).parent, draft_name(target)):
        draft = folder / Path(target).name
        if _identity(str(draft)) == identity:
            num_drafts += not _delete(draft)
    try:
        num_names = os.lstat(target).st_nlink - num_drafts
    except OSError as error:
        raise unavailable(target, error) from error
    if num_names > 1:
        raise StudyMismatch(
            f"expected the file of a study at {target}, got one with {num_names} names (hard links); "
            "use one name everywhere, and delete the others or make them copies"
        )


def _delete(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # another user's
        return False
    return True


def _mount_of(path: str) -> str | None:
    """Return the mount in which a path lies, or None if the system does not tell.

    A descriptor that only names a file does not release the locks of this process on it when it is closed.
    """
    if not hasattr(os, "O_PATH"):
        return None
    try:
        named = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        lines = Path(f"/proc/self/fdinfo/{named}").read_text().splitlines()
    except OSError:
        return None
    finally:
        os.close(named)
    return next((line for line in lines if line.startswith("mnt_id:")), None)


def _kind(mode: int) -> str:
    return "a directory" if stat.S_ISDIR(mode) else "a pipe, socket or device"
