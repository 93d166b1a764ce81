"""A failure that is taken back leaves no trace in what decides, in whatever order it is read."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import bohb
from bohb.optimizer.events import Asked, Forgotten, Retried, Told
from tests.strategies import LADDERS, make, presets, seeds

ROUNDS = 50


def views(optimizer: bohb.Optimizer) -> Any:
    """Return all that a schedule and a model read."""
    history = optimizer._history
    rungs = [rung for index in range(len(history.brackets)) for rung in history.brackets[index].rungs]
    levels = history.observations.levels
    return (
        optimizer.results,
        optimizer.trajectory(),
        [(list(rung.finished), list(rung.waiting), rung.num_pending) for rung in rungs],
        [(list(one.told), list(one.highest), list(one.shared), one.num_failures) for one in levels],
        list(history.observations.failed),
        list(history.observations.pending),
        history.observations.told_from(0),
        history.observations.first(5, 0),
        [history.brackets.best_outside(level) for level in history.brackets.levels],
        [bracket.index for bracket in history.brackets.open],
        [history.brackets.has_room(level) for level in history.brackets.levels],
    )


def search(optimizer: bohb.Optimizer, seed: int, look: Callable[[], object], *, extends: bool = False) -> None:
    """Ask and tell; many trials fail, some of these are retried, at once or later. The ladder may become longer."""
    rng = np.random.default_rng(seed)
    running, failed = [], []
    for _ in range(ROUNDS):
        while len(running) < 3 and (trial := ask(optimizer)) is not None:
            running.append(trial)
            look()
        if running:
            trial = running.pop(rng.integers(len(running)))
            if optimizer.tell(trial, float(rng.standard_normal()) if rng.random() < 0.6 else math.nan).is_failure:
                failed.append(trial)
        while failed and rng.random() < 0.3:
            optimizer.retry(failed.pop(rng.integers(len(failed))))
        old = optimizer.ladder
        if extends and rng.random() < 0.05 and len(old) < 7:
            top = old[-1] * 3 if isinstance(old[-1], int | float) else {"epochs": 100 + len(old)}
            optimizer.extend(bohb.Ladder((*old.budgets, top), (*old.costs, old.costs[-1] * 3), old.eta))
        look()


def ask(optimizer: bohb.Optimizer) -> bohb.Trial | None:
    try:
        return optimizer.ask()
    except bohb.SpaceExhausted:
        return None


def as_if_it_had_never_failed(optimizer: bohb.Optimizer) -> bohb.Optimizer:
    """Return what replays the same asks, where each trial that was retried was forgotten and never told."""
    taken_back = {event.trial_id for event in optimizer.events if isinstance(event, Retried)}
    other = bohb.Optimizer.from_state(optimizer.to_state() | {"events": []})
    for event in optimizer.events:
        if isinstance(event, Retried):
            other.apply(Forgotten(event.trial_id))
        elif not isinstance(event, Told) or event.trial_id not in taken_back:
            other.apply(event)
    return other


@settings(max_examples=30)
@given(presets, st.sampled_from(["mixed", "finite"]), st.sampled_from(sorted(LADDERS)), seeds)
@example("pb2", "mixed", "dicts", 9895)  # in a population that ended while a trial was running
def test_a_retried_failure_counts_as_if_the_trial_had_been_forgotten(preset, space, ladder, seed):
    optimizer = make(preset, space=space, ladder=ladder, seed=seed)
    search(optimizer, seed, lambda: None)
    expected = views(as_if_it_had_never_failed(optimizer))
    assert views(optimizer) == expected


@settings(max_examples=30)
@given(presets, st.sampled_from(["mixed", "finite"]), st.sampled_from(sorted(LADDERS)), seeds)
def test_replicas_agree_whenever_they_read(preset, space, ladder, seed):
    """One catches up now and then, and looks; its views, what it advises and what it asks are those of a fresh one."""
    optimizer = make(preset, space=space, ladder=ladder, seed=seed)
    replica, rng = make(preset, space=space, ladder=ladder, seed=seed), np.random.default_rng(seed)

    def look() -> None:
        if rng.random() < 0.2:
            for event in optimizer.events[len(replica.events) :]:
                replica.apply(event)
            views(replica)
            replica.advise()

    search(optimizer, seed, look, extends=True)
    fresh = bohb.Optimizer.from_state(optimizer.to_state())
    for event in optimizer.events[len(replica.events) :]:
        replica.apply(event)
    assert views(replica) == views(optimizer) == views(fresh)
    assert ask(replica) == ask(optimizer) == ask(fresh)
    assert replica.events[-1] == optimizer.events[-1] == fresh.events[-1]


def test_what_was_learned_from_a_failure_is_learned_anew():
    """Also where it was learned before the failure was taken back, and followed after it."""
    optimizer = make("default", space="float", seed=0)
    for number in range(12):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["x"] if number != 2 else math.nan)
    advice = optimizer.advise()
    assert advice is not None
    optimizer.retry(2)
    again = optimizer.ask()
    assert again.config == optimizer.trial(2).config
    assert optimizer.follow(advice) is not None
    recorded = optimizer.events[-1]
    assert isinstance(recorded, Asked)
    assert recorded.learned == advice.learned != {}
    optimizer.tell(again, 0.5)
    replica = bohb.Optimizer.from_state(optimizer.to_state())
    assert optimizer.ask() == replica.ask()
    assert optimizer.events[-1] == replica.events[-1]
    known = optimizer._history.record.lessons._recorded
    assert known
    assert all(lesson not in known.values() for lesson in advice.learned.values())


@given(presets, seeds)
def test_an_exhausted_space_goes_on_after_a_fault(preset, seed):
    optimizer = make(preset, space="finite", seed=seed)
    asked = []
    while (trial := ask(optimizer)) is not None:
        asked.append(trial)
        optimizer.tell(trial, KeyError("learning_rate"))
    for trial in asked:
        optimizer.retry(trial)
    again = [optimizer.ask() for _ in asked]
    assert [(trial.config, trial.budget, trial.rung) for trial in again] == [
        (trial.config, trial.budget, trial.rung) for trial in asked
    ]
    for trial in again:
        optimizer.tell(trial, 0.5)
    assert not any(result.is_failure for result in optimizer.results)


def test_a_promotion_that_failed_resumes_where_it_would_have():
    """Its checkpoint is kept until it succeeds."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0, preset="asha")
    while (trial := optimizer.ask()).checkpoint is None:
        optimizer.tell(trial, trial.config["x"], checkpoint=f"ckpt/{trial.id}")
    optimizer.tell(trial, RuntimeError("CUDA error"))
    assert trial.checkpoint not in optimizer.releasable()
    optimizer.retry(trial)
    again = optimizer.ask()
    assert (again.checkpoint, again.previous, again.rung) == (trial.checkpoint, trial.previous, trial.rung)
    assert again.checkpoint not in optimizer.releasable()
    optimizer.tell(again, 0.1)
    assert trial.checkpoint in optimizer.releasable()
    assert "taken back" in str(optimizer.explain(again))


def test_an_answer_that_comes_late_to_a_retried_trial_settles_it():
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0)
    first = optimizer.ask()
    optimizer.forget(first)
    second = optimizer.ask()
    optimizer.tell(second, MemoryError())
    optimizer.retry(second)
    assert optimizer.tell(first, 0.5).status == "ok"
    assert not optimizer.pending
    assert optimizer.ask().config != first.config
    optimizer.retry(second)  # as before: it is taken back already


def test_what_did_not_fail_cannot_be_retried():
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0)
    trial = optimizer.ask()
    with pytest.raises(bohb.TellConflict, match="not told yet"):
        optimizer.retry(trial)
    optimizer.tell(trial, 0.5)
    with pytest.raises(bohb.TellConflict, match="ok"):
        optimizer.retry(trial)
    with pytest.raises(bohb.UnknownTrial):
        optimizer.retry(7)
    state = optimizer.to_state()
    state["events"].append({"kind": "retried", "id": 0})
    with pytest.raises(bohb.StateError, match="can follow"):
        bohb.Optimizer.from_state(state)
