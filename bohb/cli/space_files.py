"""The search space of `bohb create`: a Python object, ConfigSpace's own JSON or YAML, or the short form.

A file is data here: nothing in it is executed. Only a Python file is, because that is what its user asked for.
"""

import json
from pathlib import Path
from typing import Any

from bohb.cli import plain_yaml
from bohb.cli.loading import load
from bohb.errors import SettingError, SpaceError
from bohb.space.short_form import read_short

ENDINGS = (".json", ".yaml", ".yml")


def read_space(place: str) -> Any:
    """Returns the space at a place, in a form that `Study.open` accepts.

    Raises:
        SettingError: If there is nothing of the kind, or the package that reads it is missing.
        SpaceError: If it is no space.
    """
    if not place.endswith(ENDINGS):
        return load(place, "a space (or a file that ends in .json or .yaml)")
    path = Path(place)
    if not path.is_file():
        raise SettingError(f"expected a space in a file, but there is no file {place}")
    text = path.read_text(encoding="utf-8")
    data = _read_json(text, place) if place.endswith(".json") else plain_yaml.read(text, place)
    if not isinstance(data, dict):
        raise SpaceError(f"expected a mapping of names to parameters in {place}, got {type(data).__name__}")
    from bohb.space.configspace import deserialise, is_serialised

    return deserialise(data) if is_serialised(data) else read_short(data)


def _read_json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpaceError(f"expected JSON in {place}, got {error}") from error
