"""What models learned from the first results of the search, such as the length scales of a Gaussian process.

To learn takes longer than an ask. So what is learned is recorded with the trial that is asked: a process that reads the
record knows it. An ask learns at most one thing that it could do without, and uses what was recorded last for the
others. Where processes share a study, an ask need not even learn that, if another process is about to.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bohb.facts import Lesson


class Lessons:
    """The latest recorded lesson of each name, and those that the current ask learned."""

    def __init__(self) -> None:
        self._recorded: dict[str, Lesson] = {}
        self._computed: dict[str, Lesson] = {}  # also those of advice that came to nothing
        self._new: dict[str, Lesson] = {}
        self._may_learn = True

    def begin(self, *, may_learn: bool) -> None:
        """Begin an ask.

        Args:
            may_learn: Whether it may learn what it could do without.
        """
        self._may_learn, self._new = may_learn, {}

    def learn(self, name: str, size: int, compute: Callable[[], Any]) -> Lesson:
        """Return what `compute` learns from the first `size` results, or what was recorded last under this name."""
        known = self._recorded.get(name)
        if known is not None and (known.size == size or self._new or not self._may_learn):
            return known
        lesson = self._computed.get(name)
        if lesson is None or lesson.size != size:
            lesson = self._computed[name] = Lesson(size, compute())
        self._new[name] = lesson
        return lesson

    @property
    def new(self) -> Mapping[str, Lesson]:
        """What the current ask learned, by name."""
        return dict(self._new)

    def keep(self, recorded: Mapping[str, Lesson]) -> None:
        """Keep recorded lessons."""
        self._recorded.update(recorded)

    def clear(self) -> None:
        """Forget all lessons, because a result was taken back, or the full budget is another one."""
        self._recorded.clear()
        self._computed.clear()
