"""What JSON can keep of any value: nothing raises, and everything that is lost is named."""

import enum
import json
import math
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bohb
from bohb._json import MAX_DEPTH, keep
from bohb._plain import Keeper, scalar

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


class Hostile:
    """Raises whenever it is looked at."""

    shape = (1,)

    def item(self):
        raise RuntimeError("no item")

    def __fspath__(self):
        raise RuntimeError("no path")


class Number(enum.IntEnum):
    ONE = 1


strange = st.sampled_from(
    [
        np.float32(0.5),
        np.array([1, 2]),
        {1, 2},
        object(),
        Hostile(),
        1j,
        math.nan,
        b"x",
        np.datetime64(0, "s"),
        print,
        int,
    ]
)
values = st.recursive(
    json_values | strange,
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.integers(), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_json_stays_as_it_is(source):
    keeper = Keeper()
    assert keeper.mapping(source, "info") == source
    assert keeper.dropped == []


@given(st.dictionaries(st.text() | st.integers() | st.tuples(st.integers()), values, max_size=4))
def test_anything_becomes_json_that_is_kept_as_it_is(source):
    """What is kept passes JSON unchanged; it is all of it if nothing is dropped."""
    keeper = Keeper()
    kept = keeper.mapping(source, "info")
    assert json.loads(json.dumps(kept, allow_nan=False)) == kept
    assert Keeper().mapping(kept, "info") == kept
    assert (len(kept) == len({str(name) for name in source})) or keeper.dropped


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.float32(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([0.5]), 0.5),
        (np.array([[3]]), 3),
        (np.array([1, 2]), [1, 2]),
        (np.array([0.5, math.nan]), [0.5, None]),
        (math.inf, None),
        (np.float32("nan"), None),
        ((1, (2, 3)), [1, [2, 3]]),
        ({"a": np.int64(1)}, {"a": 1}),
        ({1: 2, np.int64(3): 4}, {"1": 2, "3": 4}),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
        (Number.ONE, 1),
        (PurePosixPath("a/b"), "a/b"),
    ],
)
def test_numbers_arrays_and_paths_are_converted(value, kept):
    keeper = Keeper()
    found = keeper.mapping({"x": value}, "info")["x"]
    assert (found, type(found), keeper.dropped) == (kept, type(kept), [])


@pytest.mark.parametrize(
    ("source", "kept", "place"),
    [
        ({"a": object(), "b": 1}, {"b": 1}, "info['a'] of type object"),
        ({"a": [1, object()]}, {"a": [1, None]}, "info['a'][1] of type object"),
        ({"a": {"b": {1}}}, {"a": {}}, "info['a']['b'] of type set"),
        ({(1, 2): 3}, {}, "info[(1, 2)], because of its name"),
        ({"a": Hostile()}, {}, "info['a'] of type Hostile"),
        ({"a": 10**5000}, {}, "info['a'] of type int"),
        ({10**5000: 1}, {}, "info[a value of type int that cannot be shown], because of its name"),
        ({"a": 1j}, {}, "info['a'] of type complex"),
    ],
)
def test_what_is_dropped_is_named(source, kept, place):
    keeper = Keeper()
    assert keeper.mapping(source, "info") == kept
    assert keeper.dropped == [place]


def test_values_that_never_end_are_cut():
    circle, deep = {}, 1
    circle["again"] = circle
    for _ in range(5000):
        deep = [deep]
    keeper = Keeper()
    kept = keeper.mapping({"circle": circle, "deep": deep, "x": 1}, "info")
    assert (kept["circle"], kept["x"]) == ({}, 1)
    assert str(kept["deep"]).count("[") == MAX_DEPTH - 1, "the info itself is one level"
    assert keep(kept) == kept
    assert len(keeper.dropped) == 2


def test_a_value_of_more_parts_than_fit_is_dropped_at_once():
    wide = [1] * 1000
    for _ in range(20):
        wide = [wide] * 1000
    keeper = Keeper()
    assert keeper.mapping({"wide": wide, "array": np.zeros(2**22), "x": [1]}, "info") == {"x": [1]}
    assert keeper.dropped == ["info['wide'] of type list", "info['array'] of type ndarray"]


def test_tensors_become_numbers():
    torch = pytest.importorskip("torch")
    assert scalar(torch.tensor(0.5, requires_grad=True)) == 0.5
    assert scalar(torch.tensor([[3]])) == 3
    assert Keeper().mapping({"x": torch.tensor([1, 2])}, "info") == {"x": [1, 2]}


@pytest.mark.parametrize("below", [0.0, 0.3, -7.5])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_masked_number_is_no_number(below, shape):
    """The mean of nothing but masked values has 0 below its mask, which no training reached."""
    masked = np.ma.array(np.full(shape, below), mask=True)
    assert math.isnan(scalar(masked))
    assert Keeper().mapping({"x": masked}, "info") == {"x": None}
    assert scalar(np.ma.array(np.full(shape, below), mask=False)) == below
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0)
    assert optimizer.tell(optimizer.ask(), masked.mean()).status == "nan"
