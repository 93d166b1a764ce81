"""The laws of a search that several workers share: each follows advice that may be from before others' events."""

import json
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.cli.verify import differences
from bohb.optimizer.events import Asked
from bohb.schedules import MoveOffer
from bohb.study.snapshot import snapshot_of
from tests.strategies import PRESET_NAMES, ladders, loss_of, make, presets, seeds, spaces

COMMON = settings(max_examples=25, deadline=None, derandomize=True)
SETTINGS = {"preset": presets, "space": spaces, "ladder": ladders, "seed": seeds, "num_workers": st.integers(2, 12)}
RANDOM_PRESETS = ["asha", "hyperband", "random"]


class Workers:
    """Workers that are advised, follow their advice, and tell, in random order.

    Attributes:
        num_refused: How often advice was of no use any more.
    """

    def __init__(self, optimizer, num_workers, seed, check=lambda optimizer, advice: None):
        self.optimizer, self.check, self.rng = optimizer, check, random.Random(seed)
        self.states = [None] * num_workers  # nothing, [advice], or a trial
        self.num_refused = 0

    def run(self, num_steps, *, lose=0.1):
        """Let random workers take their next step, until the space is used up."""
        for _ in range(num_steps):
            worker = self.rng.randrange(len(self.states))
            try:
                self.states[worker] = self.step(self.states[worker], lose)
            except bohb.SpaceExhausted:
                self.states[worker] = None
        return self

    def step(self, state, lose):
        if state is None:
            return [self.optimizer.advise()]
        if isinstance(state, list):
            return self.follow(*state)
        if self.rng.random() < lose:
            self.optimizer.forget(state)
        else:
            self.optimizer.tell(state, loss_of(state) if self.rng.random() < 0.9 else float("nan"))
        return None

    def follow(self, advice):
        self.check(self.optimizer, advice)
        num_events = len(self.optimizer.events)
        trial = self.optimizer.follow(advice)
        if trial is None:
            self.num_refused += 1
            assert len(self.optimizer.events) == num_events
            return [self.optimizer.advise()]
        assert trial.id == sum(isinstance(event, Asked) for event in self.optimizer.events) - 1
        return trial


@given(**SETTINGS)
@COMMON
def test_no_configuration_is_asked_twice_at_a_budget(preset, space, ladder, seed, num_workers):
    """Unless its trial was forgotten, and no two workers hold one trial."""
    optimizer = make(preset, space=space, ladder=ladder, seed=seed)
    workers = Workers(optimizer, num_workers, seed).run(200)
    asked = [event for event in optimizer.events if isinstance(event, Asked) and event.facts.reissue_of is None]
    assert max(Counter((event.trial.config_id, str(event.trial.budget)) for event in asked).values(), default=1) == 1
    held = [state.id for state in workers.states if isinstance(state, bohb.Trial)]
    assert sorted(held) == [trial.id for trial in optimizer.pending]


@given(**SETTINGS)
@COMMON
def test_every_move_is_one_that_the_schedule_allows_at_that_moment(preset, space, ladder, seed, num_workers):
    """So no bracket, rung or share that the schedule plans is ever exceeded, by however old advice."""

    def is_allowed(optimizer, advice):
        decider, history = optimizer._decider, optimizer._history
        step = decider.step(history) if decider.has_work(history) else None
        copy = bohb.Optimizer.from_state(optimizer.to_state())
        trial = None if step is None else copy.follow(advice)
        if trial is None or not isinstance(step, MoveOffer):
            return
        promotions = {(move.bracket, move.rung, move.config_id) for move in step.promotions}
        starts = set() if step.start is None else {(step.start.bracket, step.start.rung)}
        first = copy.events[len(optimizer.events)]  # the ask, or the entry of a configuration that is known there
        moved = first.trial if isinstance(first, Asked) else first
        is_outside = moved.bracket is None and not history.brackets.has_room(decider._level(history, step.start))
        is_promotion = (moved.bracket, moved.rung, moved.config_id) in promotions
        assert is_promotion or is_outside or (moved.bracket, moved.rung) in starts

    Workers(make(preset, space=space, ladder=ladder, seed=seed), num_workers, seed, is_allowed).run(100)


