"""The search spaces of Ray Tune."""

import json
from enum import StrEnum
from typing import Any

import numpy as np
import pytest

import bohb
from tests.runner.engines import requires

pytestmark = [*requires("ray", "ray", "pandas", "pyarrow"), pytest.mark.filterwarnings("default")]


def give() -> Any:
    return {"given": 1}


def drawn(given: Any, num: int = 40) -> list[Any]:
    """Configurations as Ray's trials see them."""
    from bohb.integrations.ray_space import TuneSpace

    space = TuneSpace(given)
    restored = TuneSpace.from_state(json.loads(json.dumps(space.to_state())))
    optimizer, found = bohb.Optimizer(space.space, [1], seed=0, preset="random"), []
    for _ in range(num):
        config = optimizer.ask().config
        found.append(space.to_tune(config))
        assert restored.to_tune(config) == found[-1]
        assert space.from_tune(found[-1]).keys() == config.keys()
    return found


def test_every_value_is_one_that_ray_could_draw() -> None:
    from ray import tune

    given = {
        "uniform": tune.uniform(0, 1),
        "loguniform": tune.loguniform(1e-5, 1e-1),
        "quniform": tune.quniform(0, 1, 0.1),
        "randint": tune.randint(1, 10),
        "lograndint": tune.lograndint(1, 100),
        "qrandint": tune.qrandint(2, 10, 2),
        "choice": tune.choice(["a", "b"]),
        "mixed": tune.choice([None, True, 2, "x"]),
        "one": tune.randint(3, 4),
        "randn": tune.randn(10, 2),
        "nested": {"deeper": {"uniform": tune.uniform(-2, -1)}, "constant": 5},
        "constant": "not searched",
    }
    for config in drawn(given):
        for name in set(given) - {"nested", "constant", "randn"}:
            assert given[name].is_valid(config[name]), (name, config[name])
        assert 0 <= config["randn"] <= 20
        assert config["one"] == 3
        assert config["randint"] < 10
        assert config["qrandint"] % 2 == 0
        assert config["quniform"] == round(config["quniform"], 1)
        assert given["nested"]["deeper"]["uniform"].is_valid(config["nested"]["deeper"]["uniform"])
        assert "constant" not in config["nested"]


def test_values_on_a_log_scale_are_rounded_to_the_step() -> None:
    from ray import tune

    found = drawn(
        {"a": tune.qloguniform(1e-3, 1, 1e-3), "b": tune.qlograndint(10, 100, 10), "c": tune.qrandn(0, 1, 0.5)}
    )
    assert all(config["a"] == round(config["a"], 3) for config in found)
    assert all(config["b"] % 10 == 0 and isinstance(config["b"], int) for config in found)
    assert all(config["c"] % 0.5 == 0 for config in found)


def test_choices_may_be_anything() -> None:
    """The search knows them by a text that is the same in every process."""
    from ray import tune

    from bohb.integrations.ray_space import TuneSpace

    values = [[64, 64], {"a": 1}, give, lambda: 2]
    space = TuneSpace({"x": tune.choice(values)})
    labels = space.space["x"]["choices"]
    assert labels[:3] == ["[64, 64]", "{'a': 1}", "give"]
    assert labels[3].endswith("<lambda>")
    assert [space.to_tune({"x": label})["x"] for label in labels] == values
    assert [space.from_tune({"x": value})["x"] for value in values] == labels
    with pytest.raises(bohb.SpaceError, match=r"param_space= in Tuner.restore, because the choices of x"):
        TuneSpace.from_state(space.to_state())
    assert drawn({"x": tune.choice([[1, 2], [3]])}, num=1)[0]["x"] in ([1, 2], [3])


class Kind(StrEnum):
    """A text for JSON, and more than that for a training."""

    LINEAR = "linear"
    DEEP = "deep"


@pytest.mark.parametrize(
    "values",
    [
        [True, 1, 1.0, "1", False, 0],
        [0.1, float("nan"), float("inf")],
        [lambda: 1, lambda: 2],
        list(Kind),
        [np.arange(5000), np.arange(5000) + (np.arange(5000) == 2500)],
    ],
    ids=["equal", "odd numbers", "of one name", "enum", "arrays"],
)
def test_every_choice_is_one_of_its_own(values: Any) -> None:
    """Also those that are equal, or look the same; a trial gets the very value, and so does a restored search."""
    from ray import tune

    from bohb.integrations.ray_space import TuneSpace

    space = TuneSpace({"a": {"x": tune.choice(values)}})
    labels = bohb.Optimizer(space.space, [1]).space.to_json()["hyperparameters"][0]["choices"]
    assert len(labels) == len(values)
    for label, value in zip(space.space["a/x"]["choices"], values, strict=True):
        assert space.to_tune({"a/x": label})["a"]["x"] is value
        assert space.from_tune({"a": {"x": value}}) == {"a/x": label}
    state = json.loads(json.dumps(space.to_state()))
    if not state["missing"]:
        restored = TuneSpace.from_state(state)
        assert [repr(restored.to_tune({"a/x": label})["a"]["x"]) for label in labels] == [*map(repr, values)]


def test_choices_that_are_listed_twice_are_one() -> None:
    from ray import tune

    from bohb.integrations.ray_space import TuneSpace

    assert TuneSpace({"x": tune.choice([1, 1, 2])}).space == {"x": {"choices": ["1", "2"]}}
    assert len(TuneSpace({"x": tune.choice([(1, 2), (1, 2)])}).space["x"]["choices"]) == 1


def test_names_that_are_digits_stay_names() -> None:
    from ray import tune

    (config,) = drawn({"layers": {"0": tune.uniform(0, 1), "1": tune.uniform(0, 1)}}, num=1)
    assert config["layers"].keys() == {"0", "1"}


def test_a_space_of_ours_is_taken_as_it_is() -> None:
    from bohb.integrations.ray_space import TuneSpace

    assert TuneSpace({"x": (0.0, 1.0)}).space == {"x": (0.0, 1.0)}


def test_what_cannot_be_searched_is_refused() -> None:
    from ray import tune

    from bohb.integrations.ray_space import TuneSpace

    for given, why in [
        ({"a": {"b": tune.grid_search([1, 2])}}, r"tune.grid_search for 'a/b'"),
        ({"a": tune.sample_from(lambda: 1)}, r"'a', got Function"),
        ({"a": [tune.uniform(0, 1)]}, "distributions in dicts"),
        ({"a/b": tune.uniform(0, 1)}, "without a slash"),
        ({"a": tune.choice([{"b": tune.uniform(0, 1)}])}, r"without distributions in them for 'a'"),
    ]:
        with pytest.raises(bohb.SpaceError, match=why):
            TuneSpace(given)
