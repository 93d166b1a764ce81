"""Searches for reports: with failures, conditions, and names and errors that are markup."""

import math
import random
from pathlib import Path

import bohb

HOSTILE = "</script><script>alert(1)</script>&'\""
SPACE = {
    "lr": (1e-5, 1e-1, "log"),
    "units": (16, 512, "log"),
    f"act <b>{HOSTILE}": ["relu", HOSTILE],
    "momentum": {"range": (0.0, 0.99), "when": {f"act <b>{HOSTILE}": "relu"}},
}


def told(search: bohb.Optimizer | bohb.Study, num: int) -> None:
    """Tells results of a search, a tenth of them failures, and leaves two trials at work."""
    rng = random.Random(0)
    for number in range(num):
        trial = search.ask()
        if number % 10 == 7:
            error = ValueError(f"{HOSTILE} at step {number}") if number % 20 == 7 else MemoryError("no memory")
            search.tell(trial, error, info={"traceback": f"Traceback of {HOSTILE}\n{error!r}"})
        else:
            config = trial.config
            loss = (
                (math.log10(config["lr"]) + 3) ** 2 / 10 + 1 / config["units"] + 1 / trial.budget + rng.random() / 100
            )
            search.tell(trial, loss, checkpoint=f"checkpoints/<{trial.config_id}>")
    search.ask()
    search.ask()


def make_study(path: Path, num: int = 60) -> bohb.Study:
    """A study that was told results."""
    study = bohb.Study.open(path, SPACE, [1, 3, 9], seed=0, preset="fast")
    told(study, num)
    return study
