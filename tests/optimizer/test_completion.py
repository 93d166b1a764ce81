"""A configuration that is given in part is completed as a new one would be chosen."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.facts import Facts
from bohb.models import Proposal
from bohb.trials import Origin
from tests.strategies import GOOD, loss_of, make, presets, seeds


def advanced(preset: str, num: int, seed: int = 0) -> bohb.Optimizer:
    optimizer = make(preset, seed=seed)
    for _ in range(num):
        trial = optimizer.ask()
        optimizer.tell(trial, loss_of(trial))
    return optimizer


@settings(deadline=None, max_examples=20)
@given(
    preset=presets,
    seed=seeds,
    num=st.integers(0, 15),
    names=st.sets(st.sampled_from(sorted(GOOD)), min_size=1),
    budget=st.sampled_from([None, 1, 27]),
)
def test_the_given_values_stay_and_the_rest_is_chosen(
    preset: str, seed: int, num: int, names: set[str], budget: int | None
) -> None:
    """The search goes on as if the whole configuration had been enqueued."""
    part = {name: GOOD[name] for name in names}
    optimizer, twin, whole = (advanced(preset, num, seed) for _ in range(3))
    optimizer.enqueue(part, budget)
    trial = optimizer.ask()
    assert trial.origin is Origin.ENQUEUED
    assert part.items() <= trial.config.items()
    optimizer.space.encode(trial.config)
    twin.enqueue(part, budget)
    assert twin.ask() == trial, "the same seed, the same configuration"
    whole.enqueue(trial.config, budget)
    assert [whole.ask() for _ in range(3)] == [trial, *(optimizer.ask() for _ in range(2))]
    assert part == {name: GOOD[name] for name in names}, "no argument is modified"


@pytest.mark.parametrize("preset", ["default", "fast", "paper", "hpbandster"])
def test_the_model_chooses_the_rest_given_the_values(preset: str) -> None:
    optimizer = bohb.Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, [1], seed=0, preset=preset)
    for _ in range(60):
        trial = optimizer.ask()
        optimizer.tell(trial, (trial.config["x"] - 0.5) ** 2 + (trial.config["y"] - 0.8) ** 2)
    found = []
    for x in np.linspace(0.3, 0.7, 9):
        optimizer.enqueue({"x": x})
        found.append(optimizer.ask().config["y"])
    assert abs(np.median(found) - 0.8) < 0.2


class Pair:
    """A model that proposes the corners of a square, the worst one last."""

    def propose(self, observations: Any, space: Any, rng: np.random.Generator) -> Proposal:
        return Proposal(np.array([[0.25, 0.75], [0.75, 0.25]]), Facts())


def test_the_candidates_of_a_users_own_model_take_the_values() -> None:
    optimizer = bohb.Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, [1], seed=0, preset="paper", model=Pair())
    for y in (0.75, 0.25):  # the second time the first candidate is not new
        optimizer.enqueue({"x": 0.5})
        assert optimizer.ask().config == {"x": 0.5, "y": y}


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ({"act": None, "dropout": 0.5}, "completed"),
        ({"act": "tanh", "size": "large"}, "completed"),
        ({"rate": 7.0}, "7.0"),
        ({"lr": 1.0}, "lr"),
        ({}, "act"),
        ([("rate", 0.1)], "mapping"),
    ],
)
def test_what_cannot_be_completed_is_refused(part: Any, text: str) -> None:
    optimizer = advanced("default", 20)
    before = optimizer.to_state()
    with pytest.raises(bohb.ConfigError, match=text):
        optimizer.enqueue(part)
    assert optimizer.to_state() == before


def test_a_parent_is_chosen_so_that_the_given_parameter_is_active() -> None:
    for seed in range(20):
        optimizer = make(seed=seed)
        optimizer.enqueue({"decay": 1e-3})
        config = optimizer.ask().config
        assert config["decay"] == 1e-3
        assert config["dropout"] > 0.3


def test_a_finite_space_is_completed_until_nothing_new_is_left() -> None:
    optimizer = bohb.Optimizer({"a": [1, 2], "b": [1, 2, 3]}, [1], seed=0, preset="random")
    for _ in range(3):
        optimizer.enqueue({"a": 1})
    with pytest.raises(bohb.ConfigError, match="new configuration"):
        optimizer.enqueue({"a": 1})
    assert sorted(optimizer.ask().config["b"] for _ in range(3)) == [1, 2, 3]


def test_a_study_keeps_the_completed_configuration(tmp_path: Any) -> None:
    space = {"x": (0.0, 1.0), "shape": [(64,), (64, 32)]}
    with bohb.Study.open(tmp_path / "s.db", space, [1, 3], seed=0) as study:
        study.enqueue(json.loads('{"shape": [64, 32]}'))
    with bohb.Study.open(tmp_path / "s.db") as study:
        assert study.ask().config["shape"] == (64, 32)
