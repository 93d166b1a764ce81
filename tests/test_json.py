"""What can be kept can be read by every process."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb._json import MAX_CHARACTERS, MAX_DEPTH, MAX_DIGITS, HugeInteger, TwoValues, depth_of, keep, parse, read_object

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=80,
)


def nested(depth, value=1):
    for i in range(depth):
        value = {"a": value} if i % 2 else [value]
    return value


def measured(value):
    """The depth of a value, by its definition."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if parts is None else 1 + max(map(measured, parts), default=0)


@given(VALUES)
def test_a_value_within_the_limits_is_kept_as_it_is(value):
    assert keep(value) == parse(json.dumps(value)) == value


@given(VALUES.map(lambda value: nested(MAX_DEPTH - 5, value)))
def test_the_depth_is_measured_without_reading(value):
    text = json.dumps(value)
    found, true = depth_of(text), measured(value)
    assert found == true or (found <= MAX_DEPTH and true <= found)


LOOP = []
LOOP.append(LOOP)
WIDE = [1] * 1000
for _ in range(20):
    WIDE = [WIDE] * 1000


@pytest.mark.parametrize(
    "value",
    [
        nested(MAX_DEPTH + 1),
        nested(5_000),
        nested(1_000_000),
        LOOP,
        WIDE,
        10**MAX_DIGITS,
        {10**MAX_DIGITS: 1},
        -(10**1_000_000),
        "x" * MAX_CHARACTERS,
        ["\n"] * (MAX_CHARACTERS // 3),
        {"x" * MAX_CHARACTERS: 1},
        float("nan"),
        {1, 2},
        b"bytes",
    ],
    ids=range(14),
)
def test_a_value_beyond_a_limit_is_refused_at_once(value):
    with pytest.raises((ValueError, TypeError)) as caught:
        keep(value)
    assert len(str(caught.value)) < 300


def test_the_largest_values_are_read_by_the_narrowest_process():
    largest = [nested(MAX_DEPTH - 1), 10 ** (MAX_DIGITS - 1), "x" * (MAX_CHARACTERS - 1000)]
    text = json.dumps(keep(largest))
    code = "import json, sys; sys.setrecursionlimit(120); sys.set_int_max_str_digits(640); json.load(sys.stdin)"
    subprocess.run([sys.executable, "-c", code], input=text, text=True, check=True, timeout=600)


@pytest.mark.parametrize(
    ("text", "why"),
    [('{"a": 1, "a": 2}', "'a' occurs twice"), ("[" * 1_000_000, "nested"), ("{", "Expecting"), ("9" * 5_000, "limit")],
)
def test_a_text_that_nobody_else_could_read_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        parse(text)


# --- what other programs write ---------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(), VALUES))
def test_an_object_is_read_as_it_is(value):
    assert read_object(json.dumps(value)) == value


@pytest.mark.parametrize("text", ["", "[]", "3", "{", '{"a"}', '{"a": [}', "[" * 5000, '{"a": ' * 5000, '{"a": 1}}'])
def test_what_is_no_object_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        read_object(text)


@given(st.integers(1, 3000), st.sampled_from(["[]", "{}"]))
def test_however_deep_a_part_is_the_rest_is_read(depth, kind):
    opening, closing = ("[", "]") if kind == "[]" else ('{"]": ', "}")
    deep = opening * depth + "1" + closing * depth
    found = read_object(f'{{"first": 1, "deep": {deep}, "text": "[[{{", "last": 2}}')
    assert (found["first"], found["text"], found["last"]) == (1, "[[{", 2)
    if depth <= MAX_DEPTH:
        assert found["deep"] == json.loads(deep)


def test_a_part_that_cannot_be_kept_leaves_a_sign():
    found = read_object(f'{{"a": 1, "b": {{"c": 1, "c": 2}}, "n": {"9" * 700}, "a": 2}}')
    assert found == {"a": TwoValues(), "b": {"c": TwoValues()}, "n": HugeInteger()}
