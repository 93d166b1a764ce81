"""What a user names as `file.py:attribute` or `package.module:attribute`: found, and imported as Python imports it."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from bohb.errors import SettingError


def load(place: str, what: str) -> Any:
    """Returns the object at a place.

    The folder of a file (the current one for a module) goes to the front of `sys.path`, as it does for a script, so
    that worker processes find the module too.

    Args:
        place: `file.py:attribute` or `package.module:attribute`.
        what: What it is called in messages.

    Raises:
        SettingError: If there is no such thing. What the user's own code raises is passed on.
    """
    source, colon, attribute = place.rpartition(":")
    if not colon or not source or not attribute:
        raise SettingError(f"expected {what} as file.py:attribute or package.module:attribute, got {place!r}")
    module = _load_file(Path(source), what) if source.endswith(".py") else _load_module(source, what)
    found: Any = module
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise SettingError(f"expected {what} at {place}, but {source} has no {name!r}")
        found = getattr(found, name)
    return found


def _load_file(path: Path, what: str) -> ModuleType:
    if not path.is_file():
        raise SettingError(f"expected {what} in a Python file, but there is no file {path}")
    full = path.absolute()
    sys.path.insert(0, str(full.parent))
    importlib.invalidate_caches()
    module = importlib.import_module(full.stem)
    if module.__file__ is None or Path(module.__file__).resolve() != full.resolve():
        raise SettingError(
            f"expected to import {path} as {full.stem!r}, but that name means {module.__file__}; rename the file"
        )
    return module


def _load_module(name: str, what: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there; what it imports is not
        raise SettingError(f"expected {what} in the module {name}, but {error}") from error
