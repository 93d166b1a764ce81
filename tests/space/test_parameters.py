"""Laws of parameters: decoding and encoding are inverse, bit for bit, in every range."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bohb.errors import SpaceError
from bohb.space.parameters import MAX_BINS, Categorical, Float, Integer, LogInteger, Ordinal, Parameter, WideLogInteger

laws = settings(derandomize=True, max_examples=300, deadline=None)
positions = st.floats(-0.5, 1.5) | st.floats(0, 1) | st.sampled_from([0.0, 1.0, 0.5, 1 - 2**-53, 5e-324, -0.0])


@st.composite
def floats(draw: st.DrawFn) -> Float:
    if draw(st.booleans()):
        lower = 10.0 ** draw(st.floats(-290, 299)) * draw(st.floats(1, 10))
        upper = 10.0 ** min(math.log10(lower) + draw(st.floats(1e-9, 600)), 300.0)
        return Float(lower, max(upper, lower * 1.001), True)
    lower = draw(st.floats(-1e290, 1e290) | st.floats(-1, 1) | st.integers(-1000, 1000).map(float))
    width = draw(st.floats(1e-11, 1) | st.floats(1, 1e10)) * max(abs(lower), 1e-13)
    return Float(lower, lower + width, False)


@st.composite
def parameters(draw: st.DrawFn) -> Parameter:
    lower = draw(st.integers(-(10**6), 10**6))
    return draw(
        st.one_of(
            floats(),
            st.integers(0, 10**18).map(lambda width: Integer(lower, lower + width)),
            st.integers(0, 100).map(lambda width: Integer(lower, lower + width)),
            st.integers(1, 10**12).map(lambda upper: LogInteger(draw(st.integers(1, min(upper, 100))), upper)),
            st.integers(10**12 + 1, 10**18).map(lambda upper: WideLogInteger(draw(st.integers(1, 100)), upper)),
            st.integers(1, 9).map(lambda num: Categorical(list("abcdefghi"[:num]))),
            st.integers(1, 9).map(lambda num: Ordinal([None, "x", 2, 3.5, (1,), [4], True, "y", {}][:num])),
        )
    )


@laws
@given(parameters(), st.lists(positions, min_size=1, max_size=20))
def test_decoding_and_encoding_are_inverse(parameter: Parameter, column: list[float]) -> None:
    for u in np.array(column) * max(parameter.num_choices, 1):
        value = parameter.decode(float(u))
        position = parameter.encode(value)
        again = parameter.decode(position)
        assert type(again) is type(value)
        assert again == value
        assert math.copysign(1.0, position) == 1.0, "no -0.0"
        assert parameter.encode(again) == position
        assert parameter.locate(value) == position


@laws
@given(parameters(), st.lists(positions | st.just(math.nan), max_size=20))
def test_snap_equals_decode_then_encode(parameter: Parameter, column: list[float]) -> None:
    column = [u * max(parameter.num_choices, 1) for u in column]
    expected = np.array([u if math.isnan(u) else parameter.encode(parameter.decode(u)) for u in column], dtype=float)
    snapped = parameter.snap(np.array(column, dtype=float))
    np.testing.assert_array_equal(snapped, expected)
    np.testing.assert_array_equal(np.signbit(snapped[~np.isnan(snapped)]), False)


@laws
@given(floats(), st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_floats_increase_from_bound_to_bound(parameter: Float, column: list[float]) -> None:
    values = [parameter.decode(u) for u in [0.0, *sorted(column), 1.0]]
    assert values == sorted(values)
    assert parameter.encode(values[0]) == 0.0
    assert parameter.encode(values[-1]) == 1.0


@pytest.mark.parametrize(
    ("lower", "upper", "logarithmic"),
    [(0.0, 1.0, False), (-7.5, 3.0, False), (1e-5, 1.0, True), (1e-13, 1e5, True), (1e-300, 1e300, True)],
)
@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.integers(1, 10**8 - 1), st.integers(-14, -8))
def test_eight_digits_survive_the_conversion(
    lower: float, upper: float, logarithmic: bool, digits: int, exponent: int
) -> None:
    value = float(f"{digits}e{exponent if logarithmic else -8}")
    parameter = Float(lower, upper, logarithmic)
    u = parameter.locate(value)
    if u is None:
        assert not lower <= value <= upper
    else:
        assert parameter.decode(u) == value


def test_a_tiny_range_keeps_its_decimals() -> None:
    parameter = Float(1.0, 1.0 + 1e-12, False)
    values = sorted({parameter.decode(u) for u in np.linspace(0, 1, 1000)})
    assert len(values) == 11
    np.testing.assert_allclose(np.diff(values), 1e-13, rtol=0.01)


@pytest.mark.parametrize(
    ("lower", "upper"), [(1.0, 1.0), (1.0, 1.0 + 3e-16), (-1.7e308, 1.7e308), (0.0, math.inf), (2.0, 1.0)]
)
def test_a_range_too_narrow_or_wide_is_refused(lower: float, upper: float) -> None:
    with pytest.raises(SpaceError, match="range"):
        Float(lower, upper, False)


@pytest.mark.parametrize("num", [1, 2, 3, 10, 1000, 2**20, 2**49, MAX_BINS])
def test_integers_up_to_the_limit_are_distinct(num: int) -> None:
    parameter = Integer(-5, num - 6)
    rng = np.random.default_rng(0)
    for value in {-5, num - 6, *(rng.integers(-5, num - 5, 100).tolist())}:
        u = parameter.locate(value)
        assert u is not None
        assert parameter.decode(u) == value


def test_wide_integers_are_rounded_evenly() -> None:
    parameter = Integer(0, 10**18)
    assert (parameter.decode(0.0), parameter.decode(1.0)) == (0, 10**18)
    rng = np.random.default_rng(0)
    for value in rng.integers(0, 10**18, 100).tolist():
        u = parameter.locate(value)
        assert u is not None
        assert abs(parameter.decode(u) - value) <= 10**18 / MAX_BINS + 1


@pytest.mark.parametrize(("lower", "upper"), [(1, 2), (1, 64), (3, 110), (17, 17 + 127)])
def test_log_integers_are_midpoints_of_their_bins(lower: int, upper: int) -> None:
    parameter = LogInteger(lower, upper)
    edges = parameter.edges
    assert edges is not None
    assert (len(edges), edges[0], edges[-1]) == (upper - lower + 2, 0.0, 1.0)
    expected = np.log(np.arange(lower, upper + 2) - 0.5)
    np.testing.assert_allclose(edges, (expected - expected[0]) / (expected[-1] - expected[0]), atol=1e-15)
    np.testing.assert_allclose(parameter.positions(), (edges[1:] + edges[:-1]) / 2, rtol=1e-14)
    inside = np.random.default_rng(0).random(200)
    bins = np.searchsorted(edges, inside, side="right") - 1
    assert [parameter.decode(u) for u in inside] == [lower + b for b in bins]


def test_log_integers_near_the_limit_are_distinct() -> None:
    parameter = LogInteger(1, 10**12)
    for value in range(10**12 - 200, 10**12 + 1):
        assert parameter.decode(parameter.encode(value)) == value


def test_a_listed_value_is_found_by_its_type_first() -> None:
    marker = [1]
    parameter = Categorical([1, "1", 2.5, (1, 2), marker, None])
    for index, value in enumerate(parameter.values):
        assert parameter.locate(value) == index
        assert parameter.decode(float(index)) == value
    assert parameter.locate(marker) == parameter.locate([1]) == parameter.locate((1,)) == 4
    assert parameter.locate([1, 2]) == 3  # JSON has no tuples
    assert parameter.locate(np.float64(2.5)) == 2
    assert parameter.locate(np.str_("1")) == 1
    assert Ordinal([True, 1.0, 1]).index_of(1) == 2
    for illegal in ["2", (2, 1), [2], [2, 1], {}, np.zeros(2), 2.25]:
        assert parameter.locate(illegal) is None


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        (Integer(1, 5), (1, 5, False)),
        (LogInteger(1, 5), (1, 5, True)),
        (WideLogInteger(1, 10**13), (1, 10**13, True)),
        (Float(0.5, 2.0, is_log=True), (0.5, 2.0, True)),
        (Categorical(["a", 1]), None),
        (Ordinal(["a", 1]), None),
    ],
    ids=lambda one: type(one).__name__,
)
def test_either_a_range_or_the_values_describe_a_parameter(
    parameter: Parameter, expected: tuple[float, float, bool] | None
) -> None:
    assert parameter.range == expected
    if parameter.range is None:
        assert parameter.values == ("a", 1)
    else:
        assert parameter.values == ()
        assert {type(bound) for bound in parameter.range[:2]} == {type(parameter.decode(0.5))}
