"""A set of ids that only grows and keeps their order."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet


class IdLog:
    """Ids in the order of their addition."""

    __slots__ = ("_ids", "_order")

    def __init__(self) -> None:
        self._ids: dict[int, None] = {}
        self._order: list[int] = []  # a dict has no fast access to its latest keys

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, config_id: int) -> bool:
        return config_id in self._ids

    @property
    def ids(self) -> AbstractSet[int]:
        """A read-only view of all ids."""
        return self._ids.keys()

    def add(self, config_id: int) -> None:
        """Add an id. A known id keeps its position."""
        if config_id not in self._ids:
            self._ids[config_id] = None
            self._order.append(config_id)

    def since(self, number: int) -> Sequence[int]:
        """Return the ids added after the first `number` ones."""
        return self._order[number:]
