"""No later trial resumes from a checkpoint that `releasable` named."""

import math

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace, Integer

import bohb
from bohb.optimizer.presets import PRESETS


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("num_values", [12, 10_000])
def test_nothing_resumes_from_a_released_checkpoint(preset, num_values):
    """In a small space a configuration may enter another bracket after its checkpoint was released."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        space = ConfigurationSpace(space={"x": Integer("x", (1, num_values))})
        optimizer = bohb.Optimizer(space, bohb.geometric(1, 9), seed=seed, preset=preset)
        released, running = set(), []
        # Random search evaluates each configuration once.
        while len(optimizer.results) < (9 if preset == "random" else 30):
            if not running or (len(running) < 4 and rng.random() < 0.6):
                running.append(optimizer.ask())
                assert running[-1].checkpoint is None or running[-1].checkpoint not in released
            else:
                trial = running.pop(rng.integers(len(running)))
                loss = math.nan if rng.random() < 0.1 else rng.random()
                optimizer.tell(trial, loss, checkpoint=f"checkpoint {trial.id}")
                released.update(optimizer.releasable())
        assert released


@pytest.mark.parametrize("preset", ["default", "paper", "hpbandster", "hyperband", "asha"])
def test_promotions_resume_from_the_rung_below(preset):
    """The control: in a continuous space no configuration comes up twice, so every promotion has a checkpoint."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, bohb.geometric(1, 9), seed=0, preset=preset)
    told = {}
    for _ in range(60):
        trial = optimizer.ask()
        if trial.rung and trial.origin is bohb.Origin.PROMOTED:
            assert trial.checkpoint == told[trial.config_id, trial.rung - 1]
            assert optimizer.trial(trial.previous).config == trial.config
        told[trial.config_id, trial.rung] = f"checkpoint {trial.id}"
        optimizer.tell(trial, trial.config["x"], checkpoint=told[trial.config_id, trial.rung])
    assert any(trial.trial.checkpoint for trial in optimizer.results)
