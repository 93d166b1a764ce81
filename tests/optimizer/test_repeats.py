"""Repetitions: the same configuration trained in full again, under another `Trial.repeat`."""

import json
import math
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.trials import Origin
from tests.strategies import PRESET_NAMES, ladders, losses, make, presets, seeds, spaces

COMMON = settings(max_examples=25, deadline=None, derandomize=True)


def noisy(trial: bohb.Trial, size: float = 1.0) -> float:
    """Return a loss that depends on the configuration, the budget and the repetition."""
    rng = random.Random(f"{sorted(trial.config.items(), key=str)} {trial.budget} {trial.repeat}")
    return sum(v for v in trial.config.values() if isinstance(v, float)) + rng.gauss(0, size)


def drive(optimizer: bohb.Optimizer, num_asks: int, *, width: int = 1, size: float = 1.0) -> None:
    """Ask with up to `width` pending trials, and tell noisy losses."""
    running: list[bohb.Trial] = []
    for _ in range(num_asks):
        running.append(optimizer.ask())
        if len(running) >= width:
            trial = running.pop(0)
            optimizer.tell(trial, noisy(trial, size))
    for trial in running:
        optimizer.tell(trial, noisy(trial, size))


@given(presets, spaces, ladders, seeds, st.integers(1, 4))
@COMMON
def test_a_repetition_is_the_next_training_in_full_of_a_success(
    preset: str, space: str, ladder: str, seed: int, width: int
) -> None:
    """It belongs to no bracket, starts from scratch, and is never pending beside another one of its configuration."""
    optimizer = make(preset, space=space, ladder=ladder, seed=seed, repeats=True)
    rng, running, done = random.Random(seed), [], Counter[tuple[int, str]]()
    for _ in range(50):
        try:
            trial = optimizer.ask()
        except bohb.SpaceExhausted:
            assert running or all(r.is_failure for r in optimizer.results if r.budget == optimizer.ladder[-1])
            trial = None
        if trial is not None:
            place = trial.config_id, str(trial.budget)
            assert trial.repeat == done[place]
            assert place not in {(one.config_id, str(one.budget)) for one in running}
            if trial.repeat:
                assert trial.budget == optimizer.ladder[-1]
                assert (trial.bracket, trial.rung, trial.previous, trial.checkpoint) == (None,) * 4
                assert trial.origin is Origin.REPEATED
                assert "trained in full" in str(optimizer.explain(trial))
            running.append(trial)
        while running and (trial is None or len(running) >= width):
            ended = running.pop(rng.randrange(len(running)))
            optimizer.tell(ended, math.nan if rng.random() < 0.1 else noisy(ended))
            done[ended.config_id, str(ended.budget)] += 1
            trial = ended


@given(presets, spaces, seeds, st.integers(0, 60))
@COMMON
def test_a_search_with_repetitions_is_replayed(preset: str, space: str, seed: int, num: int) -> None:
    """Restored at any moment it has the same results, and asks the same next."""
    optimizer = make(preset, space=space, seed=seed, repeats=True)
    drive(optimizer, num)
    state = optimizer.to_state()
    again = bohb.Optimizer.from_state(json.loads(json.dumps(state)))
    assert again.repeats
    assert again.to_state() == state
    assert again.results == optimizer.results
    assert again.recommend() == optimizer.recommend()
    assert again.ask() == optimizer.ask()


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_a_finite_space_never_ends(preset: str) -> None:
    """Once everything is trained in full, the best are trained again, and not always the same one."""
    optimizer = make(preset, space="finite", ladder="explicit", repeats=True)
    drive(optimizer, 60)
    full = Counter(r.trial.config_id for r in optimizer.results if r.budget == optimizer.ladder[-1])
    assert len(full) == 4
    assert sum(full.values()) > 40
    assert sorted(full.values())[-2] > 3
    found = optimizer.recommend()
    assert found is not None
    assert found.num_results == full[found.config_id] > 1


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_without_the_setting_nothing_is_repeated(preset: str) -> None:
    """A state without repetitions has nothing new in it."""
    optimizer = make(preset)
    drive(optimizer, 60)
    assert not optimizer.repeats
    assert all(result.trial.repeat == 0 for result in optimizer.results)
    state = optimizer.to_state()
    assert "repeats" not in state
    assert state["format"] == 1
    assert all("repeat" not in event for event in state["events"])


