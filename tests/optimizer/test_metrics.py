"""The metric that people have: told, kept and shown as it is, under its name, in either direction."""

import inspect
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.errors import BohbWarning, OutcomeError, SettingError, StateError, TellConflict
from bohb.objectives import SYNONYMS
from bohb.optimizer.events import Observed, Reported, Told, from_json, to_json
from bohb.runner import spmd
from bohb.trials import Result, Status
from tests.strategies import PRESET_NAMES

SPACE = {"x": (-1.0, 1.0), "n": (1, 64)}
MAXIMISED = {"accuracy": "maximize"}
numbers = st.floats(allow_nan=False, allow_infinity=False)


def search(objectives: Any = MAXIMISED, **options: Any) -> bohb.Optimizer:
    return bohb.Optimizer(SPACE, [1, 3, 9], **{"seed": 0, "preset": "fast", "objectives": objectives, **options})


def told(outcome: Any, objectives: Any = MAXIMISED, **more: Any) -> Result:
    optimizer = search(objectives)
    return optimizer.tell(optimizer.ask(), outcome, **more)


def value_of(trial: bohb.Trial) -> float:
    """A value that fails now and then; some are zero, which has a sign."""
    if trial.id % 7 == 6:
        return math.nan
    return 0.0 if trial.id % 5 == 4 else trial.config["x"] - 0.01 * trial.config["n"] + trial.budget


def without_metrics(optimizer: bohb.Optimizer) -> list[Any]:
    return [
        replace(event, metrics={}) if isinstance(event, Told | Observed | Reported) else event
        for event in optimizer.events
    ]


# --- the search ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_maximising_is_minimising_the_negative_trial_by_trial(preset: str) -> None:
    """Also with late tells, failures, observations, repetitions, and after a pause."""
    up, down = search(preset=preset), search(None, preset=preset)
    for optimizer, sign in ((up, 1.0), (down, -1.0)):
        optimizer.observe({"x": 0.25, "n": 3}, 1, sign * 0.5)
        optimizer.enqueue({"x": 0.5, "n": 4})
        last = optimizer.ask()
        for _ in range(40):
            trial = optimizer.ask()
            optimizer.tell(last, sign * value_of(last))
            last = trial
        optimizer.forget(last)
    assert without_metrics(up) == without_metrics(down)
    assert [result.loss for result in up.results] == [result.loss for result in down.results]
    again = bohb.Optimizer.from_state(json.loads(json.dumps(up.to_state())))
    assert again.ask() == up.ask() == down.ask()


def test_the_incumbent_has_the_best_value() -> None:
    for objectives, best in ((MAXIMISED, max), ({"accuracy": "minimize"}, min)):
        optimizer = search(objectives, preset="random")
        for value in (0.5, 0.93, 0.1):
            optimizer.tell(optimizer.ask(), value)
        assert optimizer.incumbent is not None
        assert optimizer.incumbent.metrics == {"accuracy": best(0.5, 0.93, 0.1)}


# --- what is told ----------------------------------------------------------------------------------------------------


@given(value=numbers, direction=st.sampled_from(["minimize", "maximize"]), other=numbers)
@settings(max_examples=30, deadline=None)
def test_what_is_told_is_kept_by_name_and_the_loss_is_minimised(value: float, direction: str, other: float) -> None:
    result = told({"accuracy": value, "latency": other}, {"accuracy": direction})
    assert result.metrics == {"accuracy": value, "latency": other}
    assert list(result.metrics) == ["accuracy", "latency"]
    assert result.loss == (-value if direction == "maximize" else value)
    assert told(value, {"accuracy": direction}).metrics == {"accuracy": value}


@pytest.mark.parametrize("number", [np.float32(0.5), np.array([0.5]), np.array(0.5), 0.5])
def test_numbers_of_numpy_are_numbers(number: Any) -> None:
    result = told({"latency": number, "accuracy": number})
    assert dict(result.metrics) == {"accuracy": 0.5, "latency": 0.5}
    assert all(type(value) is float for value in result.metrics.values())


