"""Laws of the space, and its agreement with ConfigSpace about activity, constraints and distributions."""

import ast
import copy
import json
import math
import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

import ConfigSpace as CS  # noqa: N817
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, ks_2samp

import bohb
from bohb.errors import ConfigError, SpaceError
from bohb.space import Space
from bohb.space.priors import read_quantile
from bohb.space.serialised import is_serialised, read_parameter
from tests.space.random_spaces import DISTRIBUTIONS, draw_anything, example_values, spaces
from tests.strategies import GOOD, mixed_space

ROOT = Path(bohb.__file__).parent
laws = settings(derandomize=True, max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def is_legal_for_configspace(space: CS.ConfigurationSpace, config: dict[str, Any]) -> bool:
    try:
        CS.Configuration(space, values=config)
    except ValueError:
        return False
    return True


def is_legal(space: Space, config: dict[str, Any]) -> bool:
    try:
        space.encode(config)
    except ConfigError:
        return False
    return True


# Agreement with ConfigSpace


@laws
@given(spaces(), st.integers(0, 2**32))
def test_activity_agrees_with_configspace(source: CS.ConfigurationSpace, seed: int) -> None:
    space = Space(source)
    vectors = space.deactivate(draw_anything(space, seed, 10))
    for vector in vectors:
        config = space.decode(vector)
        theirs = np.full(len(source), np.nan)
        for name, value in config.items():
            theirs[source.index_of[name]] = source[name].to_vector(value)
        assert source.get_active_hyperparameters(theirs) == set(config)


@laws
@given(spaces(), st.integers(0, 2**32))
def test_forbidden_clauses_agree_with_configspace(source: CS.ConfigurationSpace, seed: int) -> None:
    space = Space(source)
    vectors = space.deactivate(draw_anything(space, seed, 10))
    for vector, allowed in zip(vectors, space.is_allowed(vectors), strict=True):
        assert allowed == is_legal_for_configspace(source, space.decode(vector))


@laws
@given(spaces(), st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_encode_agrees_with_configspace(source: CS.ConfigurationSpace, seed: int, random: Any) -> None:
    space = Space(source)
    vectors = draw_anything(space, seed, 10)
    for vector in np.concatenate([vectors, space.deactivate(vectors)]):
        config = space.decode(vector)
        if random.random() < 0.5:
            config.pop(random.choice(space.names), None)
        if random.random() < 0.5:
            name = random.choice(space.names)
            config[name] = random.choice([*example_values(source[name]), "no", 7, -7.5])
        assert is_legal(space, config) == is_legal_for_configspace(source, config)


PARENTS = [
    CS.UniformIntegerHyperparameter("x", -1, 3),
    CS.UniformIntegerHyperparameter("x", 1, 5, log=True),
    CS.OrdinalHyperparameter("x", [3, 1, 2]),
    CS.UniformFloatHyperparameter("x", 0.1, 0.7),
    CS.UniformFloatHyperparameter("x", 1e-3, 0.5, log=True),
    CS.CategoricalHyperparameter("x", [1, 2, "a"]),
]
CONDITIONS = [CS.EqualsCondition, CS.NotEqualsCondition, CS.LessThanCondition, CS.GreaterThanCondition]
FORBIDDEN = [
    CS.ForbiddenEqualsClause,
    CS.ForbiddenLessThanClause,
    CS.ForbiddenLessThanEqualsClause,
    CS.ForbiddenGreaterThanClause,
    CS.ForbiddenGreaterThanEqualsClause,
]
RELATIONS = [
    CS.ForbiddenEqualsRelation,
    CS.ForbiddenLessThanRelation,
    CS.ForbiddenLessThanEqualsRelation,
    CS.ForbiddenGreaterThanRelation,
    CS.ForbiddenGreaterThanEqualsRelation,
]


def comparable(kinds: list[Any]) -> list[tuple[Any, Any]]:
    return [(one, kind) for one in PARENTS for kind in kinds if one.ORDERABLE or "Equals" in kind.__name__[:15]]


def ids(one: Any) -> str:
    return one.__name__ if isinstance(one, type) else f"{type(one).__name__}{'-log' * getattr(one, 'log', False)}"


@pytest.mark.parametrize(("parent", "kind"), comparable(CONDITIONS), ids=ids)
def test_each_condition_at_each_threshold(parent: Any, kind: type[Any]) -> None:
    for threshold in example_values(parent):
        child = CS.UniformIntegerHyperparameter("y", 1, 2)
        source = CS.ConfigurationSpace()
        source.add(parent, child, kind(child, parent, threshold))
        space = Space(source)
        for value in example_values(parent):
            for config in ({"x": value}, {"x": value, "y": 1}):
                assert is_legal(space, config) == is_legal_for_configspace(source, config)


@pytest.mark.parametrize(("parameter", "kind"), comparable(FORBIDDEN), ids=ids)
def test_each_forbidden_clause_at_each_threshold(parameter: Any, kind: type[Any]) -> None:
    for threshold in example_values(parameter):
        source = CS.ConfigurationSpace()
        switch = CS.CategoricalHyperparameter("switch", [0, 1])  # by default nothing is forbidden
        source.add(parameter, switch)
        source.add(CS.ForbiddenAndConjunction(kind(parameter, threshold), CS.ForbiddenEqualsClause(switch, 1)))
        space = Space(source)
        for value in example_values(parameter):
            config = {"x": value, "switch": 1}
            assert is_legal(space, config) == is_legal_for_configspace(source, config)


@pytest.mark.parametrize("kind", RELATIONS, ids=ids)
def test_relations_compare_values_not_positions(kind: type[Any]) -> None:
    for left in PARENTS[:3]:
        source = CS.ConfigurationSpace()
        switch, right = CS.CategoricalHyperparameter("switch", [0, 1]), CS.OrdinalHyperparameter("y", [2, 3, 1])
        source.add(left, right, switch)
        source.add(CS.ForbiddenAndConjunction(kind(left, right), CS.ForbiddenEqualsClause(switch, 1)))
        space = Space(source)
        for x in example_values(left):
            for y in right.sequence:
                config = {"x": x, "y": y, "switch": 1}
                assert is_legal(space, config) == is_legal_for_configspace(source, config)


@laws
@given(spaces(finite=True))
def test_enumeration_lists_each_configuration_once(source: CS.ConfigurationSpace) -> None:
    space = Space(source)
    vectors = space.enumerate()
    assert len(vectors) == space.size
    assert len({vector.tobytes() for vector in vectors}) == len(vectors)
    assert all(is_legal(space, space.decode(vector)) for vector in vectors)
    grids = np.meshgrid(*[range(len(example_values(source[name]))) for name in space.names])
    sizes = np.array([grid.max() + 1 for grid in grids])
    every = np.column_stack([grid.ravel() for grid in grids])
    every = space.deactivate(np.where(space.choices > 0, every, (every + 0.5) / sizes))
    every = space.snap(every)  # centres of log bins
    expected = {vector.tobytes() for vector in every[space.is_allowed(every)]}
    if not any(getattr(source[name], "log", False) for name in space.names):
        assert {vector.tobytes() for vector in vectors} == expected


# Laws of vectors


@laws
@given(spaces(), st.integers(0, 2**32))
def test_a_copied_space_behaves_like_the_original(source: CS.ConfigurationSpace, seed: int) -> None:
    """A pickled or copied space has the same draws, constraints and size."""
    space = Space(source)
    vectors, rejected = space.sample(np.random.default_rng(seed), 9)
    for other in (pickle.loads(pickle.dumps(space)), copy.deepcopy(space)):
        again, rejected_again = other.sample(np.random.default_rng(seed), 9)
        assert (again.tobytes(), rejected_again) == (vectors.tobytes(), rejected)
        assert other.is_allowed(again).all()
        assert other.size == space.size


@laws
@given(spaces(), st.integers(0, 2**32))
def test_encode_is_the_inverse_of_decode(source: CS.ConfigurationSpace, seed: int) -> None:
    space = Space(source)
    vectors, _ = space.sample(np.random.default_rng(seed), 10)
    for vector in vectors:
        config = space.decode(vector)
        assert space.encode(config).tobytes() == vector.tobytes()
        again = space.decode(space.encode(config))
        assert [(type(value), value) for value in again.values()] == [(type(value), value) for value in config.values()]
        assert list(config) == [name for name in space.names if name in config]
        assert space.unpack(json.loads(json.dumps(space.pack(config)))) == config


@laws
@given(spaces(), st.integers(0, 2**32))
def test_snap_equals_encode_after_decode(source: CS.ConfigurationSpace, seed: int) -> None:
    space = Space(source)
    vectors, _ = space.sample(np.random.default_rng(seed), 12)
    moved = np.clip(vectors + np.where(space.choices > 0, 0.0, np.random.default_rng(seed).normal(0, 1e-3)), 0, 10)
    snapped = space.snap(moved)
    assert b"".join(space.snap(row[None]).tobytes() for row in moved) == snapped.tobytes()
    for row, vector in zip(moved, snapped, strict=True):
        config = space.decode(row)
        assert space.decode(vector) == config
        if is_legal(space, config):
            assert space.encode(config).tobytes() == vector.tobytes()
    assert space.snap(snapped).tobytes() == snapped.tobytes()


@pytest.mark.parametrize("num", [1, 20])
def test_snap_normalises_nan_and_negative_zero(num: int) -> None:
    space = Space({"c": ["a", "b"], "f": (-1.0, 1.0), "i": (1, 5), "k": "x", "l": CS.Float("l", (1e-3, 1.0), log=True)})
    assert set(space.snap(np.full((num, 5), -np.nan)).tobytes()) == set(np.full(1, np.nan).tobytes())
    assert not np.signbit(space.snap(np.full((num, 5), -0.0))).any()


@laws
@given(spaces(), st.integers(0, 2**32), st.integers(0, 9))
def test_samples_are_valid_and_arguments_unchanged(source: CS.ConfigurationSpace, seed: int, num: int) -> None:
    before = source.to_serialized_dict()
    space = Space(source)
    vectors, rejected = space.sample(np.random.default_rng(seed), num)
    kept = vectors.tobytes()
    assert vectors.shape == (num, len(space.names))
    assert rejected >= 0
    assert space.is_allowed(vectors).all()
    assert space.deactivate(vectors).tobytes() == kept
    assert space.snap(vectors).tobytes() == kept
    assert vectors.tobytes() == kept
    assert source.to_serialized_dict() == before


@laws
@given(spaces())
def test_parents_come_before_their_children(source: CS.ConfigurationSpace) -> None:
    names = Space(source).names
    assert sorted(names) == sorted(source)
    for name in names:
        assert all(names.index(parent.name) < names.index(name) for parent in source.parents_of[name])


@laws
@given(spaces(), st.integers(0, 2**32))
def test_a_space_survives_json(source: CS.ConfigurationSpace, seed: int) -> None:
    space = Space(source)
    data = json.loads(json.dumps(space.to_json(), allow_nan=False))
    text = json.dumps(data)
    restored = Space.from_json(data)
    assert json.dumps(data) == text
    ours, _ = space.sample(np.random.default_rng(seed), 10)
    theirs, _ = restored.sample(np.random.default_rng(seed), 10)
    assert restored.names == space.names
    assert ours.tobytes() == theirs.tobytes()
    assert [space.decode(vector) for vector in ours] == [restored.decode(vector) for vector in theirs]


# Distributions: ConfigSpace's own samples are the reference


def p_same(ours: list[float], theirs: list[float]) -> float:
    """The p-value of the hypothesis that both samples come from the same distribution."""
    seen = sorted(set(ours) | set(theirs))
    if len(seen) > 50:
        return float(ks_2samp(ours, theirs).pvalue)
    table = [[Counter(sample)[value] for value in seen] for sample in (ours, theirs)]
    return float(chi2_contingency(table).pvalue)


def draw_both(parameter: Any, num: int) -> tuple[list[float], list[float]]:
    source = CS.ConfigurationSpace(space={"x": parameter})
    source.seed(7)
    space = Space(source)
    vectors, _ = space.sample(np.random.default_rng(7), num)
    theirs = parameter.to_value(parameter.sample_vector(num, seed=source.random))
    return [float(space.decode(vector)["x"]) for vector in vectors], [float(value) for value in theirs]


@pytest.mark.parametrize(
    "parameter",
    DISTRIBUTIONS,
    ids=ids,
)
def test_samples_follow_configspace_distributions(parameter: Any) -> None:
    ours, theirs = draw_both(parameter, 4000)
    assert p_same(ours, theirs) > 1e-3


@pytest.mark.parametrize(
    "nudged",
    [
        (CS.NormalFloatHyperparameter("x", 0.5, 0.4, 0.0, 2.0), CS.NormalFloatHyperparameter("x", 0.6, 0.4, 0.0, 2.0)),
        (CS.UniformIntegerHyperparameter("x", 1, 12, log=True), CS.UniformIntegerHyperparameter("x", 1, 12)),
        (CS.CategoricalHyperparameter("x", [0, 1], weights=[4, 5]), CS.CategoricalHyperparameter("x", [0, 1])),
    ],
    ids=["mean", "log", "weights"],
)
def test_the_comparison_detects_a_small_difference(nudged: tuple[Any, Any]) -> None:
    ours, _ = draw_both(nudged[0], 4000)
    _, theirs = draw_both(nudged[1], 4000)
    assert p_same(ours, theirs) < 1e-3


def test_a_choice_of_weight_zero_is_never_drawn() -> None:
    weighted = CS.CategoricalHyperparameter("x", [0, 1, 2, 3], weights=[0, 1, 1, 0])
    (part,) = CS.ConfigurationSpace(space={"x": weighted}).to_serialized_dict()["hyperparameters"]
    quantile = read_quantile(part, read_parameter(part))
    assert quantile is not None
    assert quantile(np.array([0.0, 0.5, 1 - 2**-53])).tolist() == [1, 2, 2]


def test_configurations_follow_configspace_distributions() -> None:
    source = CS.ConfigurationSpace(seed=3)
    a = CS.CategoricalHyperparameter("a", ["x", "y", "z"], weights=[3, 2, 1])
    b, c = CS.UniformIntegerHyperparameter("b", 0, 3, 0), CS.OrdinalHyperparameter("c", [1, 2, 4])
    source.add(a, b, c, CS.InCondition(b, a, ["x", "z"]), CS.GreaterThanCondition(c, b, 1))
    source.add(CS.ForbiddenAndConjunction(CS.ForbiddenEqualsClause(a, "x"), CS.ForbiddenEqualsClause(b, 2)))
    space = Space(source)
    vectors, rejected = space.sample(np.random.default_rng(3), 4000)
    ours = [tuple(space.decode(vector).items()) for vector in vectors]
    theirs = [
        tuple((name, one[name]) for name in space.names if name in one) for one in source.sample_configuration(4000)
    ]
    index = {config: float(number) for number, config in enumerate(dict.fromkeys(ours + theirs))}
    assert p_same([index[config] for config in ours], [index[config] for config in theirs]) > 1e-3
    assert abs(rejected / (4000 + rejected) - 0.5 * 0.25) < 0.02


# Forbidden clauses that leave one configuration


def single_configuration(upper: int) -> CS.ConfigurationSpace:
    """A space in which only a = 0, b = 0 is allowed."""
    source = CS.ConfigurationSpace()
    a = CS.UniformIntegerHyperparameter("a", 0, upper, default_value=0)
    b = CS.UniformIntegerHyperparameter("b", 0, upper, default_value=0)
    source.add(a, b, CS.ForbiddenGreaterThanClause(a, 0), CS.ForbiddenGreaterThanRelation(b, a))
    return source


def test_a_rare_configuration_is_found_by_enumeration() -> None:
    space = Space(single_configuration(999))
    assert space.size == 1
    vectors, rejected = space.sample(np.random.default_rng(0), 2)
    assert [space.decode(vector) for vector in vectors] == [{"a": 0, "b": 0}] * 2
    assert rejected > 0


def test_a_rare_configuration_in_a_vast_space_is_an_error() -> None:
    space = Space(single_configuration(10**9))
    assert space.size is None
    with pytest.raises(SpaceError, match=r"got 0 in 10000 draws .acceptance rate 0.; use"):
        space.sample(np.random.default_rng(0), 1)


# Counting


@pytest.mark.parametrize(
    ("definition", "size"),
    [
        ({"a": (1, 10), "b": ["x", "y"], "c": 3}, 20),
        ({"a": (1, 10**9), "b": (1, 10**9)}, 10**18),
        ({"a": (1, 10), "b": (0.0, 1.0)}, None),
    ],
)
def test_size_without_constraints_is_the_product(definition: dict[str, Any], size: int | None) -> None:
    assert Space(definition).size == size


def test_inactive_parameters_do_not_multiply_the_size() -> None:
    source = CS.ConfigurationSpace()
    root = CS.CategoricalHyperparameter("root", list(range(30)))
    children = [CS.UniformIntegerHyperparameter(f"n{index}", 1, 1000) for index in range(30)]
    source.add(root, *children, *[CS.EqualsCondition(child, root, index) for index, child in enumerate(children)])
    space = Space(source)
    assert space.size == 30_000
    assert len({vector.tobytes() for vector in space.enumerate()}) == 30_000


def test_a_large_or_infinite_space_is_not_enumerated() -> None:
    for definition in ({"a": (1, 10**9)}, {"a": (1, 2**15 + 1)}, {"a": (0.0, 1.0)}):
        with pytest.raises(SpaceError, match="sample"):
            Space(definition).enumerate()


def test_a_large_constrained_space_is_not_counted() -> None:
    """Counting would enumerate it. The control is a space that is just small enough."""
    for num, size in ((2**15 + 2, None), (2**15, 2**15 - 1)):
        source = CS.ConfigurationSpace(space={"a": (1, num)})
        source.add(CS.ForbiddenEqualsClause(source["a"], 2))
        assert Space(source).size == size


def test_attributes_describe_the_columns() -> None:
    space = Space({"b": ["x", "y", "z"], "a": (0.0, 1.0), "c": (1, 4), "d": "const", "e": (1, 2000), "f": ["one"]})
    assert space.names == ("a", "b", "c", "d", "e", "f")
    assert space.choices.tolist() == [0, 3, 0, 0, 0, 1]
    assert space.num_searched == 4
    assert [edges is None for edges in space.edges] == [True, True, False, False, True, True]
    np.testing.assert_array_equal(space.edges[2], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(space.edges[3], [0, 1])


# Values


def test_decode_returns_plain_values_and_copies_of_lists() -> None:
    """What a user does with a value, before or after, changes no other configuration."""
    marker = ("a", [1, 2])
    space = Space({"c": [marker, None, 1], "i": (1, 3), "f": (0.0, 1.0), "k": "x"})
    config = space.decode(np.array([0.0, 0.5, 0.5, 0.5]))
    assert config == {"c": marker, "f": 0.5, "i": 2, "k": "x"}
    marker[1].append(3)
    config["c"][1].append(4)
    assert space.decode(np.array([0.0, 0.5, 0.5, 0.5]))["c"] == ("a", [1, 2])
    assert [type(config[name]) for name in ("f", "i", "k")] == [float, int, str]


def test_choices_of_mixed_types_keep_their_types() -> None:
    space = Space({"c": [1, "1", None, 2.5, "True"]})
    for index, value in enumerate([1, "1", None, 2.5, "True"]):
        vector = space.encode({"c": value})
        assert vector[0] == index
        assert type(space.decode(vector)["c"]) is type(value)


def test_encode_accepts_numpy_scalars_and_whole_floats() -> None:
    space = Space({"c": ["a", "b"], "f": (0.0, 2.0), "i": (1, 5)})
    expected = space.encode({"c": "b", "f": 1.0, "i": 3})
    for i in (3.0, np.int64(3), np.float32(3)):
        config = {"c": np.str_("b"), "f": np.float64(1), "i": i}
        assert space.encode(config).tobytes() == expected.tobytes()
    assert space.encode({"c": "b", "f": 1, "i": 3}).tobytes() == expected.tobytes()
    assert [type(value) for value in space.decode(expected).values()] == [str, float, int]


def conditional() -> Space:
    source = CS.ConfigurationSpace()
    act, alpha = CS.CategoricalHyperparameter("act", ["relu", "leaky"]), CS.UniformFloatHyperparameter("alpha", 0, 1)
    units = CS.UniformIntegerHyperparameter("units", 1, 8)
    source.add(act, alpha, units, CS.EqualsCondition(alpha, act, "leaky"))
    source.add(CS.ForbiddenAndConjunction(CS.ForbiddenEqualsClause(act, "leaky"), CS.ForbiddenEqualsClause(units, 8)))
    return Space(source)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ([("act", "relu")], "mapping"),
        ({"act": "relu", "units": 3, "beta": 1}, r"\['beta'\]"),
        ({"act": "relu"}, "'units'.*an integer from 1 to 8"),
        ({"act": "leaky", "units": 3}, "'alpha'.*act == 'leaky'"),
        ({"act": "relu", "units": 3, "alpha": 0.5}, "no value for 'alpha'.*act == 'leaky'"),
        ({"act": "tanh", "units": 3}, "one of 'relu', 'leaky' for 'act', got 'tanh'"),
        ({"act": "relu", "units": 9}, "an integer from 1 to 8 for 'units', got 9"),
        ({"act": "relu", "units": 2.5}, "got 2.5"),
        ({"act": "relu", "units": "3"}, "got '3' .str"),
        ({"act": "relu", "units": None}, "got None"),
        ({"act": "relu", "units": math.nan}, "got nan"),
        ({"act": "leaky", "units": 3, "alpha": 1.5}, "a number from 0.0 to 1.0"),
        ({"act": "leaky", "units": 3, "alpha": math.nan}, "a number from 0.0 to 1.0"),
        ({"act": ["relu"], "units": 3}, r"got \['relu'\]"),
        ({"act": "leaky", "units": 8, "alpha": 0.5}, "Forbidden: units == 8"),
    ],
)
def test_encode_says_what_it_expected(config: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        conditional().encode(config)


@pytest.mark.parametrize("definition", [None, 3, "space", [1, 2], {}, {"a": []}, {"a": (1, 1)}, {"a": (1, 2, 3)}])
def test_what_is_not_a_space_is_refused(definition: Any) -> None:
    with pytest.raises(SpaceError, match="expected"):
        Space(definition)


def test_relations_need_comparable_values() -> None:
    source = CS.ConfigurationSpace()
    a, b, c = (
        CS.CategoricalHyperparameter("a", ["x", 1]),
        CS.CategoricalHyperparameter("b", [0, 2]),
        CS.CategoricalHyperparameter("c", [0, 1]),
    )
    source.add(a, b, c, CS.EqualsCondition(a, c, 1), CS.ForbiddenLessThanRelation(a, b))
    with pytest.raises(SpaceError, match="compared"):
        Space(source)


def test_later_changes_to_the_argument_have_no_effect() -> None:
    source = CS.ConfigurationSpace(space={"a": (1, 3)})
    space = Space(source)
    source.add(CS.UniformFloatHyperparameter("b", 0, 1))
    assert space.names == ("a",)
    assert Space.from_json(space.to_json()).names == ("a",)


# JSON


def test_unpack_is_the_inverse_of_pack_through_json() -> None:
    values = [(1, 2), None, [1, [2]], {"a": (1,)}, "x"]
    space = Space({"c": values, "f": (0.0, 1.0)})
    for value in values:
        config = {"c": value, "f": 0.25}
        packed = json.loads(json.dumps(space.pack(config), allow_nan=False))
        assert space.unpack(packed) == config
        assert type(space.unpack(packed)["c"]) is type(value)
    for broken in ({"c": {"choice": 5}}, {"c": {"choice": -1}}, {"c": {}}, {"f": {"choice": 0}}, {"z": {"choice": 0}}):
        with pytest.raises(ConfigError, match="expected"):
            space.unpack(broken)
    with pytest.raises(ConfigError, match="expected"):
        space.pack({"c": (3, 4)})


@pytest.mark.parametrize("data", [{"hyperparameters": [{"type": "odd"}]}, {}, {"hyperparameters": 3}, [1]])
def test_data_that_do_not_describe_a_space_are_refused(data: Any) -> None:
    with pytest.raises(SpaceError, match="expected"):
        Space.from_json(data)


def test_the_serialised_form_is_told_from_the_short_form() -> None:
    assert is_serialised(Space({"b": ["x", "y"], "a": (0.0, 1.0)}).to_json())
    assert not is_serialised({"b": ["x", "y"], "hyperparameters": {"range": [0, 1]}})


def test_only_the_package_space_knows_configspace() -> None:
    """Elsewhere no code names its classes or the keys of its JSON. The control is the package itself."""
    words = {"hyperparameters", "forbiddens", *(name for name in dir(CS) if name[0].isupper())} - {"ConfigurationSpace"}
    users = set()
    for path in ROOT.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        attributes = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
        if texts & words or any(f"ConfigSpace.{word}" in attributes for word in words):
            users.add(path.relative_to(ROOT).parts[0])
    assert users == {"space"}


# Processes

REPORT = """
import numpy as np, ConfigSpace as CS
from bohb.space import Space
source = CS.ConfigurationSpace()
members = [CS.CategoricalHyperparameter(name, ["x", "y", None]) for name in "dbca"]
source.add(members, CS.UniformIntegerHyperparameter("n", 1, 5, log=True))
source.add(CS.EqualsCondition(members[0], members[1], "x"), CS.NotEqualsCondition(members[3], members[2], "y"))
source.add(CS.ForbiddenAndConjunction(*[CS.ForbiddenEqualsClause(one, "y") for one in members[1:3]]))
space = Space(source)
print(space.names, space.enumerate().tobytes().hex(), space.sample(np.random.default_rng(0), 50)[0].tobytes().hex())
"""


def test_a_space_does_not_depend_on_the_hash_seed() -> None:
    reports = {
        subprocess.run(
            [sys.executable, "-c", REPORT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(reports) == 1
    assert len(reports.pop()) > 1000


def test_importing_the_package_loads_only_numpy() -> None:
    code = "import sys, bohb.space; print({'ConfigSpace', 'scipy', 'statsmodels'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


# Configurations of other spaces


@laws
@given(spaces(), st.integers(0, 2**32))
def test_a_configuration_of_the_same_space_is_itself(source: CS.ConfigurationSpace, seed: int) -> None:
    space = Space(source)
    vectors = space.deactivate(draw_anything(space, seed, 10))
    for vector in vectors[space.is_allowed(vectors)]:
        config = space.decode(vector)
        assert space.adapted(config, {}) == config
        assert space.adapted({**config, "gone": 1}, dict.fromkeys(space.names, "never used")) == config


def test_an_inactive_parameter_needs_no_value_and_keeps_none() -> None:
    space = Space(mixed_space())
    config = {**GOOD, "act": None}
    kept = {name: value for name, value in config.items() if name not in ("dropout", "decay")}
    assert space.adapted(config, {}) == space.adapted(kept, {"dropout": 0.5, "decay": 1e-4}) == kept
    assert space.adapted({**GOOD, "dropout": 7, "act": None}, {}) == kept  # what is dropped may have any value
    part = {name: value for name, value in GOOD.items() if name not in ("dropout", "task")}
    assert space.adapted(part, {"dropout": 0.5}) == GOOD
    for wrong in ({**GOOD, "dropout": 7}, part, {**GOOD, "act": "tanh", "size": "large"}, [1]):
        with pytest.raises(ConfigError):
            space.adapted(wrong, {})  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["adapted", "canonical"])
def test_a_configuration_whose_own_code_fails_is_refused_as_one_that_is_no_mapping(method: str) -> None:
    class Hostile(dict[str, Any]):
        def __iter__(self) -> NoReturn:
            raise RuntimeError("no")

        keys = __repr__ = __iter__  # type: ignore[assignment]

    space = Space({"x": (0.0, 1.0)})
    more = [{}] if method == "adapted" else []
    for config in (Hostile(x=0.5), [("x", 0.5)], None):
        with pytest.raises(ConfigError, match="expected a configuration as a mapping"):
            getattr(space, method)(config, *more)
