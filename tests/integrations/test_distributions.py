"""What scikit-learn's searches take as parameters: every value that comes out is one that went in."""

from types import MappingProxyType
from typing import Any

import ConfigSpace
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import bohb
from bohb.integrations.distributions import TAIL, read_space
from bohb.space import checked_space


def draws(space: Any, num: int = 50) -> list[dict[str, Any]]:
    """Parameters from random configurations of a space."""
    entries, read = read_space(space)
    made = checked_space(entries)
    vectors, _ = made.sample(np.random.default_rng(0), num)
    return [read(made.decode(vector)) for vector in vectors]


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(-3, 3),
    st.text(max_size=3),
    st.tuples(st.integers(0, 3)),
    st.sampled_from([np.nan, np.inf]),
    st.builds(object),
    st.integers(0, 5).map(np.int64),
)


@settings(deadline=None, max_examples=30)
@given(st.lists(ANYTHING, min_size=1, max_size=6))
def test_a_list_of_any_objects_gives_these_objects(values: list[Any]) -> None:
    assert all(any(row["name"] is value for value in values) for row in draws({"name": values}, 10))


@pytest.mark.parametrize(
    "values", [np.logspace(-3, 3, 7), np.array(["a", "b"]), range(3, 4), range(9, 0, -2), {1, 2}, (1, 2, 3), ("a", "b")]
)
def test_every_collection_is_a_list(values: Any) -> None:
    assert {row["name"] for row in draws({"name": values})} == set(values)


def test_numbers_in_order_stay_in_order() -> None:
    for values in ([0.1, 1, 10], [10, 1, 0.1]):
        entries, _ = read_space({"C": values})
        assert "ordered" in entries["C"]
    for others in ([1, 10, 0.1], ["a", "b"], [False, True], [1], [1, 1]):
        entries, _ = read_space({"C": others})
        assert "choices" in entries["C"]


@pytest.mark.parametrize(
    "law",
    [
        stats.uniform(2, 3),
        stats.uniform(0, 1e-20),
        stats.loguniform(1e-14, 1e-2),
        stats.loguniform(1e-3, 1e200),
        stats.loguniform(1e-3, 1e3),
        stats.expon(scale=0.1),
        stats.norm(5, 2),
        stats.beta(2, 5),
        stats.lognorm(1.5),
        stats.randint(3, 20),
        stats.poisson(4),
        stats.binom(10, 0.3),
    ],
)
def test_a_distribution_is_drawn_from(law: Any) -> None:
    values = [row["name"] for row in draws({"name": law}, 400)]
    is_whole = hasattr(law, "pmf")
    assert {type(value) for value in values} == {int if is_whole else float}
    for quantile in (0.1, 0.5, 0.9):
        share = np.mean([value <= law.ppf(quantile) for value in values])
        assert share == pytest.approx(law.cdf(law.ppf(quantile)), abs=0.1)
    assert law.ppf(0) <= min(values)
    assert max(values) <= law.isf(0)


def test_the_ends_of_an_infinite_distribution_are_left_out() -> None:
    _, read = read_space({"x": stats.norm()})
    assert read({"x": TAIL})["x"] == stats.norm.ppf(TAIL)


def test_a_single_value_of_integers_is_a_constant() -> None:
    assert draws({"n": stats.randint(4, 5)}, 1) == [{"n": 4}]


def test_our_own_words_mean_the_same() -> None:
    space = {
        "a": (1, 9),
        "b": (0.1, 1.0, "log"),
        "c": range(0, 9, 2),
        "d": {"range": [0, 1], "when": {"e": "x"}},
        "e": ["x", "y"],
        "f": 3,
        "forbid": [{"e": "y", "a": 1}],
    }
    entries, _ = read_space(space)
    ours = bohb.Optimizer(space, [1], seed=0)
    theirs = bohb.Optimizer(entries, [1], seed=0)
    assert [ours.ask().config for _ in range(5)] == [theirs.ask().config for _ in range(5)]


@pytest.mark.parametrize("value", [[1, 2, 3], (1, 9), (0.1, 1.0, "log"), range(1, 9), stats.norm(), "text", 3])
def test_each_configuration_follows_one_of_several_dicts(value: Any) -> None:
    found = draws([{"a": ["x"], "b": value}, {"a": ["y"], "c": {"range": [0, 1], "when": {"a": "y"}}}])
    assert {row["a"] for row in found} == {"x", "y"}
    assert all(set(row) == ({"a", "b"} if row["a"] == "x" else {"a", "c"}) for row in found)


