"""Which store a target means: the scheme of a URL says it, and a path without a scheme is an SQLite file."""

import importlib
import os
import re
from collections.abc import Callable
from typing import Any, cast

from bohb._checks import has_method
from bohb._secrets import looks_like_address, refused, scheme_of, without_secrets
from bohb._text import brief
from bohb.errors import SettingError, StudyMismatch, StudyUnavailable
from bohb.study.stores.protocol import Log, Store
from bohb.study.stores.rows import Row

PATH = ""
"""The scheme of a target that has none."""

_stores: dict[str, Store | str] = {
    PATH: "bohb.study.stores.sqlite",
    "postgresql": "bohb.study.stores.postgres",
    "postgres": "bohb.study.stores.postgres",
}
"""The stores by scheme; those of bohb by the names of their modules, which are loaded on first use."""
_with_secrets: dict[str, str] = {}
"""The targets with secrets that this process used, by what is left of them without."""


def register(scheme: str, store: Store) -> None:
    """Make a store known under a scheme: `Study.open("scheme://...")` finds it from then on.

    A worker process that opens the study has to register the store too, so call this in a module that workers import.
    Registering a scheme again replaces its store.

    Args:
        scheme: What comes before `://`: lower-case letters, digits, `+`, `-` and `.`, with a letter first.
        store: An object, or a module, with the two functions of `Store`.

    Raises:
        SettingError: If the scheme is not valid, or the store lacks a function.
    """
    if not isinstance(scheme, str) or re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) is None:
        raise SettingError(f"expected a scheme such as 'redis', without ://; got {brief(scheme)}")
    missing = [name for name in ("open_log", "create") if not has_method(store, name)]
    if missing:
        raise SettingError(
            f"expected a store with open_log and create, got {brief(store)} without {' and '.join(missing)}"
        )
    _stores[scheme] = store


def canonical(target: str | os.PathLike[str]) -> str:
    """Return a target in the form that means the same in every process: a URL, or an absolute path.

    Raises:
        StudyMismatch: If it is not a path, or the scheme of the URL is not registered.
    """
    text = _without_sqlite(_path(target))
    if not isinstance(text, str) or not _is_target(text):
        got = repr(refused(text)) if isinstance(text, str) else brief(target)
        schemes = ", ".join(f"{scheme}://" for scheme in sorted(_stores) if scheme != PATH)
        raise StudyMismatch(
            f"expected a path, sqlite:///path, or a URL of {schemes} as target, "
            f"got {got:.200}; "
            "a store of your own needs bohb.study.stores.register first, and ./ before the name of a file makes it one"
        )
    if scheme_of(text) != PATH:
        return text
    try:
        return os.path.abspath(text)  # noqa: PTH100 - `resolve` would follow a link, which the store refuses
    except FileNotFoundError as error:
        raise StudyUnavailable(
            f"expected a study at {text}, but the folder in which this process works was deleted; pass an absolute "
            "path, or go to a folder that exists"
        ) from error


def _path(target: Any) -> Any:
    """Return a target as the text of a path or a URL; None for what is none."""
    try:
        return str.__str__(os.fspath(target))
    except Exception:  # whatever the object's own conversion raises
        return None


def _is_encodable(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:  # half of a character, which no file and no address has
        return False
    return True


def _is_target(text: str) -> bool:
    """Whether a text is a path, or a URL of a store that is registered."""
    if not text or "\0" in text or not _is_encodable(text) or scheme_of(text) not in _stores:
        return False
    return scheme_of(text) != PATH or not looks_like_address(text)


def _without_sqlite(target: Any) -> Any:
    """Return the path in `sqlite:///path`, as SQLAlchemy and Optuna write the URL of a file; else the target itself."""
    scheme, separator, path = target.partition(":///") if isinstance(target, str) else ("", "", "")
    return path if scheme == "sqlite" and separator and "sqlite" not in _stores else target


def open_part(target: str) -> str:
    """Return a canonical target without its secrets; this process remembers them."""
    clean = without_secrets(target)
    if clean != target:
        _with_secrets[clean] = target
    return clean


def recalled(clean: str) -> str:
    """Return the target for which `open_part` returned this, if that was in this process or in one that forked it."""
    return _with_secrets.get(clean, clean)


def open_log(target: str) -> Log | None:
    """Return the log at a canonical target, or None if there is nothing.

    Raises:
        StudyMismatch: If something else is there.
        StudyUnavailable: If the store is out of reach.
    """
    return _store(target).open_log(target)


def create(target: str, first: Callable[[float], Row]) -> None:
    """Make a log with one row at a canonical target, as a whole or not at all; leave it alone if there is one.

    Args:
        target: Where.
        first: Returns the first row, given the time of the store.

    Raises:
        StudyUnavailable: If it cannot be written.
    """
    _store(target).create(target, first)


def _store(target: str) -> Store:
    store = _stores[scheme_of(target)]
    return cast("Store", importlib.import_module(store)) if isinstance(store, str) else store
