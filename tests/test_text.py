"""Text for people: numbers of four digits, and tables whose columns stand below one another."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb._text import (
    aligned,
    config_line,
    describe_error,
    duration,
    error_line,
    last_line,
    significant,
    told_apart,
    traceback_of,
    width,
)

CELLS = st.text(max_size=8)


@given(st.floats(-1e300, 1e300))
def test_a_float_has_four_significant_digits(value: float) -> None:
    assert math.isclose(float(significant(value)), value, rel_tol=5.1e-4, abs_tol=1e-300)
    assert sum(character.isdigit() for character in significant(value).partition("e")[0].lstrip("-0.")) <= 7


@given(st.lists(st.floats(-1e307, 1e307), max_size=8), st.floats(-1e9, 1e9))
def test_numbers_that_differ_have_texts_that_differ(values: list[float], start: float) -> None:
    """Of losses that are all near 0.9762 or near 1234567, too."""
    for numbers in (values, [start + value * 1e-7 for value in (1.0, 2.0, 3.0)]):
        texts = told_apart(numbers)
        assert len(set(texts)) == len(set(numbers))
        assert [float(text) for text in texts] == pytest.approx(numbers, rel=5.1e-4)


def test_numbers_have_no_more_digits_than_tell_them_apart() -> None:
    assert told_apart([0.5, 1 / 3]) == ["0.5", "0.3333"]
    assert told_apart([0.97621, 0.97622]) == ["0.97621", "0.97622"]
    assert told_apart([1234567.1, 1234567.2]) == ["1234567.1", "1234567.2"]
    assert told_apart([83069.4, 83069.4]) == ["83069", "83069"]


@given(st.one_of(st.integers(), st.text(), st.booleans(), st.none()))
def test_anything_else_is_shown_as_it_is(value: object) -> None:
    assert significant(value) == str(value)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5))
def test_the_columns_of_a_table_stand_below_one_another(rows: list[tuple[str, str, str]]) -> None:
    lines = aligned(("a", "b", "|"), [(one, other, "|") for one, other, _ in rows], right=[1])
    assert len(lines) == len(rows) + 1
    assert len({width(line[: line.rindex("|")]) for line in lines}) == 1
    assert all(line.isprintable() for line in lines)


def test_wide_letters_take_two_cells() -> None:
    assert [width(text) for text in ("ab", "日本", "é", "e\u0301")] == [2, 4, 1, 1]


def test_durations_and_last_lines() -> None:
    texts = [duration(seconds) for seconds in (0, 0.0421, 3.25, 59, 125, 3700, 90000)]
    assert texts == ["0 s", "0.042 s", "3.2 s", "59 s", "2 min 05 s", "1 h 01 min", "1 d 01 h"]
    assert last_line("Traceback\n  here\nKeyError: 'a'\n\n") == "KeyError: 'a'"
    assert last_line("\n") == ""
    assert error_line("\nOSError: no file\nStack trace:\n  [bt] (8) libffi.so\n") == "OSError: no file"
    assert error_line("Stack trace:\n  [bt] (8) libffi.so\n") == "[bt] (8) libffi.so"
    assert error_line("Error: f.cpp:58: Traceback (most recent call last):\n  here\nKeyError: 'a'\n") == "KeyError: 'a'"
    assert error_line("\n") == ""
    assert config_line({"a": 0.123456, "b": "x\n", "c": 1}) == "a=0.1235, b='x\\n', c=1"


class Noted(Exception):
    @property
    def __notes__(self):
        raise RuntimeError("notes")


@pytest.mark.parametrize("error", [SyntaxError("odd", ("file", 1, "offset", "text")), Noted("odd")], ids=repr)
def test_whatever_an_exception_holds_its_frames_and_its_message_can_be_had(error):
    def objective():
        raise error

    try:
        objective()
    except Exception as raised:
        text = traceback_of(raised, raised.__traceback__)
    assert "in objective" in text
    assert describe_error(error) in text
