"""The space that a user hands over: what is accepted can be saved and restored."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bohb._text import brief
from bohb.errors import SpaceError
from bohb.space.space import Space
from bohb.space.stored import renewed

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


def checked_space(space: "ConfigurationSpace | Mapping[str, Any] | Space") -> Space:
    """Return the space, after saving and restoring it once.

    Raises:
        SpaceError: If it does not define a space, or one that cannot be saved.
    """
    if isinstance(space, Space):
        return space
    made = Space(space)
    saved = made.to_json()
    try:
        restored = renewed(Space.from_json(saved).to_json())
    except SpaceError as error:
        raise SpaceError(
            f"expected a space that can be restored once it is saved, but: {error.__cause__ or error}; if ConfigSpace "
            "refused a condition or a clause, it kept it all the same: build the space anew without it"
        ) from error
    if restored != saved:
        raise SpaceError(f"expected a space that is the same once it is saved and restored, got {brief(space)}.")
    return made
