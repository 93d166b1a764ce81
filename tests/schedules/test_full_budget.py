"""The baseline: every configuration at the full budget."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bohb.schedules import FullBudget, Start
from tests.schedules.simulation import LOSSES, Simulation
from tests.schedules.test_laws import KINDS, LADDERS, SEEDS


@given(rungs=LADDERS, kind=KINDS, seed=SEEDS, workers=st.integers(1, 20))
def test_every_trial_is_new_and_at_the_full_budget(rungs, kind, seed, workers):
    run = Simulation(FullBudget(), rungs, np.random.default_rng(seed))
    run.play(LOSSES[kind], num_steps=100, workers=workers)
    assert {trial.level for trial in run.trials} == {len(rungs) - 1}
    assert {trial.move for trial in run.trials} == {Start(0)}
    assert len({trial.config_id for trial in run.trials}) == len(run.trials)
