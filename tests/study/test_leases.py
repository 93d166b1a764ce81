"""Leases: a trial whose worker is lost is asked again, and counts once."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from tests.study.common import loss_of, open_new, replayed


def test_an_expired_trial_is_asked_again(study, clock):
    trial = study.ask(lease=60)
    clock.now += 59
    assert study.ask().config != trial.config
    clock.now += 2
    again = study.ask()
    assert again.id > trial.id
    assert (again.config, again.budget, again.config_id) == (trial.config, trial.budget, trial.config_id)


def test_a_heartbeat_restarts_the_lease(study, clock):
    trial = study.ask(lease=60)
    for _ in range(5):
        clock.now += 50
        assert study.heartbeat(trial)
        assert study.ask().config != trial.config
    clock.now += 61
    assert study.ask().config == trial.config
    assert not study.heartbeat(trial)


def test_a_late_tell_counts_once(study, clock):
    """The first tell counts, from the holder or its successor; the other is recorded and changes nothing."""
    trial = study.ask(lease=60)
    clock.now += 61
    again = study.ask(lease=60)
    assert study.tell(trial, 0.5).status == "ok"
    assert not study.heartbeat(again)
    assert study.tell(again, 0.75).status == "late"
    assert [result.loss for result in study.results] == [0.5]
    clock.now += 61
    assert study.ask().config != trial.config


def test_a_tell_after_the_lease_counts_if_it_is_the_first(study, clock):
    trial = study.ask(lease=60)
    clock.now += 1000
    assert study.tell(trial, 0.5).status == "ok"
    assert study.ask().config != trial.config


def test_a_retried_trial_has_a_lease_of_its_own(study, clock):
    """The lease ended with the failure. A retry is not held, and the trial that repeats it is."""
    trial = study.ask(lease=60)
    study.tell(trial, RuntimeError("no space left on device"))
    study.retry(trial)
    study.retry(trial)
    assert not study.pending
    assert not study.heartbeat(trial)
    again = study.ask(lease=60)
    assert (again.config, again.budget) == (trial.config, trial.budget)
    clock.now += 50
    assert study.heartbeat(again)
    clock.now += 61
    assert study.ask(lease=60).config == trial.config
    assert study.tell(again, 0.5).status == "ok"
    assert [result.loss for result in study.snapshot().results] == [0.5]


def test_a_released_trial_is_asked_again(target):
    with open_new(target, lease=1000.0) as study:
        trial = study.ask()
        study.release(trial)
        study.release(trial)
        again = study.ask()
        assert (again.config, again.budget) == (trial.config, trial.budget)
        assert not study.heartbeat(trial)
        assert study.heartbeat(again)
    replayed(target)


def test_leases_are_shared(tmp_path, clock):
    with open_new(tmp_path / "s.db", lease=60) as one, bohb.Study.open(tmp_path / "s.db") as other:
        trial = one.ask()
        clock.now += 61
        assert other.ask().config == trial.config


def test_leases_end_by_the_clock_of_the_server(database):
    """The clocks of the workers do not matter."""
    with open_new(database) as study:
        trial = study.ask(lease=0.05)
        time.sleep(0.1)
        assert study.ask().config == trial.config


@settings(max_examples=50, deadline=None)
@given(jumps=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=8))
def test_a_jumping_clock_loses_nothing(tmp_path_factory, jumps):
    """Whatever the clock does, every trial is told once, and the search is that of the replayed log."""
    target, now = tmp_path_factory.mktemp("clock") / "s.db", [1e9]
    with pytest.MonkeyPatch.context() as patch, open_new(target) as study:
        patch.setattr("bohb.study.stores.sqlite.time.time", lambda: now[0])
        trials = []
        for jump in jumps:
            trials.append(study.ask(lease=60))
            now[0] += jump
        for trial in trials:
            study.tell(trial, loss_of(trial))
        evaluated = {(trial.config_id, trial.budget) for trial in trials}
        assert len(study.results) == len(evaluated)
    replayed(target)


@pytest.mark.parametrize("scalar", [np.float32, np.int64, np.array, lambda value: np.array([value])])
def test_a_lease_may_be_a_number_of_numpy(study, clock, scalar):
    trial = study.ask(lease=scalar(10))
    clock.now += 11
    assert study.ask().config == trial.config
