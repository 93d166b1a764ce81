"""What models learned from the first results of the search, such as the length scales of a Gaussian process.

To learn takes longer than an ask, and what is learned depends on the results alone. So it is recorded with the next
trial that is asked, and a process that reads the record need not learn it again.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bohb.facts import Lesson


class Lessons:
    """The latest lesson of each name."""

    def __init__(self) -> None:
        self._known: dict[str, Lesson] = {}
        self._new: dict[str, Lesson] = {}

    def learn(self, name: str, size: int, compute: Callable[[], Any]) -> Any:
        """Return what is known under a name from the first `size` results; if nothing is, what `compute` returns."""
        known = self._known.get(name)
        if known is None or known.size != size:
            known = self._known[name] = self._new[name] = Lesson(size, compute())
        return known.value

    @property
    def new(self) -> Mapping[str, Lesson]:
        """The lessons that are not recorded yet, by name."""
        return dict(self._new)

    def keep(self, recorded: Mapping[str, Lesson]) -> None:
        """Keep recorded lessons."""
        for name, lesson in recorded.items():
            self._known[name] = lesson
            self._new.pop(name, None)
