"""Folders for what is not finished yet, beside the place where it will be; those of killed processes are deleted.

A folder is locked (`flock`) for as long as its process works in it, and the kernel unlocks it when the process ends,
however it ends. So a folder that nobody has locked was left behind. Where there are no such locks, as on Windows, it
stays.
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    _HAS_LOCKS = False
else:
    _HAS_LOCKS = True

LETTERS = "bcdfghjklmnpqrstvwxz"
"""Of these are the ends of the names, which no date, number or word is taken for."""


@contextmanager
def draft_folder(parent: Path, name: str) -> Iterator[Path]:
    """Yield a new folder `NAME-xxxxxxxx`, deleted at the end; first delete those of this name that were left behind.

    Raises:
        OSError: If the folder cannot be made.
    """
    delete_left(parent, name)
    folder, lock = _make(parent, name)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def delete_left(parent: Path, name: str) -> None:
    """Delete the folders of this name that killed processes left behind."""
    for folder in draft_folders(parent, name) if _HAS_LOCKS else []:
        _delete_if_left(folder)


def draft_folders(parent: Path, name: str) -> list[Path]:
    """Return the folders of this name that are there, in use or not."""
    pattern = re.compile(re.escape(name) + f"-[{LETTERS}]{{8}}")
    with suppress(OSError), os.scandir(parent) as entries:
        return [
            Path(entry.path)
            for entry in entries
            if entry.name.startswith(name) and pattern.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
        ]
    return []


def _make(parent: Path, name: str) -> tuple[Path, int | None]:
    """Make a folder and lock it; another one if somebody took it for left behind before it was locked."""
    while True:
        folder = parent / f"{name}-{''.join(map(secrets.choice, [LETTERS] * 8))}"
        folder.mkdir()
        if not _HAS_LOCKS:
            return folder, None
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            if _lock(lock) is not False and folder.exists():
                return folder, lock
            os.close(lock)


def _delete_if_left(folder: Path) -> None:
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:  # it is gone, or another user's
        return
    try:
        if _lock(lock):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _lock(folder: int) -> bool | None:
    """Return whether the lock is ours; None if the file system has no such locks."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
