"""What a model sees, and what it says.

The observations are kept sorted, so that a model never sorts. Every order is by (loss, configuration
id): it depends on what was told, never on the sequence of the tells, and on the losses only through their ranks.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bohb._sorted_set import SortedSet


@dataclass(slots=True)
class Level:
    """What is known at one budget.

    Attributes:
        losses: The loss by configuration id, infinite for failures.
        num_failures: How many of them are failures.
        standing: The successes whose configuration was told at no larger budget; `highest` lists them.
        agreement: What `rank_agreement` found about `shared` since it last changed, or None.
    """

    losses: dict[int, float] = field(default_factory=dict)
    num_failures: int = 0
    standing: SortedSet[tuple[float, int]] = field(default_factory=SortedSet)
    agreement: tuple[float, int] | None = None
    _told: SortedSet[tuple[float, int]] = field(default_factory=SortedSet)
    _shared: SortedSet[int] = field(default_factory=SortedSet)

    @property
    def told(self) -> list[tuple[float, int]]:
        """(loss, configuration id) of everything told, best first; failures come last with an infinite loss."""
        return self._told.elements

    @property
    def highest(self) -> list[tuple[float, int]]:
        """(loss, configuration id) of the successes whose configuration was told at no larger budget, best first."""
        return self.standing.elements

    @property
    def shared(self) -> list[int]:
        """The ids of the configurations that succeeded here and at the level below, ascending."""
        return self._shared.elements

    @property
    def num_successes(self) -> int:
        """How many were told a finite loss."""
        return len(self.losses) - self.num_failures

    def is_success(self, config_id: int) -> bool:
        """Whether the configuration was told a finite loss."""
        return math.isfinite(self.losses.get(config_id, math.inf))

    def tell(self, entry: tuple[float, int]) -> None:
        """Records a (loss, configuration id)."""
        loss, config_id = entry
        self.losses[config_id] = loss
        self._told.add(entry)
        self.num_failures += not math.isfinite(loss)

    def share(self, config_id: int) -> None:
        """Records that a configuration succeeded here and at the level below."""
        self._shared.add(config_id)
        self.agreement = None

    def sort(self) -> None:
        """Sorts what is not sorted yet, so that the next look need not."""
        for ordered in (self.standing, self._told, self._shared):
            ordered.sort()


class Observations:
    """The told losses by level, the pending configurations, and the vectors of all of them.

    Args:
        num_levels: The number of budgets.
        num_dims: The number of parameters, d.

    Attributes:
        levels: What is known at each budget, cheapest first.
        memo: What models worked out from the losses told so far, by model; emptied whenever a loss is told.
    """

    def __init__(self, num_levels: int, num_dims: int) -> None:
        self.levels = tuple(Level() for _ in range(num_levels))
        self.memo: dict[Any, Any] = {}
        self._failed: SortedSet[tuple[float, int]] = SortedSet()
        self._pending: dict[int, int] = {}
        self._largest: dict[int, int] = {}
        self._ids: dict[bytes, int] = {}
        self._vectors = np.empty((64, num_dims))
        self._num_configs = 0

    def add(self, vector: NDArray[np.float64]) -> None:
        """Appends the `(d,)` vector of the next configuration id."""
        if self._num_configs == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
        self._vectors[self._num_configs] = vector
        self._ids[vector.tobytes()] = self._num_configs
        self._num_configs += 1

    def find(self, vector: NDArray[np.float64]) -> int | None:
        """Returns the id of the configuration with this `(d,)` vector, or None if it is new."""
        return self._ids.get(vector.tobytes())

    def vectors(self, config_ids: Sequence[int]) -> NDArray[np.float64]:
        """Returns the `(len(config_ids), d)` vectors of these configurations, a copy."""
        return self._vectors[np.asarray(config_ids, dtype=np.intp)]

    @property
    def failed(self) -> list[tuple[float, int]]:
        """(inf, id) of the configurations that failed at the largest budget where they were told, by id."""
        return self._failed.elements

    @property
    def pending(self) -> list[int]:
        """The ids of the configurations that are being evaluated, ascending."""
        return sorted(self._pending)

    def sort(self) -> None:
        """Sorts what is not sorted yet, so that the next look need not."""
        self._failed.sort()
        for level in self.levels:
            level.sort()

    def ask(self, config_id: int) -> None:
        """Records that an evaluation of the configuration began."""
        self._pending[config_id] = self._pending.get(config_id, 0) + 1

    def settle(self, config_id: int) -> None:
        """Records that an evaluation of the configuration ended."""
        self._pending[config_id] -= 1
        if not self._pending[config_id]:
            del self._pending[config_id]

    def tell(self, level: int, config_id: int, loss: float) -> None:
        """Records a loss; an infinite one is a failure."""
        self.memo.clear()
        entry = (loss, config_id)
        self.levels[level].tell(entry)
        self._share(level, config_id)
        self._share(level + 1, config_id)
        largest = self._largest.get(config_id, -1)
        if level > largest:
            self._largest[config_id] = level
            if largest >= 0:
                before = (self.levels[largest].losses[config_id], config_id)
                self._standing(largest, before).remove(before)
            self._standing(level, entry).add(entry)

    def _standing(self, level: int, entry: tuple[float, int]) -> SortedSet[tuple[float, int]]:
        """Returns the set that an entry belongs to while this is the largest level of its configuration."""
        return self.levels[level].standing if math.isfinite(entry[0]) else self._failed

    def _share(self, level: int, config_id: int) -> None:
        """Records that a configuration succeeded at this level and at the one below, if it did."""
        if not 0 < level < len(self.levels):
            return
        here = self.levels[level]
        if here.is_success(config_id) and self.levels[level - 1].is_success(config_id):
            here.share(config_id)


def ids(entries: Iterable[tuple[float, int]], count: int | None = None) -> list[int]:
    """Returns the configuration ids of the first `count` (loss, id) entries."""
    return [config_id for _, config_id in islice(entries, count)]
