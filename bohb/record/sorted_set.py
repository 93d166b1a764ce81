"""A set that is read in order. A read applies all changes since the last one.

A running search reads after every change, so bisection is fastest. A long replay makes many changes before a single
read, so one sort is many times faster.
"""

from bisect import bisect_left, insort
from typing import Generic, TypeVar

T = TypeVar("T", int, tuple[float, int])

FEW = 100
"""Up to this many changes use bisection. Sorting 100,000 elements takes as long as a few hundred bisections."""


class SortedSet(Generic[T]):
    """A set of comparable elements with a sorted list of them."""

    __slots__ = ("_added", "_elements", "_removed")

    def __init__(self) -> None:
        self._elements: list[T] = []  # as of the last read
        self._added: set[T] = set()
        self._removed: set[T] = set()

    def __len__(self) -> int:
        return len(self._elements) + len(self._added) - len(self._removed)

    def __contains__(self, element: T) -> bool:
        if element in self._added or element in self._removed:
            return element in self._added
        position = bisect_left(self._elements, element)
        return self._elements[position : position + 1] == [element]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SortedSet) and self.elements == other.elements

    __hash__ = None  # type: ignore[assignment]

    def add(self, element: T) -> None:
        """Add an element that is not in the set."""
        self._added.add(element)

    def remove(self, element: T) -> None:
        """Remove an element that is in the set."""
        if element in self._added:
            self._added.remove(element)
        else:
            self._removed.add(element)

    @property
    def elements(self) -> list[T]:
        """All elements, ascending. Do not change the list; it is valid until the next change of the set."""
        if self._added or self._removed:
            self._sort()
        return self._elements

    def _sort(self) -> None:
        if len(self._added) + len(self._removed) > FEW:
            self._elements = [element for element in self._elements if element not in self._removed]
            self._elements += self._added
            self._elements.sort()
        else:
            for element in self._removed:
                del self._elements[bisect_left(self._elements, element)]
            for element in self._added:
                insort(self._elements, element)
        self._added, self._removed = set(), set()
