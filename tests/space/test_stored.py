"""A space from JSON is the space that ConfigSpace reads from it, bit for bit, and needs no ConfigSpace."""

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import ConfigSpace as CS  # noqa: N817
import numpy as np
import pytest
from ConfigSpace.exceptions import ForbiddenValueError
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

import bohb
from bohb.errors import ConfigError, SpaceError, StateError, StudyMismatch
from bohb.space import Space
from bohb.space.stored import is_known, read_json
from bohb.space.values import untagged
from tests.space.random_spaces import DISTRIBUTIONS, draw_anything, spaces

GOLDEN = Path(__file__).parents[1] / "golden" / "format-1"
laws = settings(derandomize=True, max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def stored_spaces(draw: st.DrawFn) -> dict[str, Any]:
    """The JSON of a random space, with a parameter of each of some more distributions."""
    source = draw(spaces())
    for number, distribution in enumerate(draw(st.lists(st.sampled_from(DISTRIBUTIONS), max_size=3))):
        extra: Any = copy.copy(distribution)
        extra.name = f"extra{number}"
        source.add(extra)
    data = Space(source).to_json()
    if untagged(data) != data:  # it has a tuple, which only ConfigSpace reads
        reject()
    return data


def by_configspace(data: dict[str, Any]) -> Space:
    return Space(CS.ConfigurationSpace.from_serialized_dict(copy.deepcopy(data)))


def encoded(space: Space, config: dict[str, Any]) -> bytes | str:
    """The vector of a configuration, or why it is refused."""
    try:
        return space.encode(config).tobytes()
    except ConfigError as error:
        return str(error)


def assert_same(ours: Space, theirs: Space, seed: int) -> None:
    assert ours.names == theirs.names
    assert [(type(one), one.values, one.range, one.num_values) for one in ours.parameters.values()] == [
        (type(one), one.values, one.range, one.num_values) for one in theirs.parameters.values()
    ]
    assert ours.choices.tobytes() == theirs.choices.tobytes()
    for one, other in zip(ours.edges, theirs.edges, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (ours.num_searched, ours.size) == (theirs.num_searched, theirs.size)
    anything = draw_anything(ours, seed, 12)
    active = ours.deactivate(anything)
    assert active.tobytes() == theirs.deactivate(anything).tobytes()
    assert ours.is_allowed(active).tobytes() == theirs.is_allowed(active).tobytes()
    (draws, rejected), (draws_too, rejected_too) = (
        space.sample(np.random.default_rng(seed), 9) for space in (ours, theirs)
    )
    assert (draws.tobytes(), rejected) == (draws_too.tobytes(), rejected_too)
    for vector in (*anything, *active, *draws):
        config = ours.decode(vector)
        assert list(config.items()) == list(theirs.decode(vector).items())
        assert encoded(ours, config) == encoded(theirs, config)


@laws
@given(stored_spaces(), st.integers(0, 2**32))
def test_a_space_from_json_is_the_one_that_configspace_reads(data: dict[str, Any], seed: int) -> None:
    assert is_known(data)
    space = Space.from_json(data)
    assert_same(space, by_configspace(data), seed)
    assert space.to_json() == data


@laws
@given(stored_spaces(), st.integers(0, 2**32))
def test_the_order_of_the_parts_has_no_effect(data: dict[str, Any], seed: int) -> None:
    shuffled = {**data, **{name: data[name][::-1] for name in ("hyperparameters", "conditions")}}
    assert is_known(shuffled)
    assert_same(Space.from_json(shuffled), by_configspace(data), seed)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_each_distribution_is_drawn_alike(distribution: Any) -> None:
    data = Space(CS.ConfigurationSpace(space={"x": distribution})).to_json()
    assert is_known(data)
    assert_same(Space.from_json(data), by_configspace(data), 5)


@pytest.mark.parametrize("path", sorted(path for path in GOLDEN.glob("*-*.json")), ids=lambda path: path.stem)
def test_the_spaces_of_old_states_are_known(path: Path) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))["space"]
    assert is_known(data)
    assert_same(Space.from_json(data), by_configspace(data), 1)


# What is not known


def mixed() -> dict[str, Any]:
    source = CS.ConfigurationSpace(space={"a": ["x", "y", "z"], "b": (1, 8), "c": (0.5, 2.0), "d": (1, 4)})
    a, b, c, d = (source[name] for name in "abcd")
    source.add(CS.AndConjunction(CS.EqualsCondition(d, a, "x"), CS.EqualsCondition(d, b, 4)))
    source.add(CS.ForbiddenLessThanRelation(b, c), CS.ForbiddenGreaterThanClause(b, 7))
    return Space(source).to_json()


