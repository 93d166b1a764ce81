"""The schedule against recorded searches of HpBandSter (see `benchmarks/record_hpbandster.py`)."""

import json
from math import inf
from pathlib import Path

import numpy as np
import pytest

from bohb.budgets import geometric
from bohb.schedules import HpBandSterHyperband, Hyperband, Start
from tests.schedules.simulation import Simulation

RECORDINGS = json.loads((Path(__file__).parents[1] / "golden" / "hpbandster_brackets.json").read_text())


def replay(schedule, recording):
    """Ask and tell where HpBandSter did. Return the simulation and the asks in the form of the recording.

    Losses belong to configurations, in the order of their first trial. Ends of trials belong to trials, in the order of
    the asks. (Promotions that are due together may come in any order: HpBandSter takes the oldest first, we the best.)
    """
    rungs = geometric(1, recording["eta"] ** (recording["num_levels"] - 1), eta=recording["eta"])
    run, asked = Simulation(schedule, rungs, np.random.default_rng(0)), []
    for kind, *rest in recording["steps"]:
        if kind == "ask":
            trial = run.ask()
            asked.append([*trial.position, isinstance(trial.move, Start)])
        else:
            trial = run.trials[rest[0]]
            losses = recording["losses"]
            loss = losses[trial.config_id][trial.level] if trial.config_id < len(losses) else 0.5
            run.observe(trial.level, trial.config_id, inf if loss is None else loss)
    return run, asked


@pytest.mark.parametrize("recording", RECORDINGS, ids=range(len(RECORDINGS)))
def test_asks_and_promotions_are_those_of_hpbandster(recording):
    run, asked = replay(HpBandSterHyperband(), recording)
    assert asked == [rest for kind, *rest in recording["steps"] if kind == "ask"]
    for index, rungs in enumerate(recording["rungs"]):
        bracket = run.brackets[index]
        for number, entered in enumerate(rungs):
            mine = bracket.rungs[number].entered
            if bracket.is_full(number):  # a rung that is not full may hold other promotions
                assert sorted(mine) == entered
            assert len(mine) == len(entered)


def test_the_recordings_have_failures_and_replacements():
    """Otherwise the test above would show little."""
    asks = [rest for recording in RECORDINGS for kind, *rest in recording["steps"] if kind == "ask"]
    assert sum(rung > 0 and is_new for _, rung, is_new in asks) > 20
    assert sum(rung > 0 and not is_new for _, rung, is_new in asks) > 100
    assert any(loss is None for recording in RECORDINGS for losses in recording["losses"] for loss in losses)


def test_the_schedule_of_the_paper_asks_other_trials():
    """The control: the comparison tells two schedules apart."""
    different = [
        replay(Hyperband(), recording)[1] != [rest for kind, *rest in recording["steps"] if kind == "ask"]
        for recording in RECORDINGS
    ]
    assert sum(different) > len(RECORDINGS) / 2