def test_noise_is_repeated_and_certainty_is_not() -> None:
    """The default repeats where trainings are noisy, and hardly where they are not."""

    def share(size: float) -> float:
        optimizer = make(space="float", ladder="explicit", repeats=True)
        drive(optimizer, 120, size=size)
        full = [result.trial.repeat > 0 for result in optimizer.results if result.budget == 10]
        return sum(full) / len(full)

    assert share(0.3) > 0.1
    assert share(0.0) < 0.1


def test_shrunk_means_follow_repetitions() -> None:
    """A configuration that was lucky once is not recommended once its repetitions are known."""
    optimizer = make("random", space="float", ladder="single", repeats=True)
    values = {0.0: [-1.0, 1.0, 1.2, 0.8], 0.5: [0.1, -0.1, 0.0, 0.05], 1.0: [0.9, 1.1, 1.0, 0.95]}
    for x, own in values.items():
        for repeat, loss in enumerate(own):
            observe(optimizer, {"x": x, "y": 0.0, "z": 1.0}, loss, repeat)
    incumbent, found = optimizer.incumbent, optimizer.recommend()
    assert incumbent is not None
    assert found is not None
    assert incumbent.config["x"] == 0.0
    assert found.config["x"] == 0.5
    assert found.num_results == 4
    assert -0.1 < found.mean < 0.3
    assert 0 < found.deviation < 1


def observe(optimizer: bohb.Optimizer, config: dict[str, Any], loss: float, repeat: int) -> None:
    """Adopt one result, which may be a repetition."""
    row = {"config": config, "budget": optimizer.ladder[-1], "loss": loss, "repeat": repeat}
    assert optimizer.adopt([row]).num_new == 1


@given(presets, seeds)
@COMMON
def test_repetitions_are_adopted(preset: str, seed: int) -> None:
    """By a search with repetitions; another one says why they are left out."""
    optimizer = make(preset, space="finite", seed=seed, repeats=True)
    drive(optimizer, 40)
    num = sum(result.trial.repeat > 0 for result in optimizer.results)
    new, plain = make("default", space="finite", repeats=True), make("default", space="finite")
    assert new.adopt(optimizer).left_out == ()
    assert [(r.loss, r.trial.repeat) for r in new.results] == [(r.loss, r.trial.repeat) for r in optimizer.results]
    assert new.adopt(optimizer).num_new == 0
    left_out = plain.adopt(optimizer).left_out
    assert len(left_out) == num
    assert all("repeats=True" in text for text in left_out)


def test_a_repetition_may_fail_be_forgotten_and_be_retried() -> None:
    """Each is asked again under the same number; a failure counts as the worst loss until it is taken back."""
    optimizer = make("random", space="finite", ladder="single", repeats=True)
    while (trial := optimizer.ask()).repeat == 0:
        optimizer.tell(trial, noisy(trial))
    optimizer.forget(trial)
    second = optimizer.ask()
    assert (second.config_id, second.repeat) == (trial.config_id, trial.repeat)
    optimizer.tell(second, RuntimeError("out of memory"))
    assert optimizer.tell(trial, 0.5).status is bohb.Status.LATE
    optimizer.retry(second)
    third = optimizer.ask()
    assert (third.config_id, third.repeat) == (trial.config_id, trial.repeat)
    assert optimizer.tell(third, 0.5).status is bohb.Status.OK


