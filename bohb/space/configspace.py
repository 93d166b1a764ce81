"""ConfigSpace's objects: the only file, with `short_form.py`, that loads ConfigSpace, which takes a while.

A `ConfigurationSpace` is turned into ConfigSpace's own serialised form at once. Everything else in the package reads
that form (see `serialised.py`), so a space from a study needs no ConfigSpace.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bohb._text import brief
from bohb.errors import SpaceError
from bohb.space.short_form import read_short

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


def describe(space: "ConfigurationSpace | Mapping[str, Any]") -> dict[str, Any]:
    """Return the serialised form of a space, or of the space that a mapping defines.

    The values in it are the user's own objects, whether or not JSON can represent them.

    Raises:
        SpaceError: If the argument does not define a space, the space is empty, or it has a kind of parameter or
            constraint that is not known.
    """
    source = _read_space(space)
    try:
        data: dict[str, Any] = source.to_serialized_dict(_encoders(source))
    except ValueError as error:
        raise SpaceError(
            f"expected the parameters and constraints of ConfigSpace, got another kind: {error}"
        ) from error
    return data


def rewrite(data: dict[str, Any]) -> dict[str, Any]:
    """Return a serialised space in the form that the installed version of ConfigSpace writes.

    Args:
        data: What any version wrote; they may have been through JSON. ConfigSpace modifies them.

    Raises:
        SpaceError: If the data are not a serialised space.
    """
    from ConfigSpace import ConfigurationSpace

    try:
        space = ConfigurationSpace.from_serialized_dict(data)
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise SpaceError(f"expected what to_json() returned, got {brief(data)}: {error}.") from error
    return describe(space)


def _read_space(space: "ConfigurationSpace | Mapping[str, Any]") -> "ConfigurationSpace":
    from ConfigSpace import ConfigurationSpace

    if not isinstance(space, Mapping):
        raise SpaceError(
            f"expected a ConfigurationSpace, or a mapping of names to ranges and choices, got {brief(space)}."
        )
    if not isinstance(space, ConfigurationSpace):
        space = read_short(space)
    if not len(space):
        raise SpaceError("expected a space with at least one parameter, got an empty one; add what to search.")
    return space


def _encoders(space: "ConfigurationSpace") -> dict[type, Any]:
    """Return how to serialise the user's own subclasses of hyperparameters: as what they derive from."""
    from ConfigSpace.read_and_write.dictionary import HYPERPARAMETER_ENCODERS

    return {
        type(one): encoder
        for one in space.values()
        for kind, encoder in HYPERPARAMETER_ENCODERS.items()
        if isinstance(one, kind)
    }
