"""Laws of the space, and its agreement with ConfigSpace on what is active, legal and likely."""

import json
from typing import Any

import ConfigSpace as CS  # noqa: N817
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bohb.errors import ConfigError, SpaceError
from bohb.space import Space

laws = settings(derandomize=True, max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))

# Random spaces


@st.composite
def parameters(draw: st.DrawFn, name: str, finite: bool = False) -> Any:
    low = draw(st.integers(-3, 3))
    kinds = [
        st.just(CS.UniformIntegerHyperparameter(name, low, low + draw(st.integers(1, 4)))),
        st.just(CS.UniformIntegerHyperparameter(name, 1, draw(st.integers(2, 6)), log=True)),
        st.just(CS.NormalIntegerHyperparameter(name, 1.0, 2.0, -2, 3)),
        st.just(CS.CategoricalHyperparameter(name, ["a", "b", None, 1, (1, 2)][: draw(st.integers(1, 5))])),
        st.just(CS.CategoricalHyperparameter(name, [True, 2.5, "1", False], weights=[1, 2, 3, 0.5])),
        st.just(CS.OrdinalHyperparameter(name, [3, 1, 2][: draw(st.integers(1, 3))])),
        st.just(CS.Constant(name, draw(st.sampled_from(["x", 1, 0.5, None])))),
    ]
    if not finite:
        kinds += [
            st.just(CS.UniformFloatHyperparameter(name, low, low + 2)),
            st.just(CS.UniformFloatHyperparameter(name, 1e-4, 1.0, log=True)),
            st.just(CS.BetaFloatHyperparameter(name, 2.0, 3.0, low, low + 1)),
        ]
    return draw(st.one_of(kinds))


def example_values(parameter: Any) -> list[Any]:
    if isinstance(parameter, CS.CategoricalHyperparameter):
        return list(parameter.choices)
    if isinstance(parameter, CS.OrdinalHyperparameter):
        return list(parameter.sequence)
    if isinstance(parameter, CS.Constant):
        return [parameter.value]
    if isinstance(parameter.lower, int):
        return list(range(parameter.lower, parameter.upper + 1))
    return [parameter.lower, float(parameter.default_value), parameter.upper]


@st.composite
def literal_conditions(draw: st.DrawFn, child: Any, parent: Any) -> Any:
    values = example_values(parent)
    classes = [CS.EqualsCondition, CS.NotEqualsCondition, CS.InCondition]
    if parent.ORDERABLE:
        classes += [CS.LessThanCondition, CS.GreaterThanCondition]
    kind = draw(st.sampled_from(classes))
    if kind is CS.InCondition:
        return kind(child, parent, draw(st.lists(st.sampled_from(values), min_size=1, max_size=3)))
    return kind(child, parent, draw(st.sampled_from(values)))


@st.composite
def literal_clauses(draw: st.DrawFn, parameter: Any) -> Any:
    values = example_values(parameter)
    classes = [CS.ForbiddenEqualsClause, CS.ForbiddenInClause]
    if parameter.ORDERABLE:
        classes += [CS.ForbiddenLessThanClause, CS.ForbiddenGreaterThanClause, CS.ForbiddenLessThanEqualsClause]
    kind = draw(st.sampled_from(classes))
    if kind is CS.ForbiddenInClause:
        return kind(parameter, draw(st.lists(st.sampled_from(values), min_size=1, max_size=3)))
    return kind(parameter, draw(st.sampled_from(values)))


@st.composite
def clauses(draw: st.DrawFn, members: list[Any]) -> Any:
    numbers = [one for one in members if all(type(value) in (int, float) for value in example_values(one))]
    if len(numbers) >= 2 and draw(st.booleans()):
        left, right = draw(st.permutations(numbers))[:2]
        relations = [CS.ForbiddenLessThanRelation, CS.ForbiddenGreaterThanRelation]
        if not any(isinstance(one, CS.hyperparameters.FloatHyperparameter) for one in (left, right)):
            # On floats ConfigSpace compares what it has scaled to [0, 1] and back, with the last bit as it comes.
            relations += [CS.ForbiddenEqualsRelation, CS.ForbiddenLessThanEqualsRelation]
        return draw(st.sampled_from(relations))(left, right)
    chosen = draw(st.permutations(members))[: draw(st.integers(1, 3))]
    parts = [draw(literal_clauses(one)) for one in chosen]
    if len(parts) == 1:
        return parts[0]
    return draw(st.sampled_from([CS.ForbiddenAndConjunction, CS.ForbiddenOrConjunction]))(*parts)


