"""The search space of `bohb create`: a Python object, ConfigSpace's own JSON or YAML, or the short form.

A JSON or YAML file is data, and nothing in it is executed. A Python file is imported, because the user asked for it.
"""

from pathlib import Path
from typing import Any

from bohb._json import parse
from bohb.cli import plain_yaml
from bohb.cli.loading import load
from bohb.errors import SettingError, SpaceError
from bohb.space.short_form import read_short

SPACE_SUFFIXES = (".json", ".yaml", ".yml")


def read_space(source: str) -> Any:
    """Return the space that a file or a reference names, in a form that `Study.open` accepts.

    Args:
        source: A file that ends in .json, .yaml or .yml, `file.py:attribute` or `package.module:attribute`.

    Raises:
        SettingError: If there is no such file or object, or the package that reads it is missing.
        SpaceError: If it does not describe a space.
    """
    if not source.endswith(SPACE_SUFFIXES):
        return load(source, "a space (or a file that ends in .json or .yaml)")
    path = Path(source)
    if not path.is_file():
        raise SettingError(f"expected a space in a file, but there is no file {source}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpaceError(f"expected text in {source}, got {error}; save the file as UTF-8") from error
    data = _read_json(text, source) if source.endswith(".json") else plain_yaml.read(text, source)
    if not isinstance(data, dict):
        raise SpaceError(f"expected a mapping of names to parameters in {source}, got {type(data).__name__}")
    from bohb.space import Space
    from bohb.space.serialised import is_serialised

    return Space.from_json(data) if is_serialised(data) else read_short(data)


def _read_json(text: str, source: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise SpaceError(f"expected JSON in {source}, got {error}") from error
