"""Objects that a user names as `file.py:attribute` or `package.module:attribute`, imported as Python imports them."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from bohb._secrets import looks_like_address, refused, scheme_of
from bohb.errors import SettingError


def load(reference: str, what: str) -> Any:
    """Return the object that a reference names.

    The folder of a file (the current one for a module) goes to the front of `sys.path`, as it does for a script, so
    that worker processes find the module too.

    Args:
        reference: `file.py:attribute` or `package.module:attribute`.
        what: The name of the object in messages.

    Raises:
        SettingError: If there is no such object. Errors of the user's own code are passed on.
    """
    source, colon, attribute = reference.rpartition(":")
    if not colon or not source or not attribute or scheme_of(reference) or looks_like_address(reference):
        raise SettingError(
            f"expected {what} as file.py:attribute or package.module:attribute, got {refused(reference)!r}"
        )
    module = _load_file(Path(source), what) if source.endswith(".py") else _load_module(source, what)
    found: Any = module
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise SettingError(f"expected {what} at {reference}, but {source} has no {name!r}")
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
