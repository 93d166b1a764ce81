"""The view of a model: the results at each budget, sorted.

Every order is by (loss, configuration id). It depends on the results and not on the order of the tells, and on the
losses only through their ranks. The views derive from the record of the search and update themselves when read.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress, islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bohb.facts import Lesson
from bohb.record import Configurations, LevelRecord, Record
from bohb.record.sorted_set import SortedSet
from bohb.trials import Result

Entry = tuple[float, int]
"""A loss and the id of its configuration."""

T = TypeVar("T")


class LevelResults:
    """The results at one budget.

    Args:
        told: The record of this level.
        orders: The sorted views of it.
        catch_up: Updates the views.
    """

    def __init__(self, told: LevelRecord, orders: "_Orders", catch_up: Callable[[], None]) -> None:
        self._told, self._orders, self._catch_up = told, orders, catch_up

    def __len__(self) -> int:
        """Return the number of results, failures included."""
        return len(self._told.results)

    def loss(self, config_id: int) -> float:
        """Return the loss of a configuration at this budget, infinite for a failure.

        Raises:
            KeyError: If the configuration has no result here.
        """
        return self._told.results[config_id].loss

    def is_success(self, config_id: int) -> bool:
        """Whether the configuration has a finite loss at this budget."""
        result = self._told.results.get(config_id)
        return result is not None and math.isfinite(result.loss)

    @property
    def told(self) -> Sequence[Entry]:
        """The (loss, configuration id) of every result, best first; failures come last with an infinite loss."""
        self._catch_up()
        return self._orders.told.elements

    @property
    def trained(self) -> Sequence[Entry]:
        """The (loss, configuration id) of every training, best first. That is `told`, and the repetitions."""
        self._catch_up()
        again = self._orders.again
        return sorted([*self._orders.told.elements, *again]) if again else self._orders.told.elements

    @property
    def highest(self) -> Sequence[Entry]:
        """The (loss, configuration id) of the successes without a result at a larger budget, best first."""
        self._catch_up()
        return self._orders.highest.elements

    @property
    def shared(self) -> Sequence[int]:
        """The ids of the configurations that succeeded here and at the level below, ascending."""
        self._catch_up()
        return self._orders.shared.elements

    @property
    def num_failures(self) -> int:
        """The number of configurations that failed."""
        self._catch_up()
        return self._orders.num_failures

    @property
    def num_successes(self) -> int:
        """The number of configurations with a finite loss."""
        return len(self) - self.num_failures


class _Orders:
    """The sorted views of one level."""

    __slots__ = ("again", "highest", "num_failures", "shared", "told")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Make the views anew, without any result."""
        self.told: SortedSet[Entry] = SortedSet()
        self.highest: SortedSet[Entry] = SortedSet()
        self.shared: SortedSet[int] = SortedSet()
        self.again: list[Entry] = []
        self.num_failures = 0