def test_other_forms_are_read_by_configspace() -> None:
    """Older and newer versions of ConfigSpace may write other fields; the space is the same."""
    data = mixed()
    legacy, newer = copy.deepcopy(data), copy.deepcopy(data) | {"format_version": 0.5, "author": "me"}
    (relation,) = (part for part in legacy["forbiddens"] if part["type"] == "RELATION_LT")
    relation |= {"type": "RELATION", "lambda": "LT"}
    for other in (legacy, newer):
        assert not is_known(other)
        kept = json.dumps(other)
        assert_same(Space.from_json(other), Space.from_json(data), 2)
        assert json.dumps(other) == kept
        assert is_known(Space.from_json(other).to_json())


DAMAGE: list[Any] = [
    None,
    True,
    0,
    -1,
    2,
    0.5,
    -3.0,
    "a",
    "x",
    "EQ",
    "AND",
    "ordinal",
    [],
    [1],
    {},
    float("nan"),
    10**20,
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, one in items for place in [(*path, key), *places(one, (*path, key))]]


@laws
@given(stored_spaces(), st.randoms(use_true_random=False), st.integers(0, 2**32))
def test_damaged_data_are_refused_or_mean_what_configspace_says(data: dict[str, Any], random: Any, seed: int) -> None:
    path = random.choice([path for path in places(data) if path != ("forbiddens",)])
    damaged = copy.deepcopy(data)
    where = damaged
    for key in path[:-1]:
        where = where[key]
    if random.random() < 0.3:
        del where[path[-1]]
    else:
        where[path[-1]] = random.choice(DAMAGE)
    try:
        space = Space.from_json(damaged)
    except SpaceError:
        return
    with contextlib.suppress(ForbiddenValueError):  # the default: the package has no use for defaults
        theirs = by_configspace(damaged)
        with contextlib.suppress(SpaceError):  # nothing is allowed any more
            assert_same(space, theirs, seed)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data["hyperparameters"].clear(),
        lambda data: data["hyperparameters"].append(data["hyperparameters"][0]),
        lambda data: data["hyperparameters"][0].update(choices=["x", "x"]),
        lambda data: data["hyperparameters"][1].update(lower=9),
        lambda data: data["conditions"][0]["conditions"][0].update(child="a"),
        lambda data: data["conditions"][0]["conditions"][0].update(parent="d"),
        lambda data: data["conditions"][0]["conditions"][0].update(value="w"),
        lambda data: data["conditions"][0]["conditions"].pop(),
        lambda data: data["conditions"].append({"type": "EQ", "child": "a", "parent": "d", "value": 1}),
        lambda data: data["forbiddens"][0].update(type="odd"),
        lambda data: data["forbiddens"][0].pop("type"),
        lambda data: data.update(hyperparameters=3),
    ],
)
def test_a_damaged_space_is_refused_with_its_state(damage: Any) -> None:
    state = bohb.Optimizer(Space.from_json(mixed()), [1, 3], seed=0).to_state()
    damage(state["space"])
    with pytest.raises(SpaceError, match="expected"):
        Space.from_json(state["space"])
    with pytest.raises(StateError, match="damaged"):
        bohb.Optimizer.from_state(state)


def test_what_is_read_is_private() -> None:
    data = mixed()
    space = Space.from_json(data)
    kept = space.to_json()
    data["hyperparameters"].clear()
    space.to_json()["hyperparameters"].clear()
    assert space.to_json() == kept
    assert read_json(kept) is not kept


def test_a_subclass_is_what_it_derives_from() -> None:
    class Rate(CS.UniformFloatHyperparameter):
        """A user's own kind."""

    data = Space(CS.ConfigurationSpace(space={"x": Rate("x", 0.1, 1.0)})).to_json()
    assert data["hyperparameters"][0]["type"] == "uniform_float"


# Studies


def test_a_study_of_another_version_of_configspace_is_the_same_study(tmp_path: Path) -> None:
    data = mixed()
    other = copy.deepcopy(data) | {"python_module_version": "1.1.4"}
    with bohb.Study.open(tmp_path / "study.db", Space.from_json(other), [1, 3], seed=0) as study:
        assert study.space.to_json() == other
    bohb.Study.open(tmp_path / "study.db", Space.from_json(data), [1, 3]).close()
    narrower = copy.deepcopy(data)
    narrower["hyperparameters"][1]["upper"] = 7
    narrower["forbiddens"] = [part for part in narrower["forbiddens"] if part["type"] != "CLAUSE_GT"]
    with pytest.raises(StudyMismatch, match="upper"):
        bohb.Study.open(tmp_path / "study.db", Space.from_json(narrower), [1, 3])
