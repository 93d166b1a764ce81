"""A declaration means what it says, in Python, YAML and JSON alike, or is refused."""

import itertools
import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import yaml
from ConfigSpace import ConfigurationSpace, Float
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import bohb
from bohb.cli import plain_yaml
from bohb.space import Space, checked_space

FOUR = r"range \(low, high\) or .*log.*, steps range\(.*\), choices \[.*\] or one constant value for 'h'"

integers = st.integers(-(2**53), 2**53)
floats = st.floats(-1e6, 1e6).map(lambda number: round(number, 3))


def parameter(declaration: Any) -> Any:
    return checked_space({"h": declaration}).parameters["h"]


def values(declaration: Any, num: int = 20) -> list[Any]:
    return [config["h"] for config in drawn(checked_space({"h": declaration}), num)]


def drawn(space: Space, num: int = 50) -> list[dict[str, Any]]:
    vectors, _ = space.sample(np.random.default_rng(0), num)
    return [space.decode(vector) for vector in vectors]


# Ranges.


@settings(deadline=None)
@given(low=integers | floats, high=integers | floats)
def test_two_integers_are_integers_and_any_other_numbers_floats(low: Any, high: Any) -> None:
    """No value lies outside the range, and both ends are its own."""
    if high - low < 1e-3:
        return
    kind = int if type(low) is type(high) is int else float
    space = checked_space({"h": (low, high)})
    found = space.parameters["h"].range
    assert [type(end) for end in found[:2]] == [kind, kind]
    assert found[:2] == ((low, high) if kind is int else pytest.approx((low, high), rel=1e-14, abs=1e-13))
    assert all(found.lower <= value <= found.upper and type(value) is kind for value in values((low, high)))
    assert [space.canonical({"h": end})["h"] for end in (low, high)] == list(found[:2]), "the ends lie in the range"


@settings(deadline=None)
@given(low=st.integers(-1000, 1000), num=st.integers(2, 100), step=st.integers(1, 50))
def test_a_range_of_python_is_its_numbers(low: int, num: int, step: int) -> None:
    """Also backwards: a parameter has no direction."""
    declared = range(low, low + num * step, step)
    for steps in (declared, declared[::-1], {"int": [low, declared[-1]], "step": step}):
        space = checked_space({"h": steps})
        assert [space.decode(vector)["h"] for vector in space.enumerate()] == list(declared)


@settings(deadline=None)
@given(low=st.decimals(-10, 10, places=2), num=st.integers(1, 60), step=st.decimals("0.01", 5, places=2))
def test_steps_of_floats_are_counted_in_decimals(low: Decimal, num: int, step: Decimal) -> None:
    """0.1 + 2 * 0.1 is 0.3."""
    grid = [float(low + k * step) for k in range(num + 1)]
    assert list(parameter({"float": [grid[0], grid[-1]], "step": float(step)}).values) == grid


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ((0, 0.99), (0.0, 0.99, False)),
        ((1, 2.5), (1.0, 2.5, False)),
        ((1.0, 10), (1.0, 10.0, False)),
        ((1, 10), (1, 10, False)),
        ((1e-5, 1e-1, "log"), (1e-5, 1e-1, True)),
        ((16, 512, "log"), (16, 512, True)),
        ((np.int64(1), np.int32(5)), (1, 5, False)),
        ((0, np.float64(0.5)), (0.0, 0.5, False)),
        ((np.str_("1") and 1, 2**62), (1, 2**62, False)),
        (range(3, 9), (3, 8, False)),
        ({"range": [0, 0.5]}, (0.0, 0.5, False)),
        ({"range": (1, 10), "log": True}, (1, 10, True)),
        ({"float": [0, 1]}, (0.0, 1.0, False)),
        ({"int": [1, 5], "step": 1}, (1, 5, False)),
    ],
)
def test_ranges(declaration: Any, expected: Any) -> None:
    found = parameter(declaration).range
    assert (found, [type(end) for end in found]) == (expected, [type(end) for end in expected])


