"""A search with Ray Tune whose driver may kill itself: ray_tune_program.py FOLDER NAME."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray import tune

from bohb.integrations.ray_tune import BOHBScheduler, BOHBSearch

SPACE = {"x": tune.uniform(0, 1), "net": {"units": tune.lograndint(1, 100), "kind": "dense"}}
HOOKS: list[Callable[[int, list[Any]], None]] = []
KILL_VARIABLE = "KILL_AFTER_RESULTS"


def loss_of(x: float, units: int, step: int) -> float:
    return (x - 0.3) ** 2 + units / 1000 + 1 / step


class Training(tune.Trainable):  # type: ignore[misc]
    """One actor serves all trials, because Ray takes seconds to start one."""

    def setup(self, config):
        self.steps, self.first = 0, 1

    def reset_config(self, new_config):
        self.setup(new_config)
        return True

    def step(self):
        self.steps += 1
        assert self.config["net"]["kind"] == "dense"
        return {"loss": loss_of(self.config["x"], self.config["net"]["units"], self.steps), "first": self.first}

    def save_checkpoint(self, checkpoint_dir):
        Path(checkpoint_dir, "steps.json").write_text(json.dumps(self.steps))

    def load_checkpoint(self, checkpoint_dir):
        self.steps = json.loads(Path(checkpoint_dir, "steps.json").read_text())
        self.first = self.steps + 1


class Watched(tune.Callback):  # type: ignore[misc]
    """Kill the driver after as many results as a variable says, and call what a test asks for."""

    def on_step_end(self, iteration, trials, **info):
        found = sum((trial.last_result or {}).get("training_iteration", 0) for trial in trials)
        if found >= int(os.environ.get(KILL_VARIABLE, sys.maxsize)):
            wait_for_snapshot()
            os.kill(os.getpid(), signal.SIGKILL)
        for hook in HOOKS:
            hook(found, trials)


def wait_for_snapshot() -> None:
    """Wait until Ray, in a thread, has copied its snapshot. A file that is killed half copied cannot be restored."""
    for thread in threading.enumerate():
        if "entrypoint" in thread.name:
            thread.join()


def tuner(search: BOHBSearch, folder: str, name: str, **settings: Any) -> tune.Tuner:
    given = {"num_samples": 6, "max_concurrent_trials": 1, "reuse_actors": True} | settings
    return tune.Tuner(
        Training,
        param_space=SPACE,
        tune_config=tune.TuneConfig(
            search_alg=search, scheduler=BOHBScheduler(max_t=4, reduction_factor=2), metric="loss", mode="min", **given
        ),
        run_config=tune.RunConfig(
            storage_path=folder,
            name=name,
            callbacks=[Watched()],
            failure_config=tune.FailureConfig(max_failures=-1),
            verbose=0,
        ),
    )


if __name__ == "__main__":
    folder, name = sys.argv[1:]
    ray.init(log_to_driver=False, logging_level="ERROR")
    path = Path(folder, name)
    if path.exists():
        tune.Tuner.restore(str(path), Training).fit()
    else:
        tuner(BOHBSearch(seed=0), folder, name).fit()
