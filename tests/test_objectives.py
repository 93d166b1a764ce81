"""The goal of a search: what is told is what is shown, and the loss inside is minimised."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.errors import SettingError
from bohb.objectives import DIRECTIONS, LOSS, RESERVED, SYNONYMS, Direction, Goal, advised, goal_of, read_goal

GOALS = st.builds(Goal, st.text(min_size=1), st.sampled_from(DIRECTIONS))


@given(GOALS, st.floats(allow_nan=False))
def test_what_was_told_is_what_is_shown(goal: Goal, value: float) -> None:
    assert goal.value(goal.loss(value)) == value
    assert goal.shown(goal.loss(value)) == (value if math.isfinite(value) else None)


@given(GOALS, st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_the_better_value_has_the_lower_loss(goal: Goal, one: float, other: float) -> None:
    is_better = one > other if goal.direction == "maximize" else one < other
    assert (goal.loss(one) < goal.loss(other)) == is_better


def test_the_text_has_the_name_and_the_sign_of_the_user() -> None:
    assert Goal("accuracy", "maximize").text(-0.93) == "accuracy 0.93"
    assert LOSS.text(0.25) == "loss 0.25"


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_mapping_of_one_name_is_a_goal(direction: Direction) -> None:
    objectives = {"accuracy": direction}
    assert read_goal(objectives) == Goal("accuracy", direction, is_declared=True)
    assert goal_of(SimpleNamespace(objectives=objectives)).objectives == objectives


def test_without_objectives_there_is_a_loss_to_minimise() -> None:
    assert read_goal(None) == goal_of(SimpleNamespace()) == LOSS == Goal("loss", "minimize")
    assert LOSS.objectives is None


WRONG: list[Any] = [
    *("maximize", ["accuracy"], {}, 1),
    *({"accuracy": "max"}, {"accuracy": True}, {"accuracy": None}, {"accuracy": ["maximize"]}),
    *({1: "maximize"}, {"": "maximize"}, {" ": "maximize"}, {"a\nb": "maximize"}),
    *({name: "minimize"} for name in RESERVED),
    {"accuracy": "maximize", "latency": "minimize"},
]


@pytest.mark.parametrize("objectives", WRONG)
def test_anything_else_is_refused_with_an_example(objectives: Any) -> None:
    with pytest.raises(SettingError, match=r"objectives={.accuracy.: .maximize.}"):
        read_goal(objectives)


@pytest.mark.parametrize("name", SYNONYMS)
def test_the_names_of_other_libraries_get_advice(name: str) -> None:
    """Every other unknown argument is Python's own error."""

    @advised
    def search(space: int, *, seed: int = 0) -> int:
        return space + seed

    assert search(1, seed=2) == 3
    with pytest.raises(SettingError, match=f"objectives=.*got {name}="):
        search(1, **{name: "max"})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unexpected keyword argument 'sead'"):
        search(1, sead=3)  # type: ignore[call-arg]
