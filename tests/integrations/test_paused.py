"""Trainings that a host pauses and resumes, with a host that is a few lists."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.integrations._paused import PausedTrainings
from bohb.trials import Failure

BUDGETS = [1, 3, 9]
SPACE = {"x": (0.0, 1.0)}
OUTCOMES = st.sampled_from(["value"] * 8 + ["nan", "error", "end"])


def loss_of(config: Any, step: int) -> float:
    return float((config["x"] - 0.3) ** 2 + 1 / step)


class Host:
    """Runs trainings step by step, in the order that a test draws."""

    def __init__(self, *, most: int, num_samples: int, seed: int = 0, preset: str = "asha") -> None:
        self.trainings = PausedTrainings(bohb.Optimizer(SPACE, BUDGETS, seed=seed, preset=preset))
        self.trainings.most = most
        self.num_samples = num_samples
        self.steps: dict[str, int] = {}
        self.configs: dict[str, Any] = {}
        self.gone: set[str] = set()

    def running(self) -> list[str]:
        """Start what can be started; return what runs."""
        while len(self.steps) < self.num_samples:
            name = f"training {len(self.steps)}"
            config = self.trainings.start(name)
            if config is None:
                break
            self.configs[name], self.steps[name] = config, 0
        while True:
            before = self.runs()
            self.trainings.resume(is_last=len(self.steps) >= self.num_samples)
            if self.runs() == before:
                return before

    def runs(self) -> list[str]:
        return [name for name in self.steps if self.trainings.is_running(name)]

    def step(self, name: str, outcome: str) -> None:
        if outcome in ("error", "end"):
            reached = self.steps[name]
            value = Failure("broken") if outcome == "error" or not reached else loss_of(self.configs[name], reached)
            self.trainings.complete(name, value, reached, {})
            self.gone.add(name)
            return
        self.steps[name] += 1
        value = float("nan") if outcome == "nan" else loss_of(self.configs[name], self.steps[name])
        decision = self.trainings.advance(name, self.steps[name], value, {})
        assert (decision == "continue") == self.trainings.is_running(name)
        if decision == "stop":
            assert self.steps[name] == BUDGETS[-1]
            self.gone.add(name)

    def restart(self) -> None:
        """Save and restore, as after a kill."""
        most = self.trainings.most
        self.trainings = PausedTrainings.from_state(json.loads(json.dumps(self.trainings.to_state())))
        self.trainings.most = most


@settings(max_examples=25)
@given(st.data(), st.integers(1, 4), st.integers(1, 12), st.sampled_from(["asha", "default", "hyperband"]))
def test_every_search_ends_and_no_training_is_lost(data: st.DataObject, most: int, num: int, preset: str) -> None:
    """Whatever order the trainings report in, and whatever becomes of them."""
    host = Host(most=most, num_samples=num, preset=preset)
    while runs := host.running():
        assert len(runs) <= most
        assert not set(runs) & host.gone
        host.step(data.draw(st.sampled_from(runs)), data.draw(OUTCOMES))
    results = host.trainings.optimizer.results
    assert len(host.steps) == num
    assert not host.trainings.optimizer.pending
    assert {result.trial.config_id for result in results} == set(range(num))
    told = [(result.trial.config_id, result.budget) for result in results]
    assert len(told) == len(set(told)), "a budget is told once"


@settings(max_examples=25)
@given(st.integers(1, 3), st.integers(3, 10), st.sampled_from(["asha", "default"]))
def test_without_trouble_one_training_reaches_the_largest_budget(most: int, num: int, preset: str) -> None:
    host = Host(most=most, num_samples=num, preset=preset)
    while runs := host.running():
        host.step(runs[0], "value")
    incumbent = host.trainings.optimizer.incumbent
    assert incumbent is not None
    assert incumbent.budget == BUDGETS[-1]


@settings(max_examples=25)
@given(st.data(), st.integers(1, 3), st.integers(1, 8))
def test_restored_equals_uninterrupted(data: st.DataObject, most: int, num: int) -> None:
    one, other = Host(most=most, num_samples=num), Host(most=most, num_samples=num)
    while runs := one.running():
        assert other.running() == runs
        name, outcome = data.draw(st.sampled_from(runs)), data.draw(OUTCOMES)
        one.step(name, outcome)
        other.step(name, outcome)
        if data.draw(st.booleans()):
            other.restart()
    assert not other.running()
    assert one.trainings.to_state() == other.trainings.to_state()


def test_one_training_at_a_time_is_the_search_of_ask_and_tell() -> None:
    """Until the number of configurations is used up."""
    host, optimizer = Host(most=1, num_samples=30), bohb.Optimizer(SPACE, BUDGETS, seed=0, preset="asha")
    while len(host.steps) < 20:
        host.step(host.running()[0], "value")
    asked = [result.trial for result in host.trainings.optimizer.results if result.trial.id >= 0]
    for trial in asked:
        assert optimizer.ask() == trial
        optimizer.tell(trial, loss_of(trial.config, trial.budget))


def test_a_failure_is_taken_back_where_the_host_runs_the_training_again() -> None:
    host = Host(most=1, num_samples=1)
    (name,) = host.running()
    host.step(name, "error")
    assert not host.running()
    host.trainings.retry(name)
    assert host.trainings.is_running(name)
    assert host.trainings.advance(name, 1, 0.5, {}) in ("pause", "continue")


def test_repeated_values_are_recorded_once() -> None:
    """As after a resume from a checkpoint that is older than the last value."""
    host = Host(most=1, num_samples=1)
    (name,) = host.running()
    host.step(name, "value")
    assert host.running() == [name]
    for reached in (1, 2, 2, 4):
        assert host.trainings.advance(name, reached, 0.5, {}) == ("pause" if reached == 4 else "continue")
    (result,) = (each for each in host.trainings.optimizer.results if each.budget == 3)
    assert result.curve == ((2, 0.5),)


def test_a_training_that_failed_may_run_again_under_a_new_name() -> None:
    host = Host(most=2, num_samples=2)
    first, second = host.running()
    host.trainings.complete(second, None, None, {})  # the host gave it up, so it is asked again, and later
    host.step(first, "error")
    config = host.configs[first]
    assert dict(host.trainings.failed) == {first: config}
    host.trainings.retry(first, now="again")
    assert host.trainings.is_running("again")
    assert host.trainings.advance("again", 1, 0.5, {}) in ("pause", "continue")
    assert [result.config for result in host.trainings.optimizer.results] == [config]
    assert host.trainings.start("third") == host.configs[second]


def test_what_the_search_does_not_run_is_stopped() -> None:
    """As where the host restored a training, and an older state of the search."""
    host = Host(most=1, num_samples=1)
    host.running()
    assert host.trainings.advance("unknown", 1, 0.5, {}) == "stop"
    assert not host.trainings.optimizer.results


def test_trainings_that_the_host_has_no_more_are_given_up() -> None:
    """Those that ran are asked again; those that were paused have ended."""
    host = Host(most=2, num_samples=2)
    first, second = host.running()
    assert host.trainings.advance(first, 1, 0.5, {}) == "pause"
    host.trainings.keep([])
    assert not host.trainings.is_paused(first)
    assert not host.trainings.is_running(second)
    assert host.trainings.start("another") == host.configs[second]
    host.trainings.keep(["another"])
    assert host.trainings.is_running("another")


@pytest.mark.parametrize("reached", [0, -1, 0.5, None])
def test_a_training_that_ends_is_told_wherever_it_was(reached: float | None) -> None:
    host = Host(most=1, num_samples=1)
    (name,) = host.running()
    host.trainings.complete(name, 0.5, reached, {})
    assert [result.loss for result in host.trainings.optimizer.results] == [0.5]


@pytest.mark.parametrize("end", ["value", "error", "end"])
def test_a_promotion_of_a_training_that_still_runs_waits_for_it(end: str) -> None:
    """As in a finite space, in which there is nothing else left to ask."""
    trainings = PausedTrainings(bohb.Optimizer({"x": [0.1, 0.2]}, [1, 2, 4], seed=0))
    assert trainings.start("a") is not None
    assert trainings.start("b") is not None
    for step in range(1, 5):
        trainings.advance("a", step, 1 / step, {})
    assert trainings.start("c") is None
    assert trainings.resume(is_last=False)
    steps = 0
    if end != "value":
        trainings.complete("b", Failure("broken") if end == "error" else 1.0, 0.5, {})
    while trainings.resume(is_last=True):
        assert trainings.is_running("b")
        steps += 1
        trainings.advance("b", steps, 2 / steps, {})
    assert not trainings.optimizer.pending
    told = [(result.trial.config_id, result.budget) for result in trainings.optimizer.results]
    assert len(told) == len(set(told))
    assert {(1, 1), (1, 4)} <= set(told)
