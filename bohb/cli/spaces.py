"""The search space of `bohb create`: a Python object, ConfigSpace's own JSON or YAML, or the short form.

A file is data here: nothing in it is executed. Only a Python file is, because that is what its user asked for.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bohb.cli.loading import load
from bohb.cli.short_spaces import read_short
from bohb.errors import SettingError, SpaceError

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

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
    data = _read_json(text, place) if place.endswith(".json") else _read_yaml(text, place)
    if not isinstance(data, dict):
        raise SpaceError(f"expected a mapping of names to parameters in {place}, got {type(data).__name__}")
    return _of_configspace(data, place) if isinstance(data.get("hyperparameters"), list) else read_short(data)


def _read_json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpaceError(f"expected JSON in {place}, got {error}") from error


def _read_yaml(text: str, place: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise SettingError(
            f'expected PyYAML to read {place}, but it is not installed: pip install "bohb[yaml]"'
        ) from error
    from bohb.cli.plain_yaml import Loader

    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506  (a child of the safe loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise SpaceError(f"expected YAML in {place}, got {error}") from error


def _of_configspace(data: dict[str, Any], place: str) -> "ConfigurationSpace":
    from ConfigSpace import ConfigurationSpace

    try:
        return ConfigurationSpace.from_serialized_dict(data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SpaceError(f"expected a space as ConfigSpace writes it in {place}, got {error!r}") from error