@given(seeds, st.lists(losses, min_size=30, max_size=30))
@COMMON
def test_checkpoints_of_repetitions_are_released(seed: int, told: list[float]) -> None:
    """No promotion needs one; only that of the incumbent stays."""
    optimizer = make("hyperband", space="finite", ladder="explicit", seed=seed, repeats=True)
    own = set()
    for loss in told:
        try:
            trial = optimizer.ask()
        except bohb.SpaceExhausted:
            return
        optimizer.tell(trial, loss, checkpoint=f"checkpoint-{trial.id}")
        if trial.repeat:
            own.add(f"checkpoint-{trial.id}")
    kept = set() if optimizer.incumbent is None else {optimizer.incumbent.checkpoint}
    failed = {r.trial.checkpoint for r in optimizer.results if r.is_failure}
    assert own - kept - failed <= set(optimizer.releasable())


def test_a_promotion_does_not_go_on_where_a_repetition_is() -> None:
    """It resumes the training whose result ranks the configuration; a repetition may have reached less."""
    optimizer = bohb.Optimizer({"x": ["a", "b"]}, [1, 2], seed=0, preset="random", repeats=True)
    for loss in (0.1, 0.2):
        optimizer.tell(optimizer.ask(), loss, checkpoint=f"with {loss}")
    again = optimizer.ask()
    assert (again.config_id, again.repeat) == (0, 1)
    optimizer.extend([1, 2, 4])
    assert optimizer.proceed(again, 5.0, checkpoint="with 5.0") is None
    promoted = optimizer.ask()
    assert (promoted.config_id, promoted.budget, promoted.checkpoint) == (0, 4, "with 0.1")


def test_what_a_plan_says() -> None:
    """The figures are those without repetitions."""
    plain, other = make(), make(repeats=True)
    assert "repetitions" in str(other.plan())
    assert "repetitions" not in str(plain.plan())
    assert other.plan().num_trials == plain.plan().num_trials


@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_the_setting_is_true_or_false(value: Any) -> None:
    with pytest.raises(bohb.SettingError, match="True or False as repeats"):
        bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], repeats=value)


@given(st.sampled_from(["population", "pb2"]), spaces, seeds, st.integers(1, 4))
@COMMON
def test_only_what_one_configuration_reached_alone_is_repeated(preset: str, space: str, seed: int, width: int) -> None:
    """A schedule of several configurations, as in a population, is no result that the last of them could repeat."""
    optimizer = make(preset, space=space, ladder="explicit", seed=seed, repeats=True)
    rng, running = random.Random(seed), []
    for _ in range(80):
        try:
            trial = optimizer.ask()
        except bohb.SpaceExhausted:
            break
        if trial.repeat:
            first = next(
                r.trial
                for r in optimizer.results
                if r.trial.config_id == trial.config_id and r.budget == trial.budget and r.trial.repeat == 0
            )
            assert all(config == trial.config for _, config in optimizer.lineage(first))
        running.append(trial)
        if len(running) >= width:
            ended = running.pop(rng.randrange(len(running)))
            optimizer.tell(ended, noisy(ended), checkpoint=f"{ended.id}")


def test_a_member_that_is_to_be_replaced_does_not_wait_for_repetitions() -> None:
    """A population goes on as without the setting; repetitions come where a new training would begin."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 2, 3], seed=0, preset="population", repeats=True)
    repeated, last = 0, None
    for _ in range(200):
        trial = optimizer.ask()
        if trial.repeat:
            repeated += 1
            assert last is None, f"trial {trial.id} came while bracket {last} was open"
        optimizer.tell(trial, noisy(trial), checkpoint=f"{trial.id}")
        brackets = optimizer._history.brackets
        open_now = [bracket.index for bracket in brackets.open if bracket.rungs[0].entered]
        last = open_now[0] if open_now and len(brackets[open_now[0]].rungs[0].entered) == 8 else None
    assert repeated