def test_numbers_of_torch_are_numbers() -> None:
    torch = pytest.importorskip("torch")
    result = told({"accuracy": torch.tensor([0.5]), "latency": torch.tensor(2)})
    assert dict(result.metrics) == {"accuracy": 0.5, "latency": 2}


def test_what_is_no_finite_number_goes_to_the_info() -> None:
    rest = {"note": "fine", "converged": True, "grad": math.nan, "large": 10**400, "curve": [1, 2], "info": {"a": 1}}
    result = told({"accuracy": 0.9, "loss": 0.3, "checkpoint": "c", **rest}, info={"b": 2})
    more = {"a": 1, "b": 2}
    assert result.metrics == {"accuracy": 0.9, "loss": 0.3}
    assert result.checkpoint == "c"
    assert result.info == {"note": "fine", "converged": True, "grad": None, "large": 10**400, "curve": [1, 2], **more}


def test_what_cannot_be_kept_is_named_and_the_value_counts() -> None:
    with pytest.warns(BohbWarning, match="model"):
        result = told({"accuracy": 0.9, "model": object(), "latency": 3})
    assert result.metrics == {"accuracy": 0.9, "latency": 3}


@pytest.mark.parametrize("outcome", [{"loss": 0.1}, {}, {"Accuracy": 0.1}, None, "0.9", {"accuracy": None}, [1, 2]])
def test_without_the_value_nothing_is_told(outcome: Any) -> None:
    optimizer = search()
    trial = optimizer.ask()
    with pytest.raises(OutcomeError, match="accuracy"):
        optimizer.tell(trial, outcome)
    assert optimizer.pending == (trial,)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, RuntimeError("boom"), bohb.Failure("boom")])
def test_failures_are_failures_in_either_direction(value: Any) -> None:
    up, down = told(value), told(value, None)
    assert (up.status, up.loss, up.info) == (down.status, math.inf, down.info)
    assert up.is_failure
    assert up.metrics == {}
    if isinstance(value, float):
        assert told({"accuracy": value, "latency": 3}).metrics == {"latency": 3}


def test_without_objectives_all_is_as_ever() -> None:
    optimizer = search(None)
    result = optimizer.tell(optimizer.ask(), {"loss": 0.3, "accuracy": 0.7})
    assert (result.metrics, result.info, optimizer.objectives) == ({}, {"accuracy": 0.7}, None)
    state = optimizer.to_state()
    assert state["format"] == 1
    assert "objectives" not in state
    assert set(state["events"][-1]) == {"kind", "id", "loss", "status", "checkpoint", "info"}


def test_a_second_tell_is_the_same_or_says_what_was_told() -> None:
    optimizer = search()
    trial = optimizer.ask()
    first = optimizer.tell(trial, 0.93)
    assert optimizer.tell(trial, {"accuracy": 0.93, "latency": 12}) == first
    with pytest.raises(TellConflict, match=r"accuracy 0\.93 .* got accuracy 0\.9 "):
        optimizer.tell(trial, 0.9)


def test_an_observation_has_metrics_too() -> None:
    optimizer = search()
    result = optimizer.observe({"x": 0.5, "n": 3}, 9, {"accuracy": 0.9, "latency": 3})
    assert (result.loss, result.metrics) == (-0.9, {"accuracy": 0.9, "latency": 3})
    assert optimizer.observe({"x": 0.5, "n": 3}, 9, 0.9) == result
    assert bohb.Optimizer.from_state(optimizer.to_state()).results == (result,)


def test_a_report_on_the_way_has_metrics_too() -> None:
    """A search that reports and proceeds is the same in either direction, and says what was reported."""
    up, down = search(), search(None)
    for optimizer, sign in ((up, 1.0), (down, -1.0)):
        optimizer.enqueue({"x": 0.5, "n": 3}, 9)
        trial = optimizer.ask()
        for budget in (1, 2, 3):
            value = sign * budget
            optimizer.report(trial, budget, {"accuracy": value, "latency": 3} if sign > 0 else value)
        with pytest.raises(TellConflict, match="accuracy 3" if sign > 0 else "loss -3"):
            optimizer.report(trial, 3, sign * 5)
        optimizer.proceed(trial, sign * 9)
    assert without_metrics(up) == without_metrics(down)
    assert [result.metrics.get("accuracy") for result in up.results] == [1, 3, 9]
    assert up.results[0].metrics == {"accuracy": 1, "latency": 3}
    assert [result.curve for result in up.results] == [result.curve for result in down.results]
    again = bohb.Optimizer.from_state(json.loads(json.dumps(up.to_state())))
    assert again.results == up.results