def test_a_log_range_is_searched_on_its_logarithm() -> None:
    """Half of the draws lie below the geometric mean; on a linear scale, 1 % would."""
    drawn = values((1e-5, 1e-1, "log"), 1000)
    assert 450 < sum(value < 1e-3 for value in drawn) < 550


# Choices and constants.


@pytest.mark.parametrize(
    "choices", [["sgd", "adam"], [1, 2.5, "x", None], [True, False], [(64,), (64, 32)], [[1], [2]]]
)
def test_a_list_is_choices(choices: Any) -> None:
    assert list(parameter(choices).values) == list(parameter({"choices": choices}).values) == choices


@pytest.mark.parametrize("constant", ["digits", 3, 0.5, True, None, "a (b) c", "", np.float64(0.5)])
def test_one_value_is_a_constant(constant: Any) -> None:
    assert parameter(constant).values == parameter({"constant": constant}).values == (constant,)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a set": (lambda: {"relu", "tanh"}, "choices are a list"),
    "a frozen set": (lambda: frozenset({1}), "choices are a list"),
    "an array": (lambda: np.logspace(-5, -1, 5), "choices are a list"),
    "a generator": (lambda: (i for i in range(3)), "choices are a list"),
    "the keys of a dict": (lambda: {"a": 1}.keys(), "choices are a list"),
    "the words of others": (lambda: {"min": 0.1, "max": 0.9}, "one of these kinds"),
    "more words of others": (lambda: {"values": [1, 2, 3]}, "one of these kinds"),
    "an empty mapping": (dict, "one of these kinds"),
    "two kinds": (lambda: {"range": [1, 2], "choices": [1]}, "one of these kinds"),
    "weights of a range": (lambda: {"range": [1, 2], "weights": [1]}, "one of these kinds"),
    "a distribution": (lambda: stats.loguniform(1e-5, 1e-1), "name it"),
    "a class": (lambda: int, "name it"),
    "a function": (lambda: len, "name it"),
    "an object": (object, "name it"),
    "text of a call": (lambda: "loguniform(1e-5, 1e-1)", r"write the list \['loguniform"),
    "text of a tuple": (lambda: "(1e-5, 1e-1)", "not executed"),
    "choices in a tuple": (lambda: ("sgd", "adam"), r"write the list \['sgd', 'adam'\]"),
    "three numbers": (lambda: (16, 32, 64), r"write the list \[16, 32, 64\]"),
    "one number in a tuple": (lambda: (1,), r"write the list \[1\]"),
    "another scale": (lambda: (1, 2, "log10"), "range of two numbers"),
    "a scale as a flag": (lambda: (1, 2, True), "range of two numbers"),
    "truth values": (lambda: (False, True), r"write the list \[False, True\]"),
    "text for an end": (lambda: ("1e-5", 0.1), "range of two numbers"),
    "nan": (lambda: (0.0, math.nan), "range of two numbers"),
    "infinity": (lambda: (0.0, math.inf), "range of two numbers"),
    "a log range in a list": (lambda: [1e-5, 1e-1, "log"], "write a tuple, or"),
    "integers of a log range in a list": (lambda: [1, 1000, "log"], "write a tuple, or"),
    "equal ends": (lambda: (3, 3), "for a constant, write 3"),
    "ends in the wrong order": (lambda: (5.0, 3.0), "low end comes first"),
    "log from zero": (lambda: (0, 1, "log"), "positive"),
    "log from zero in words": (lambda: {"range": [0.0, 1], "log": True}, "positive"),
    "integers beyond 64 bits": (lambda: (0, 2**63 - 1), r"2\*\*62"),
    "integers that no float holds": (lambda: (0, 2**53 + 1), r"2\*\*53"),
    "floats of more decimals than ConfigSpace has": (lambda: (1.2345e-12, 1e-3, "log"), "13 decimals"),
    "floats of which ConfigSpace keeps nothing": (lambda: (1e-20, 1e-15, "log"), "13 decimals, 0.0 to 0.0"),
    "a low end of which ConfigSpace keeps nothing": (lambda: (1e-14, 1e-10, "log"), "13 decimals, 0.0 to 1e-10"),
    "floats beyond all use": (lambda: (0.0, 1e308), "rescale"),
    "an empty range": (lambda: range(0), "0 values"),
    "a range of one": (lambda: range(3, 4), "1 values"),
    "a huge grid": (lambda: range(0, 10**9, 2), "more than 4096"),
    "a step that misses the end": (lambda: {"int": [16, 500], "step": 16}, "end at 496"),
    "a step of floats that misses the end": (lambda: {"float": [0, 1], "step": 0.3}, "end at 0.9"),
    "a step backwards": (lambda: {"int": [1, 9], "step": -1}, "positive"),
    "a step of zero": (lambda: {"int": [1, 9], "step": 0}, "positive"),
    "a step on a log scale": (lambda: {"int": [1, 9], "step": 2, "log": True}, "ordered"),
    "half a step of integers": (lambda: {"int": [1, 9], "step": 0.5}, "whole numbers"),
    "integers with a point": (lambda: {"int": [1.0, 2.5]}, "whole numbers"),
    "a flag of text": (lambda: {"range": [1, 2], "log": "yes"}, "true or false"),
    "no choices": (list, "at least one"),
    "a choice twice": (lambda: [1, 1], "2 times"),
    "a default outside": (lambda: {"range": [1, 2], "default": 3}, "ConfigSpace says"),
    "another name inside": (lambda: Float("lr", (0.0, 1.0)), "same name"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_anything_else_is_refused_with_the_four_things_that_may_stand_there(case: str) -> None:
    make, advice = REFUSED[case]
    with pytest.raises(bohb.SpaceError, match=advice) as caught:
        bohb.Optimizer({"x": (0.0, 1.0), "h": make()}, [1, 3])
    assert caught.match(FOUR)


# One reading.

DECLARATIONS = [
    ((0, 0.99), {"range": [0, 0.99]}),
    ((16, 512, "log"), {"range": [16, 512], "log": True}),
    (range(16, 513, 16), {"int": [16, 512], "step": 16}),
    (["sgd", "adam"], ["sgd", "adam"]),
    ([1, 2.5], {"choices": [1, 2.5]}),
    (128, 128),
    ("digits", {"constant": "digits"}),
    ({"range": (0.0, 1.0), "when": {"c": "a"}}, {"range": [0.0, 1.0], "when": {"c": "a"}}),
    ({"ordered": [1, 2, 4]}, {"ordered": [1, 2, 4]}),
]


@pytest.mark.parametrize(("python", "words"), DECLARATIONS)
def test_python_yaml_and_json_say_the_same(python: Any, words: Any) -> None:
    spaces = [{"c": ["a", "b"], "h": one} for one in (python, words)]
    spaces.append(json.loads(json.dumps(spaces[1])))
    spaces.append(plain_yaml.read(yaml.safe_dump(spaces[1]), "s.yaml"))
    assert len({json.dumps(checked_space(space).to_json()) for space in spaces}) == 1


def test_what_was_read_as_it_says_is_read_as_before() -> None:
    """A study that was created with such a dict opens with it."""
    same = {"f": (0.0, 1.0), "i": (1, 5), "c": ["a", "b"], "one": ["x"], "k": "x", "n": 3, "t": True}
    assert checked_space(same).to_json() == checked_space(ConfigurationSpace(space=same)).to_json()


def test_objects_of_configspace_stay_as_they_are() -> None:
    space = checked_space({"lr": Float("lr", (1e-5, 1e-1), log=True), "c": ["a", "b"]})
    assert space.parameters["lr"].range == (1e-5, 1e-1, True)
    again = checked_space(space.to_json())
    assert again.to_json() == space.to_json(), "the JSON of ConfigSpace is a space too"


@given(
    lists=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True), min_size=1, max_size=4),
    data=st.data(),
)
def test_rules_may_forbid_the_first_choices(lists: list[list[int]], data: st.DataObject) -> None:
    """ConfigSpace wants its default configuration allowed, of which a user who gave none knows nothing."""
    named = {f"p{number}": values for number, values in enumerate(lists)}
    one = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in named.items()})
    rules = data.draw(st.lists(one.filter(bool), min_size=1, max_size=4))
    allowed = [
        values
        for values in itertools.product(*lists)
        if not any(rule.items() <= dict(zip(named, values, strict=True)).items() for rule in rules)
    ]
    declared = {**named, "forbid": rules}
    if not allowed:
        with pytest.raises(bohb.SpaceError, match="that allow some combination"):
            checked_space(declared)
        return
    space = checked_space(declared)
    found = {tuple(space.decode(vector)[name] for name in named) for vector in space.enumerate()}
    assert found == set(allowed)
    assert checked_space(space.to_json()).to_json() == space.to_json()