@given(ladder=ladders, seed=seeds, num_workers=st.integers(2, 40), preset=st.sampled_from(["paper", "hpbandster"]))
@COMMON
def test_brackets_keep_their_sizes(preset, ladder, seed, num_workers):
    optimizer = make(preset, ladder=ladder, seed=seed)
    Workers(optimizer, num_workers, seed).run(400)
    brackets = optimizer._history.brackets
    assert len(brackets)
    for bracket in map(brackets.__getitem__, range(len(brackets))):
        assert all(len(rung.entered) <= size for rung, size in zip(bracket.rungs, bracket.plan.sizes, strict=True))


@given(**SETTINGS)
@COMMON
def test_every_ask_can_be_computed_again(preset, space, ladder, seed, num_workers):
    """From the events, after a way through JSON. The control is told that all asks had seen all events."""
    optimizer = make(preset, space=space, ladder=ladder, seed=seed)
    Workers(optimizer, num_workers, seed).run(150)
    again = bohb.Optimizer.from_state(json.loads(json.dumps(optimizer.to_state())))
    assert again.events == optimizer.events
    assert list(differences(snapshot_of(again))) == []


@given(seed=seeds, num_workers=st.integers(2, 12), preset=st.sampled_from(RANDOM_PRESETS), space=spaces, ladder=ladders)
@COMMON
def test_without_a_model_workers_ask_what_one_would_ask(preset, space, ladder, seed, num_workers):
    """Their schedule sees the newest state, and each ask draws its own random numbers."""

    def asks_the_same(optimizer, advice):
        one, other = (bohb.Optimizer.from_state(optimizer.to_state()) for _ in range(2))
        if one._decider.has_work(one._history):
            trial = one.follow(advice)
            assert trial is None or trial == other.ask()

    optimizer = make(preset, space=space, ladder=ladder, seed=seed)
    Workers(optimizer, num_workers, seed, asks_the_same).run(80)


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_new_advice_is_always_followed(preset):
    """So a worker that keeps others out for as long as it decides comes to an end."""
    optimizer = make(preset, seed=3)
    workers = Workers(optimizer, 5, 3)
    for _ in range(40):
        workers.run(5)
        assert optimizer.follow(optimizer.advise()) is not None


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_advice_and_following_it_is_an_ask(preset):
    """Nothing is noted of it if nothing came in between."""
    one, other = make(preset, seed=5), make(preset, seed=5)
    for _ in range(60):
        trial = one.follow(one.advise())
        assert trial == other.ask()
        for optimizer in (one, other):
            optimizer.tell(trial.id, loss_of(trial))
    assert one.to_state() == other.to_state()
    assert not any("seen" in event for event in one.to_state()["events"])


def test_what_was_advised_on_is_noted():
    """An ask between the advice and the ask that follows it is one more event than the advice had seen."""
    optimizer = make("fast", seed=1)
    advice = optimizer.advise()
    optimizer.ask()
    optimizer.follow(advice)
    assert [event.seen for event in optimizer.events] == [None, 0]
    assert "seen" not in optimizer.to_state()["events"][0]
    assert optimizer.to_state()["events"][1]["seen"] == 0


def test_a_promotion_goes_to_one_worker():
    """Two are advised to make the same one. The second makes another, or starts a configuration."""
    optimizer, found = make("default", seed=0), 0
    for _ in range(60):
        advice = [optimizer.advise(), optimizer.advise()]
        trials = [trial for trial in map(optimizer.follow, advice) if trial is not None]
        assert trials
        assert len({(trial.config_id, trial.budget) for trial in trials}) == len(trials)
        found += len(trials) == 2 and trials[0].origin == "promoted"
        for trial in trials:
            optimizer.tell(trial, loss_of(trial))
    assert found > 3


def test_advice_from_before_a_forgotten_trial_waits_behind_it():
    optimizer = make("default", seed=0)
    trial = optimizer.ask()
    advice = optimizer.advise()
    optimizer.forget(trial)
    again = optimizer.follow(advice)
    assert again.config == trial.config
    assert optimizer.events[-1].seen is None


def test_a_forged_number_of_events_is_refused():
    state = make("fast", seed=1).to_state()
    optimizer = bohb.Optimizer.from_state(state)
    optimizer.ask()
    state = optimizer.to_state()
    for seen in (1, 7, -1, "0", 0.0):
        state["events"][0]["seen"] = seen
        with pytest.raises(bohb.StateError):
            bohb.Optimizer.from_state(state)