class Observations:
    """The results at each budget, the pending configurations, and the vectors of all of them.

    Args:
        record: The pending trials and the results.
        configs: The configurations.

    Attributes:
        levels: The results at each budget, cheapest first.
    """

    def __init__(self, record: Record, configs: Configurations) -> None:
        self._orders = tuple(_Orders() for _ in record.levels)
        pairs = zip(record.levels, self._orders, strict=True)
        self.levels = tuple(LevelResults(told, orders, self._catch_up) for told, orders in pairs)
        self._record, self._configs = record, configs
        self._memory: dict[Any, tuple[Any, Any]] = {}
        self._reset()

    def _reset(self) -> None:
        """Make the views anew, without any result."""
        for orders in self._orders:
            orders.reset()
        self._failed: SortedSet[Entry] = SortedSet()
        self._largest: dict[int, int] = {}
        self._num_told, self._num_taken_back = 0, self._record.num_taken_back

    @property
    def num_results(self) -> int:
        """The number of results at all budgets."""
        return len(self._record.results)

    def results_since(self, number: int) -> Iterator[tuple[int, Result]]:
        """Yield the results after the first `number` ones with their levels, in the order of telling."""
        pairs = zip(self._record.order[number:], self._record.results[number:], strict=True)
        return ((level, result) for (level, *_), result in pairs)

    def batches_since(self, number: int) -> Sequence[int]:
        """Return the batches of the results after the first `number` ones; see `told_from`."""
        return self._record.batches[number:]

    def told_from(self, lowest: int) -> tuple[list[int], list[int]]:
        """Return the levels and the batches of the results at level `lowest` and above, in the order of telling.

        Results that were told between two asks are a batch. Batches have ascending numbers.
        """
        levels, batches = [told[0] for told in self._record.order], list(self._record.batches)
        if not lowest:
            return levels, batches
        counts = [level >= lowest for level in levels]
        return list(compress(levels, counts)), list(compress(batches, counts))

    def first(self, num: int, lowest: int) -> list[list[Entry]]:
        """Return the first `num` results at level `lowest` and above: for each level the sorted (loss, id)."""
        order = self._record.order
        earliest = [told for told in order if told[0] >= lowest][:num] if lowest else order[:num]
        entries: list[list[Entry]] = [[] for _ in self._record.levels]
        for level, config_id, repeat in earliest:
            entries[level].append(self._record.levels[level].entry(config_id, repeat))
        return [sorted(of_level) for of_level in entries]

    def find(self, vector: NDArray[np.float64]) -> int | None:
        """Return the id of the configuration with this `(d,)` vector, or None if it is new."""
        return self._configs.find(vector)

    def vectors(self, config_ids: Sequence[int]) -> NDArray[np.float64]:
        """Return a copy of the `(len(config_ids), d)` vectors of these configurations."""
        return self._configs.vectors(config_ids)

    @property
    def failed(self) -> Sequence[Entry]:
        """The (inf, id) of the configurations that failed at their largest budget, by id."""
        self._catch_up()
        return self._failed.elements

    def catch_up(self) -> None:
        """Sort what was told since the last read. Every read does so; after thousands of results it takes a while."""
        self._catch_up()
        for orders in self._orders:
            for view in (orders.told, orders.highest, orders.shared):
                view.elements  # noqa: B018 - a read sorts

    @property
    def pending(self) -> Sequence[int]:
        """The ids of the pending configurations, ascending."""
        return self._record.pending.config_ids

    def remember(self, key: Any, compute: Callable[[], T], *, as_of: Any = None) -> T:
        """Return what `compute` returns, and cache it.

        Args:
            key: A hashable name of the value.
            compute: A function of the results alone.
            as_of: The cached value is valid while this stays equal, and no result is taken back; None stands for the
                number of results.
        """
        as_of = self._record.num_taken_back, self.num_results if as_of is None else as_of
        known = self._memory.get(key)
        if known is None or known[0] != as_of:
            known = self._memory[key] = (as_of, compute())
        answer: T = known[1]
        return answer

    def learn(self, name: str, size: int, compute: Callable[[], Any]) -> Lesson:
        """Return what `compute` learns from the first `size` results, or what was recorded last.

        What is learned is recorded with the trial that is asked, so that other processes need not learn it again. An
        ask learns at most one thing anew, and only what was never learned besides.

        Args:
            name: The name of what is learned. What was learned last under this name is kept.
            size: How many of the first results it depends on.
            compute: Returns JSON-able data that depend on those results alone.
        """
        return self._record.lessons.learn(name, size, compute)

    def _catch_up(self) -> None:
        """Update the views with the results since the last read."""
        if self._num_taken_back != self._record.num_taken_back:
            self._reset()
        if self._num_told == len(self._record.order):
            return
        new, self._num_told = self._record.order[self._num_told :], len(self._record.order)
        for level, config_id, repeat in new:
            entry = self._record.levels[level].entry(config_id, repeat)
            orders = self._orders[level]
            if repeat:
                orders.again.append(entry)
                continue
            orders.told.add(entry)
            orders.num_failures += not math.isfinite(entry[0])
            self._rise(level, entry)
            self._share(level, config_id)
            self._share(level + 1, config_id)

    def _rise(self, level: int, entry: Entry) -> None:
        """Move the configuration to the views of its largest level."""
        _, config_id = entry
        largest = self._largest.get(config_id, -1)
        if level < largest:
            return
        self._largest[config_id] = level
        if largest >= 0:
            before = self._record.levels[largest].entry(config_id)
            self._highest(largest, before).remove(before)
        self._highest(level, entry).add(entry)

    def _highest(self, level: int, entry: Entry) -> SortedSet[Entry]:
        """Return the view that lists an entry if this is the largest level of its configuration."""
        return self._orders[level].highest if math.isfinite(entry[0]) else self._failed

    def _share(self, level: int, config_id: int) -> None:
        """Record whether a configuration succeeded at this level and at the one below."""
        if 0 < level < len(self.levels) and all(self.levels[i].is_success(config_id) for i in (level - 1, level)):
            self._orders[level].shared.add(config_id)


def ids(entries: Iterable[Entry], count: int | None = None) -> list[int]:
    """Return the configuration ids of the first `count` (loss, id) entries."""
    return [config_id for _, config_id in islice(entries, count)]