def test_rules_hold_within_their_dict() -> None:
    found = draws([{"a": [1, 2], "b": [1, 2], "forbid": [{"a": 2, "b": 2}]}, {"a": [1], "b": [1, 2]}])
    assert {tuple(row.values()) for row in found} == {(1, 1), (1, 2), (2, 1)}


@pytest.mark.parametrize("law", [stats.uniform(0.1, 0), stats.uniform(0, -1), stats.randint(5, 5), stats.norm(0, -1)])
def test_a_distribution_without_values_is_refused(law: Any) -> None:
    with pytest.raises(ValueError, match="'x' needs a distribution with valid arguments; got"):
        read_space({"x": law})


HYPERPARAMETERS = [
    ConfigSpace.Float("b", (1e-3, 1.0), log=True),
    ConfigSpace.Float("b", (0.0, 1.0), distribution=ConfigSpace.Normal(0.5, 0.1)),
    ConfigSpace.Integer("b", (1, 5)),
    ConfigSpace.Categorical("b", ["p", "q"], weights=[1, 2]),
    ConfigSpace.Constant("b", 3),
]


@pytest.mark.parametrize("value", HYPERPARAMETERS, ids=repr)
def test_an_object_of_configspace_may_stand_in_one_of_several_dicts(value: Any) -> None:
    both = {"a": ["x"], "b": value, "c": {"range": [0, 1], "when": {"a": "x"}}}
    found = draws([both, {"a": ["y"], "b": [None]}, {"d": value}])
    assert {tuple(row) for row in found} == {("a", "b", "c"), ("a", "b"), ("d",)}
    assert all(value.legal_value(row["d"] if "d" in row else row["b"]) or row["a"] == "y" for row in found)
    assert value.name == "b"


def test_conditions_and_rules_name_what_the_list_has() -> None:
    scalers = [object(), "passthrough", None]
    space = {"scaler": scalers, "C": {"int": [1, 2], "when": {"scaler": ["passthrough", None]}}}
    assert all(("C" in row) == (row["scaler"] in scalers[1:]) for row in draws(space))
    found = draws({"scaler": scalers, "C": [1, 2], "forbid": [{"scaler": "passthrough", "C": 2}]})
    assert not any(row["scaler"] == "passthrough" and row["C"] == 2 for row in found)


@pytest.mark.parametrize("kind", ["choices", "ordered"])
def test_any_objects_may_be_choices_in_words(kind: str) -> None:
    objects = [object(), "text", None, (8, 8)]
    space = {"a": ["x", "y"], "b": {kind: objects, "when": {"a": "x"}}}
    for found in (draws(space, 300), draws([space, {"c": [1]}], 300)):
        assert {row["b"] for row in found if "b" in row} == set(objects)
        assert all(("b" in row) == (row.get("a") == "x") for row in found)


@pytest.mark.parametrize("wrong", [{"int": [1, 2], "when": 3}, {"choices": 3}, {"choices": []}, {"ordered": "text"}])
@pytest.mark.parametrize("several", [False, True])
def test_words_that_are_wrong_are_refused(wrong: Any, several: bool) -> None:
    space = {"a": wrong, "b": [1, 2]}
    with pytest.raises(bohb.errors.SpaceError, match="expected"):
        draws([space, {"c": [1]}] if several else space)


@pytest.mark.parametrize(
    "values", [np.linspace(0, 1, 100_000), range(0, 10**9, 2), range(10**6, 0, -1), list(map(str, range(30_000)))]
)
def test_a_long_list_is_searched_at_once(values: Any) -> None:
    assert all(row["name"] in values for row in draws({"name": values}, 5))


def test_every_mapping_is_a_dict() -> None:
    space = {"a": stats.norm(), "b": [object()]}
    assert draws(MappingProxyType(space), 5) == draws([MappingProxyType(space)], 5) == draws(space, 5)


class NoQuantiles:
    def rvs(self, random_state: Any = None) -> float:
        return 0.5


@pytest.mark.parametrize("space", [[], {}, [{}], [1], {"a": NoQuantiles()}, {"a": object()}, {"a": stats.norm.rvs}])
def test_anything_else_is_refused(space: Any) -> None:
    with pytest.raises(ValueError, match=r"needs a|a dict of parameters"):
        read_space(space)
