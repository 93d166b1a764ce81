"""The facts behind a trial: what the model and the optimizer note about the choice, and what the model learned."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, NamedTuple


class Lesson(NamedTuple):
    """What a model learned from the first results of the search.

    Attributes:
        size: How many of the first results it depends on.
        value: What was learned, JSON-able.
    """

    size: int
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was noted when a trial was asked. Facts that do not apply are None.

    A model fills in the facts up to `score` and `more`; the optimizer adds the others.

    Attributes:
        reason: Why the configuration is random.
        level: The index of the budget that the model learned from.
        good: The size of the good set of a density ratio.
        bad: The size of its bad set.
        surrogate: The name of the surrogate.
        results: The number of results at all budgets.
        points: How many results the surrogate was fitted to.
        needed: How many results the model needs before it proposes.
        score: The value of the acquisition function, as a logarithm.
        rejected: How many candidates were forbidden.
        duplicates: How many candidates were repeats.
        rank: The rank of a promoted configuration in the rung below, counted from 0.
        finished: How many configurations had finished in that rung.
        chosen_from: The number of waiting configurations from which the model chose this one.
        reissue_of: The id of the trial that this one repeats, because it was forgotten or retried.
        replaces: The id of the configuration in the rung below whose place an exploited one takes.
        more: Any other facts of your own model, JSON-able.

    Raises:
        ValueError: If a value has the wrong type, or if only one of `good` and `bad` is given.
    """

    reason: str | None = None
    level: int | None = None
    good: int | None = None
    bad: int | None = None
    surrogate: str | None = None
    results: int | None = None
    points: int | None = None
    needed: int | None = None
    score: float | None = None
    rejected: int | None = None
    duplicates: int | None = None
    rank: int | None = None
    finished: int | None = None
    chosen_from: int | None = None
    reissue_of: int | None = None
    replaces: int | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, kinds in _TYPES_OF.items():
            value = getattr(self, name)
            if value is not None and type(value) not in kinds:
                raise ValueError(f"expected {name} as {kinds[0].__name__}, got {value!r}")
        if self.score is not None and not math.isfinite(self.score):
            raise ValueError(f"expected a finite score, got {self.score!r}")
        if (self.good is None) != (self.bad is None):
            raise ValueError(f"expected good and bad together, got {self.good!r} and {self.bad!r}")
        own = self.more if isinstance(self.more, Mapping) else {}
        if own is not self.more or not all(_is_a_users_own(name, own[name]) for name in own.keys() & _TYPES_OF.keys()):
            raise ValueError(f"expected a mapping as more, without the names of other facts, got {self.more!r}")

    def to_json(self) -> dict[str, Any]:
        """Return the facts that apply as a JSON-able mapping."""
        known = {name: value for name in _TYPES_OF if (value := getattr(self, name)) is not None}
        return {**self.more, **known}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Facts":
        """Return the facts that `to_json` described. Unknown names go to `more`.

        Raises:
            TypeError: If the data is not a mapping.
            ValueError: If a value has the wrong type.
        """
        if not isinstance(data, Mapping):
            raise TypeError(f"expected a mapping, got {data!r:.200}")
        if len(data) <= _SHARED_SIZE and all(type(value) in (int, str) for value in data.values()):
            return _shared(tuple((name, type(value), value) for name, value in data.items()))
        return cls._read(data)

    @classmethod
    def _read(cls, data: Mapping[str, Any]) -> "Facts":
        more = {name: value for name, value in data.items() if name not in _TYPES_OF or _is_a_users_own(name, value)}
        return cls(**{name: value for name, value in data.items() if name not in more}, more=more)


_SHARED_SIZE = 3
"""Up to this many facts, equal ones are shared, because those of random choices repeat in a large study."""

_OTHER_TYPES: dict[str, tuple[type, ...]] = {"reason": (str,), "surrogate": (str,), "score": (float, int)}
_TYPES_OF = {each.name: _OTHER_TYPES.get(each.name, (int,)) for each in fields(Facts) if each.name != "more"}


_CHECKED = {"level", "good", "bad", "score", "rejected", "duplicates", "rank", "finished", "reissue_of"}
"""The names whose values had to be valid since the first version of the format."""


def _is_a_users_own(name: str, value: Any) -> bool:
    """Whether the first version of the format let a user's own model note this value under the name of a fact."""
    return name not in _CHECKED and type(value) not in _TYPES_OF[name]


@lru_cache(maxsize=1000)
def _shared(items: tuple[tuple[str, type, Any], ...]) -> Facts:
    """Return facts with these values. Equal facts are one object."""
    return Facts._read({name: value for name, _, value in items})  # noqa: SLF001
