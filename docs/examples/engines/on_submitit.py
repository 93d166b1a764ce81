import signal
import sys
from pathlib import Path

import submitit

import bohb
from bohb.runner import SubmititExecutor


def objective(trial):
    saved = trial.folder / "epochs.txt"  # your checkpoint

    def preempted(*_):
        saved.write_text(str(epoch))
        sys.exit("preempted")

    signal.signal(signal.SIGTERM, preempted)
    epoch = int(saved.read_text()) if saved.exists() else 0
    while epoch < trial.budget:
        epoch += 1  # your training
    saved.write_text(str(epoch))
    return (trial.config["x"] - 0.3) ** 2 + 1 / epoch


if __name__ == "__main__":
    slurm = submitit.AutoExecutor(folder="jobs", cluster="local")  # without `cluster`: Slurm where it is installed
    slurm.update_parameters(timeout_min=60)
    study = bohb.Study.open("study.db", {"x": (0.0, 1.0)}, bohb.geometric(1, 9, eta=3), seed=0)
    with SubmititExecutor(slurm, workers=2) as executor:
        print(bohb.run(objective, study, executor=executor, max_trials=6, retries=2, directory=Path("search")))
