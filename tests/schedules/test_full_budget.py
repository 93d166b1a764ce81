"""The baseline without a schedule."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bohb.schedules import FullBudget, Start
from tests.schedules.simulation import LOSSES, Simulation
from tests.schedules.test_laws import KINDS, LADDERS, SEEDS


@given(rungs=LADDERS, kind=KINDS, seed=SEEDS, workers=st.integers(1, 20))
def test_everything_is_new_and_at_the_full_budget(rungs, kind, seed, workers):
    run = Simulation(FullBudget(), rungs, np.random.default_rng(seed))
    run.play(LOSSES[kind], num_steps=100, workers=workers)
    assert {job.level for job in run.jobs} == {len(rungs) - 1}
    assert {job.word for job in run.jobs} == {Start(0)}
    assert len({job.config_id for job in run.jobs}) == len(run.jobs)