# --- the state -------------------------------------------------------------------------------------------------------


def test_a_state_keeps_objectives_metrics_cost_and_times() -> None:
    optimizer = search()
    optimizer.tell(optimizer.ask(), {"accuracy": 0.9, "latency": 3}, cost=2, seconds=1.5, finished_at=1e9)
    state = json.loads(json.dumps(optimizer.to_state()))
    again = bohb.Optimizer.from_state(state)
    (result,) = again.results
    assert again.objectives == MAXIMISED
    assert (result.metrics, result.cost) == ({"accuracy": 0.9, "latency": 3}, 2.0)
    assert (result.seconds, result.finished_at) == (1.5, 1e9)
    assert again.to_state() == optimizer.to_state()


def test_a_bohb_without_objectives_refuses_the_state() -> None:
    """It would minimise what is to be maximised."""
    assert search().to_state()["format"] == 2
    with pytest.raises(StateError, match="format"):
        bohb.Optimizer.from_state(search().to_state() | {"format": 4})


@pytest.mark.parametrize("more", [{"metrics": {"a": "x"}}, {"metrics": [1]}, {"cost": "x"}, {"seconds": True}])
def test_a_forged_event_is_refused(more: Any) -> None:
    optimizer = search()
    optimizer.tell(optimizer.ask(), 0.5)
    kind, facts = to_json(optimizer.events[-1], optimizer.space)
    with pytest.raises(StateError):
        from_json(kind, facts | more, optimizer.space, optimizer.ladder)


def test_times_are_not_compared() -> None:
    """Two searches are equal whenever they took place."""
    assert told(0.5, seconds=1.0) == told(0.5, seconds=2.0, finished_at=3.0)
    assert told(0.5, cost=1.0) != told(0.5, cost=2.0)


@pytest.mark.parametrize("name", ["cost", "seconds", "finished_at"])
@pytest.mark.parametrize("amount", [-1, math.nan, math.inf, 10**400, "much", True, object()])
def test_an_amount_that_is_none_costs_no_training(name: str, amount: Any) -> None:
    optimizer = search(None)
    with pytest.warns(BohbWarning, match=name):
        result = optimizer.tell(optimizer.ask(), 0.5, **{name: amount})
    assert (result.status, getattr(result, name)) == (Status.OK, None)
    assert bohb.Optimizer.from_state(json.loads(json.dumps(optimizer.to_state()))).results == optimizer.results


@pytest.mark.parametrize("name", ["cost", "seconds", "finished_at"])
@pytest.mark.parametrize("amount", [2, np.float32(2), np.int64(2), np.array([2.0])])
def test_an_amount_is_any_kind_of_number(name: str, amount: Any) -> None:
    optimizer = search(None)
    optimizer.tell(optimizer.ask(), 0.5, **{name: amount})
    (result,) = bohb.Optimizer.from_state(json.loads(json.dumps(optimizer.to_state()))).results
    assert getattr(result, name) == 2.0


# --- the arguments ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SYNONYMS)
@pytest.mark.parametrize("function", [bohb.Optimizer, bohb.Study.open, bohb.run, spmd.run])
def test_other_names_for_objectives_get_advice(name: str, function: Any) -> None:
    with pytest.raises(SettingError, match=r"objectives=.*got " + name):
        function(SPACE, [1], **{name: "max"})
    with pytest.raises(TypeError):
        function(SPACE, [1], sead=1)
    assert "budgets" in str(inspect.signature(bohb.Optimizer))


def test_wrong_objectives_are_refused() -> None:
    with pytest.raises(SettingError, match="maximize"):
        search({"accuracy": "up"})