def test_rules_may_forbid_the_default_of_a_range_or_of_a_conditional_one() -> None:
    rules = [{"lr": 0.5, "c": "a"}, {"n": [1, 2, 3], "c": ["a", "b"]}, {"m": 8}]
    when = {"m": {"range": [8, 8 + 1], "when": {"c": "c"}}}
    space = checked_space({"lr": (0.0, 1.0), "n": (1, 5), "c": ["a", "b", "c"], **when, "forbid": rules})
    for config in drawn(space):
        assert not (config["n"] <= 3 and config["c"] in "ab")
        assert config.get("m", 9) == 9


def test_defaults_of_the_user_stay_and_may_contradict_a_rule() -> None:
    declared = {"a": {"choices": [1, 2], "default": 1}, "b": [1, 2], "forbid": [{"a": 1, "b": 1}]}
    kept = {each["name"]: each["default_value"] for each in checked_space(declared).to_json()["hyperparameters"]}
    assert kept == {"a": 1, "b": 2}
    with pytest.raises(bohb.SpaceError, match="the defaults that they forbid"):
        checked_space({**declared, "forbid": [{"a": 1}]})


WRONG_VALUES = [[], "q", ["a", "q"], ("a", "b"), {"a"}, None, 1, [["a"]]]


@pytest.mark.parametrize("value", WRONG_VALUES)
@pytest.mark.parametrize("parent", [["a", "b", "c"], {"ordered": ["a", "b"]}, "a", (2, 9), range(2, 9, 2), (0.1, 0.5)])
def test_a_condition_or_a_rule_on_what_a_parameter_cannot_be_is_refused(parent: Any, value: Any) -> None:
    """An empty list would mean never, and a tuple is one value."""
    for declared in (
        {"p": parent, "x": {"range": [0.0, 1.0], "when": {"p": value}}},
        {"p": parent, "x": [1, 2], "forbid": [{"p": value, "x": 2}]},
    ):
        with pytest.raises(bohb.SpaceError, match="expected a value of 'p' in"):
            checked_space(declared)


@pytest.mark.parametrize("value", [[1, 2], [[1, 2]], [[1, 2], [3]]])
def test_a_list_that_is_a_choice_is_a_value(value: Any) -> None:
    """And not several values, of which none is a choice."""
    space = checked_space({"p": [[1, 2], [3], [4]], "x": {"range": [0.0, 1.0], "when": {"p": value}}})
    wanted = value if isinstance(value[0], list) else [value]
    assert all(("x" in config) == (config["p"] in wanted) for config in drawn(space))


def test_conditions_in_a_circle_are_said_to_be() -> None:
    with pytest.raises(bohb.SpaceError, match="Cyclic"):
        checked_space({"a": {"choices": [1, 2], "when": {"b": 1}}, "b": {"choices": [1, 2], "when": {"a": 1}}})


def test_a_choice_may_be_named_forbid() -> None:
    assert checked_space({"forbid": ["a", "b"]}).names == ("forbid",)