@st.composite
def spaces(draw: st.DrawFn, finite: bool = False) -> CS.ConfigurationSpace:
    order = draw(st.permutations("abcdef"))[: draw(st.integers(1, 6))]
    members = [draw(parameters(name, finite)) for name in order]
    space = CS.ConfigurationSpace()
    space.add(members)
    # One kind of conjunction a space: ConfigSpace takes an And and an Or of equal parts for the same condition.
    conjunction = draw(st.sampled_from([CS.AndConjunction, CS.OrConjunction]))
    for index, child in enumerate(members[1:], start=1):
        num_parents = draw(st.sampled_from([0, 1, 1, 2]))
        parents = draw(st.permutations(members[:index]))[:num_parents]
        parts = [draw(literal_conditions(child, parent)) for parent in parents]
        if parts:
            space.add(parts[0] if len(parts) == 1 else conjunction(*parts))
    for _ in range(draw(st.integers(0, 3))):
        clause = draw(clauses(members))
        clause.set_vector_idx(space.index_of)
        if not clause.is_forbidden_vector(space.get_default_configuration().get_array()):
            space.add(clause)
    return space


def draw_anything(space: Space, seed: int, num: int) -> np.ndarray:
    """Every parameter set, active or not, allowed or not."""
    u = np.random.default_rng(seed).random((num, len(space.names)))
    return space.snap(np.where(space.choices > 0, np.floor(u * np.maximum(space.choices, 1)), u))


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
def test_active_parameters_are_those_of_configspace(source: CS.ConfigurationSpace, seed: int) -> None:
    space = Space(source)
    vectors = space.deactivate(draw_anything(space, seed, 20))
    for vector in vectors:
        config = space.decode(vector)
        theirs = np.full(len(source), np.nan)
        for name, value in config.items():
            theirs[source.index_of[name]] = source[name].to_vector(value)
        assert source.get_active_hyperparameters(theirs) == set(config)


@laws
@given(spaces(), st.integers(0, 2**32))
def test_what_is_forbidden_is_what_configspace_forbids(source: CS.ConfigurationSpace, seed: int) -> None:
    space = Space(source)
    vectors = space.deactivate(draw_anything(space, seed, 20))
    for vector, allowed in zip(vectors, space.is_allowed(vectors), strict=True):
        assert allowed == is_legal_for_configspace(source, space.decode(vector))


@laws
@given(spaces(), st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_encode_accepts_exactly_what_configspace_accepts(source: CS.ConfigurationSpace, seed: int, random: Any) -> None:
    space = Space(source)
    vectors = draw_anything(space, seed, 20)
    for vector in np.concatenate([vectors, space.deactivate(vectors)]):
        config = space.decode(vector)
        if random.random() < 0.5:
            config.pop(random.choice(space.names), None)
        if random.random() < 0.5:
            name = random.choice(space.names)
            config[name] = random.choice([*example_values(source[name]), "no", 7, -7.5])
        assert is_legal(space, config) == is_legal_for_configspace(source, config)


@laws
@given(spaces(finite=True))
def test_enumeration_is_every_valid_configuration_once(source: CS.ConfigurationSpace) -> None:
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
def test_encode_undoes_decode_bit_for_bit(source: CS.ConfigurationSpace, seed: int) -> None:
    space = Space(source)
    vectors, _ = space.sample(np.random.default_rng(seed), 20)
    for vector in vectors:
        config = space.decode(vector)
        assert space.encode(config).tobytes() == vector.tobytes()
        again = space.decode(space.encode(config))
        assert [(type(value), value) for value in again.values()] == [(type(value), value) for value in config.values()]
        assert list(config) == [name for name in space.names if name in config]
        assert space.unpack(json.loads(json.dumps(space.pack(config)))) == config


@laws
@given(spaces(), st.integers(0, 2**32))
def test_snap_has_the_bits_of_encode_after_decode(source: CS.ConfigurationSpace, seed: int) -> None:
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


@laws
@given(spaces(), st.integers(0, 2**32), st.integers(0, 9))
def test_samples_are_valid_and_arguments_are_not_changed(source: CS.ConfigurationSpace, seed: int, num: int) -> None:
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
def test_a_space_survives_json_or_says_that_it_cannot(source: CS.ConfigurationSpace, seed: int) -> None:
    space = Space(source)
    if any(isinstance(value, tuple) for one in source.values() for value in example_values(one)):
        with pytest.raises(SpaceError, match="pass the space itself"):
            space.to_json()
        return
    data = json.loads(json.dumps(space.to_json(), allow_nan=False))
    text = json.dumps(data)
    restored = Space.from_json(data)
    assert json.dumps(data) == text
    ours, _ = space.sample(np.random.default_rng(seed), 20)
    theirs, _ = restored.sample(np.random.default_rng(seed), 20)
    assert restored.names == space.names
    assert ours.tobytes() == theirs.tobytes()
    assert [space.decode(vector) for vector in ours] == [restored.decode(vector) for vector in theirs]
