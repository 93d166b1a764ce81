"""A set that is looked at in order: what changes between two looks is put in its place at the second.

A search in progress looks after every change, and then each one goes to its place in the sorted list by bisection. A
long replay changes a lot and looks once, and then one sort is many times faster. Which of the two is done shows in the
time only. Nothing here knows what the elements are.
"""

from bisect import bisect_left, insort
from typing import Generic, TypeVar

T = TypeVar("T", int, tuple[float, int])

FEW = 100
"""Up to so many changes are put in place one by one; a sort of 100,000 elements takes as long as a few hundred."""

MANY = 30_000
"""More changes than this do not wait for a look, because a set takes ten times the memory of a list."""


class SortedSet(Generic[T]):
    """A set of comparable elements, and the sorted list of them."""

    __slots__ = ("_added", "_elements", "_removed")

    def __init__(self) -> None:
        self._elements: list[T] = []  # as of the last look
        self._added: set[T] = set()
        self._removed: set[T] = set()

    def __contains__(self, element: T) -> bool:
        if element in self._added or element in self._removed:
            return element in self._added
        position = bisect_left(self._elements, element)
        return self._elements[position : position + 1] == [element]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SortedSet) and self.elements == other.elements

    __hash__ = None  # type: ignore[assignment]

    def add(self, element: T) -> None:
        """Adds an element that is not in the set."""
        self._added.add(element)
        if len(self._added) > MANY:
            self.sort()

    def remove(self, element: T) -> None:
        """Takes out an element that is in the set."""
        if element in self._added:
            self._added.remove(element)
        else:
            self._removed.add(element)
            if len(self._removed) > MANY:
                self.sort()

    @property
    def elements(self) -> list[T]:
        """All elements, ascending; to be read only, and until the next change."""
        if self._added or self._removed:
            self.sort()
        return self._elements

    def sort(self) -> None:
        """Puts in place what changed since the last look, so that the next one need not."""
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
