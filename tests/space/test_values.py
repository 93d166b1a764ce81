"""Values that JSON can keep come back as they were, and all others are refused before any work is spent on them."""

import enum
import json
import math
from typing import Any

import ConfigSpace as CS  # noqa: N817
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.space import Space

scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=3)
values = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


def as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, with the types of all their parts."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@settings(deadline=None)
@given(choices=st.lists(values, min_size=1, max_size=4, unique_by=as_json), number=st.integers(0, 3))
def test_what_a_constructor_accepts_can_be_saved(choices: list[Any], number: int) -> None:
    """Choices keep their values and types in a state; a value is found as JSON writes it, too."""
    try:
        optimizer = bohb.Optimizer({"c": choices, "x": (0.0, 1.0)}, [1, 3], seed=0, preset="random")
    except bohb.SpaceError as error:  # ConfigSpace compares choices: 1 is True
        assert "c" in str(error)  # noqa: PT017
        return
    chosen = choices[number % len(choices)]
    optimizer.enqueue({"c": chosen, "x": 0.5})
    trial = optimizer.ask()
    assert same(trial.config["c"], chosen)
    state = json.loads(json.dumps(optimizer.to_state(), allow_nan=False))
    restored = bohb.Optimizer.from_state(state)
    assert same(restored.pending[0].config["c"], chosen)
    assert all(map(same, restored.space.parameters["c"].values, choices))
    assert restored.space.to_json() == optimizer.space.to_json()
    written = json.loads(json.dumps(chosen))
    assert as_json(restored.space.decode(restored.space.encode({"c": written, "x": 0.5}))["c"]) == as_json(chosen)


class Act(enum.Enum):
    RELU = 1
    TANH = 2


class Named(enum.StrEnum):
    RELU = "relu"
    TANH = "tanh"


REFUSED: dict[str, tuple[Any, str]] = {
    "enums": (list(Act), r"Act\[name\]"),
    "enums of text": (list(Named), r"Named\[name\]"),
    "classes": ([dict, list], "its name"),
    "functions": ([math.sin, math.cos], "its name"),
    "infinity": ([1.0, math.inf], "text or None"),
    "nan": ([1.0, math.nan], "text or None"),
    "infinity inside": ([(1.0, math.inf)], "text or None"),
    "arrays": ([(np.zeros(2),)], "tolist"),
    "sets": ([frozenset({1}), "x"], "a name"),
    "bytes": ([b"a", b"b"], "a name"),
    "numbers as names": ([{1: 2}], "texts as the names"),
    "a name of our own": ([{"__tuple__": [1]}], "__tuple__"),
    "an integer of 1500 digits": ([10**1500, 1], "a name"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("how", ["dict", "ConfigSpace", "ordinal", "constant"])
def test_other_values_are_refused_in_the_constructor(case: str, how: str) -> None:
    choices, advice = REFUSED[case]
    space: Any = {
        "dict": lambda: {"c": choices},
        "ConfigSpace": lambda: CS.ConfigurationSpace([CS.Categorical("c", choices)]),
        "ordinal": lambda: CS.ConfigurationSpace([CS.OrdinalHyperparameter("c", choices)]),
        "constant": lambda: {"c": {"constant": choices}},
    }[how]
    if how == "ordinal" and case == "nan":
        pytest.skip("ConfigSpace refuses it")
    with pytest.raises(bohb.SpaceError, match=advice) as caught:
        bohb.Optimizer(space(), [1, 3])
    assert "'c'" in str(caught.value)


def test_numbers_of_numpy_become_plain() -> None:
    space = Space({"c": [np.int64(1), (np.float64(0.5), np.str_("a"))], "k": np.float32(0.5)})
    kinds = [type(space.parameters["c"].values[0]), *map(type, space.parameters["c"].values[1])]
    assert kinds == [int, float, str]
    assert space.parameters["k"].values == (0.5,)


def test_a_space_that_cannot_be_restored_is_refused(tmp_path: Any) -> None:
    """ConfigSpace keeps a clause that it refuses."""
    source = CS.ConfigurationSpace({"a": [1, 2], "x": (0.0, 1.0)})
    with pytest.raises(CS.exceptions.ForbiddenValueError):
        source.add(CS.ForbiddenEqualsClause(source["a"], 1))
    with pytest.raises(bohb.SpaceError, match="anew without it"):
        bohb.Optimizer(source, [1, 3])
    with pytest.raises(bohb.SpaceError, match="anew without it"):
        bohb.Study.open(tmp_path / "s.db", source, [1, 3])
    assert not (tmp_path / "s.db").exists()


def test_what_is_noted_beside_a_parameter_must_be_saved_too() -> None:
    source = CS.ConfigurationSpace([CS.Float("x", (0.0, 1.0), meta={"source": object()})])
    with pytest.raises(bohb.SpaceError, match="JSON can represent"):
        bohb.Optimizer(source, [1, 3])


def test_conditions_on_tuples_survive_a_study(tmp_path: Any) -> None:
    shape = CS.Categorical("shape", [(64,), (64, 32)], default=(64,))
    x, y = CS.Float("x", (0.0, 1.0)), CS.Float("y", (0.0, 1.0))
    source = CS.ConfigurationSpace([shape, x, y])
    source.add(CS.EqualsCondition(x, shape, (64,)), CS.InCondition(y, shape, [(64,), (64, 32)]))
    with bohb.Study.open(tmp_path / "s.db", source, [1, 3], seed=0, preset="random") as study:
        configs = [study.ask().config for _ in range(20)]
    assert {("x" in config, config["shape"]) for config in configs} == {(True, (64,)), (False, (64, 32))}
    with bohb.Study.open(tmp_path / "s.db", source, [1, 3]) as study:
        assert [trial.config for trial in study.pending] == configs
