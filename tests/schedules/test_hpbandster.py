"""HpBandSter's own bookkeeping, recorded, step by step (see `benchmarks/record_hpbandster.py`)."""

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
    """Asks and tells where HpBandSter did; returns the run and what was asked, in the recording's form.

    Losses belong to configurations, counted in the order in which they are new; the ends of runs belong to the runs,
    counted in the order of the asks. (Among promotions that could go at once the order is free: HpBandSter takes the
    oldest configuration first, here the best goes first.)
    """
    rungs = geometric(1, recording["eta"] ** (recording["num_levels"] - 1), eta=recording["eta"])
    run, asked = Simulation(schedule, rungs, np.random.default_rng(0)), []
    for kind, *rest in recording["steps"]:
        if kind == "ask":
            job = run.ask()
            asked.append([*job.place, isinstance(job.word, Start)])
        else:
            job = run.jobs[rest[0]]
            losses = recording["losses"]
            loss = losses[job.config_id][job.level] if job.config_id < len(losses) else 0.5
            run.observe(job.level, job.config_id, inf if loss is None else loss)
    return run, asked


@pytest.mark.parametrize("recording", RECORDINGS, ids=range(len(RECORDINGS)))
def test_it_asks_what_hpbandster_asks_and_promotes_whom_hpbandster_promotes(recording):
    run, asked = replay(HpBandSterHyperband(), recording)
    assert asked == [rest for kind, *rest in recording["steps"] if kind == "ask"]
    for index, rungs in enumerate(recording["rungs"]):
        bracket = run.brackets[index]
        for number, entered in enumerate(rungs):
            mine = bracket.rungs[number].entered
            if bracket.is_full(number):  # a rung that is being filled may hold others of those to be promoted
                assert sorted(mine) == entered
            assert len(mine) == len(entered)


def test_the_recordings_hold_crashes_and_refilled_rungs():
    """What makes the test above worth its name."""
    asks = [rest for recording in RECORDINGS for kind, *rest in recording["steps"] if kind == "ask"]
    assert sum(rung > 0 and is_new for _, rung, is_new in asks) > 20
    assert sum(rung > 0 and not is_new for _, rung, is_new in asks) > 100
    assert any(loss is None for recording in RECORDINGS for losses in recording["losses"] for loss in losses)


def test_the_schedule_of_the_paper_asks_something_else():
    """The control: the comparison can tell two schedules apart."""
    different = [
        replay(Hyperband(), recording)[1] != [rest for kind, *rest in recording["steps"] if kind == "ask"]
        for recording in RECORDINGS
    ]
    assert sum(different) > len(RECORDINGS) / 2
