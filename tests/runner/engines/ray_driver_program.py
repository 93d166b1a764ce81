"""A search on a Ray cluster whose driver kills itself after some trials: ray_driver_program.py STUDY."""

import os
import signal
import sys

import bohb
from bohb.runner import RayExecutor, TrialEnded

NUM_TRIALS = 5
KILL_VARIABLE = "KILL_AFTER_TRIALS"


def objective(trial):
    return (trial.config["x"] - 0.3) ** 2 + 1 / trial.budget


class Killed:
    """Kills this program after some trials."""

    def __init__(self):
        self.left = int(os.environ.get(KILL_VARIABLE, sys.maxsize))

    def __call__(self, record):
        self.left -= isinstance(record, TrialEnded)
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    study = bohb.Study.open(sys.argv[1], {"x": (0.0, 1.0)}, [1, 3], seed=0, lease=10)
    with RayExecutor(workers=2) as executor:
        left = NUM_TRIALS - len(study.results)
        bohb.run(objective, study, executor=executor, max_trials=left, callbacks=[Killed()], progress=False)
