"""Write a file or a folder as a whole or not at all, and never over something that cannot be replaced.

What is written is complete, and on disk, in a folder beside its place before it gets its name. A failure on the way, a
full disk or a kill leaves what was there before. A study is never replaced, and a link is never followed.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bohb._text import brief, describe_error
from bohb.errors import SettingError
from bohb.study.stores.drafts import draft_folder
from bohb.study.stores.place import COMPANIONS, QUEUE

DATABASE = b"SQLite format 3\0"
"""The first bytes of an SQLite file."""


def as_path(path: Any) -> Path:
    """Return what a user gave as the name of a file or a folder.

    Raises:
        SettingError: If no file can have this name.
    """
    try:
        found = Path(os.fsdecode(path))
        os.lstat(os.fsencode(found))
    except OSError:  # it is a name, whatever is there
        return found
    except Exception as error:  # a surrogate, a null byte, or whatever the object's own conversion raises
        raise SettingError(
            f"expected the path of a file or a folder, got {brief(path)}: {describe_error(error)}"
        ) from error
    return found


def write_file(path: str | os.PathLike[str], data: bytes, *, force: bool = False) -> None:
    """Write a file as a whole.

    Args:
        path: Where.
        data: What.
        force: Whether to replace an existing file.

    Raises:
        SettingError: If something is there that may not be replaced.
    """
    with draft_of(path, force=force) as draft:
        draft.write_bytes(data)


def write_folder(folder: str | os.PathLike[str], files: Mapping[str, bytes], *, force: bool = False) -> None:
    """Write some files of a folder; a new or empty folder gets all of them at once.

    Args:
        folder: Where; it is made if need be, with the folders above it.
        files: What, by name.
        force: Whether to replace files of these names.

    Raises:
        SettingError: If something is there that may not be replaced.
    """
    place = as_path(folder)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        raise SettingError(f"expected a folder to write, got the symbolic link {place}; pass {os.path.realpath(place)}")
    if not place.exists():
        with draft_of(place) as draft:
            draft.mkdir()
            for name, data in files.items():
                (draft / name).write_bytes(data)
        return
    for name in files:
        check_writable(place / name, force=force)
    for name, data in files.items():
        write_file(place / name, data, force=force)


@contextmanager
def draft_of(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Yield a path of the same name in a new folder beside; what is written there gets its place at the end.

    Args:
        path: The place of a file or of a new folder.
        force: Whether to replace an existing file.

    Raises:
        SettingError: If something is there that may not be replaced.
    """
    place = as_path(path)
    check_writable(place, force=force)
    with draft_folder(place.parent, ".bohb") as folder:
        draft = folder / place.name
        yield draft
        for written in (*draft.rglob("*"), draft):
            _sync(written)
        _publish(draft, place, force=force)
        _sync(place.parent)


def check_writable(path: Path, *, force: bool) -> None:
    """Check that a file may be written.

    Raises:
        SettingError: If it is a study, or may be one; a link, or no plain file; or there and not to be replaced.
    """
    if not path.parent.is_dir():
        raise SettingError(f"expected a folder in which to write {path.name}, but there is no folder {path.parent}")
    try:
        found = path.lstat()
    except FileNotFoundError:
        found = None
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise SettingError(f"expected a file to write, but: {error}") from error
    if _belongs_to_database(path) or (found is not None and stat.S_ISREG(found.st_mode) and _is_database(path)):
        raise SettingError(
            f"expected a file to write, got {path}, which is a database or a part of one; choose another, "
            "or delete it first if it is neither a study nor needed"
        )
    if found is None:
        return
    if stat.S_ISLNK(found.st_mode):
        raise SettingError(f"expected a file to write, got the symbolic link {path}; pass {os.path.realpath(path)}")
    if not stat.S_ISREG(found.st_mode):
        raise SettingError(
            f"expected a file to write, got {path}, which is not a plain file; `bohb report` writes to stdout"
        )
    if not force:
        raise SettingError(f"expected a new file, but {path} exists; choose another, or replace it with --force")


def _belongs_to_database(path: Path) -> bool:
    """Whether the file is, or would be, a companion of a database, or has companions itself."""
    if any(os.path.lexists(f"{path}{end}") for end in COMPANIONS):
        return True
    bases = [path.with_name(path.name.removesuffix(end)) for end in COMPANIONS if path.name.endswith(end)]
    owner = Path(str(path).removesuffix(QUEUE))
    if owner != path and owner.is_file() and _is_database(owner):
        return True
    return any(os.path.lexists(path) or os.path.lexists(base) for base in bases)


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(DATABASE)) == DATABASE


def _publish(draft: Path, place: Path, *, force: bool) -> None:
    """Give what was written its name. Without `force` nothing is replaced, whatever came there in the meantime."""
    if draft.is_dir():
        draft.rename(place)  # the system refuses a folder that is not empty
        return
    if force:
        check_writable(place, force=True)
        if place.exists():
            draft.chmod(stat.S_IMODE(place.stat().st_mode))
        draft.replace(place)
        return
    try:
        os.link(draft, place)
    except FileExistsError:
        check_writable(place, force=False)
        raise
    except OSError:  # a file system without links
        check_writable(place, force=False)
        draft.rename(place)


def _sync(path: Path) -> None:
    """Bring a file or a folder to disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
