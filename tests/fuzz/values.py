"""Values that no sensible caller passes: the corpus of the fuzz tests, and how to draw more."""

import math
from collections.abc import Mapping

import numpy as np
from hypothesis import strategies as st


def _raises(*names):
    """An object whose special methods of these names raise."""

    def method(self, *_):
        raise RuntimeError("raised by the user's own code")

    return type(f"Raises{''.join(names)}", (), dict.fromkeys(names, method))()


class HostileAttributes:
    def __getattr__(self, name):
        raise RuntimeError(name)


class HostileShape:
    @property
    def shape(self):
        raise RuntimeError("shape")


class HostileMapping(Mapping):
    def __len__(self):
        return 1

    def __iter__(self):
        raise RuntimeError("iter")

    def __getitem__(self, name):
        raise RuntimeError(name)


class HostileText(str):
    __hash__ = str.__hash__

    def __str__(self):
        raise RuntimeError("str")

    __repr__ = __str__


class HostileNumber(float):
    def __lt__(self, other):
        raise RuntimeError("lt")

    __gt__ = __le__ = __ge__ = __lt__


class HostileError(Exception):
    def __str__(self):
        raise RuntimeError("str")


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def _in_itself():
    value = []
    value.append(value)
    return value


HOSTILE = {
    "repr": lambda: _raises("__repr__"),
    "index": lambda: _raises("__index__"),
    "float": lambda: _raises("__float__"),
    "iter": lambda: _raises("__iter__"),
    "hash": lambda: _raises("__hash__"),
    "eq": lambda: _raises("__eq__", "__hash__"),
    "bool": lambda: _raises("__bool__"),
    "fspath": lambda: _raises("__fspath__"),
    "attributes": HostileAttributes,
    "shape": HostileShape,
    "mapping": HostileMapping,
    "text": lambda: HostileText("a"),
    "number": lambda: HostileNumber(1.0),
    "error": HostileError,
    "class": lambda: int,
    "deep": lambda: nested(100_000),
    "in itself": _in_itself,
    "huge": lambda: 10**400,
    "unprintable": lambda: -(10**5000),
    "surrogate": lambda: "\ud800",
    "null byte": lambda: "a\0b",
    "array": lambda: np.array([1.0, 2.0]),
    "array of nothing": lambda: np.array([]),
    "array without dimension": lambda: np.array(3),
    "complex": lambda: 1j,
    "bytes": lambda: b"a",
    "set": lambda: {1},
    "function": lambda: print,
    "generator": lambda: iter([1, 2]),
    "endless": lambda: iter(int, 1),
}
"""What a hostile or a careless caller passes, made anew for each test."""

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**20, 1e308, 5e-324, math.inf, "x", "loss", "info", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(
            st.sampled_from(["x", "c", "loss", "info", "checkpoint", "format"]) | st.text(max_size=3), inner
        )
    ),
    max_leaves=6,
)


def places(value):
    """A value as it is, and within what a caller often passes."""
    yield lambda: value()
    yield lambda: [value()]
    yield lambda: (1, value())
    yield lambda: {"x": value()}
    yield lambda: {"loss": 1.0, "info": {"a": value()}}
