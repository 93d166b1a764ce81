"""A decision reads the history and changes nothing."""

import copy
from math import inf

import numpy as np
import pytest

import bohb
from bohb.optimizer.events import Asked
from bohb.schedules import Hyperband
from tests.strategies import PRESET_NAMES, loss_of, make


def frozen(history):
    """Return everything that schedules and models can read, as plain values."""
    brackets, record = history.brackets, history.record
    return copy.deepcopy(
        {
            "open": [bracket.index for bracket in brackets.open],
            "rungs": [
                (rung.level, sorted(rung.entered), list(rung.finished), list(rung.waiting))
                for i in range(len(brackets))
                for rung in brackets[i].rungs
            ],
            "pending": [trial.id for trial in record.pending.running],
            "forgotten": [trial.id for trial in record.pending.forgotten],
            "lost": record.pending.num_lost,
            "results": [(result.trial.id, result.loss) for result in record.results],
            "levels": [
                (list(here.told), list(here.highest), list(here.shared)) for here in history.observations.levels
            ],
            "configs": len(history.configs),
            "queue": list(history.queue),
        }
    )


@pytest.mark.parametrize("space", ["mixed", "finite"])
@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_a_decision_changes_nothing(preset, space):
    """Not even one that finds a bracket over: the record closes brackets, not the schedule."""
    opt, working = make(preset, space=space), []
    for step in range(40):
        before = frozen(opt._history)
        if opt._decider.has_work(opt._history):
            opt._decider.decide(opt._history, np.random.default_rng(step))
        assert frozen(opt._history) == before
        try:
            working.append(opt.ask())
        except bohb.SpaceExhausted:
            return
        if len(working) > 2:
            trial = working.pop(step % 3)
            opt.forget(trial) if step % 7 == 3 else opt.tell(trial, loss_of(trial))


def test_two_decisions_in_a_row_are_the_same():
    opt = make("hyperband")
    events = [opt._decider.decide(opt._history, np.random.default_rng(0)) for _ in range(2)]
    assert events[0] == events[1]
    assert isinstance(events[0], Asked)


class Intruder(Hyperband):
    """A schedule that tries to change what it reads."""

    def next(self, brackets):
        for bracket in brackets.open:
            bracket.rungs[0].entered.add(-1)
        return super().next(brackets)


def test_a_schedule_cannot_change_what_it_reads():
    opt = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0, schedule=Intruder())
    opt.ask()
    with pytest.raises(AttributeError, match="add"):
        opt.ask()


def test_views_have_no_methods_that_write():
    """Only the optimizer changes the record."""
    opt = make("paper")
    opt.tell(opt.ask(), inf)
    brackets, observations = opt._history.brackets, opt._history.observations
    for view in (brackets, brackets[0], brackets[0].rungs[0], observations, observations.levels[0]):
        public = {name for name in dir(view) if not name.startswith("_")}
        assert not public & {
            "add",
            "ask",
            "close",
            "enter",
            "finish",
            "forget",
            "release",
            "settle",
            "sort",
            "take",
            "tell",
        }


class Faulty(Hyperband):
    """A schedule whose `is_over` fails once."""

    is_broken = True

    def is_over(self, bracket, brackets):
        if Faulty.is_broken:
            raise RuntimeError("a user's own mistake")
        return super().is_over(bracket, brackets)


def test_an_error_of_a_schedule_loses_no_result(monkeypatch):
    """What was told stays told, live and restored, whatever the schedule does when it is asked next."""
    opt = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0, schedule=Faulty())
    opt.tell(opt.ask(), 0.5)
    with pytest.raises(RuntimeError, match="mistake"):
        opt.ask()
    assert len(opt.results) == len(opt.to_state()["events"]) - 1 == 1
    monkeypatch.setattr(Faulty, "is_broken", False)
    restored = bohb.Optimizer.from_state(opt.to_state(), schedule=Faulty())
    assert restored.results == opt.results
    assert restored.ask() == opt.ask()
