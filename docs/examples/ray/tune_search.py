import json
import tempfile
from pathlib import Path

from ray import tune

from bohb.integrations.ray_tune import BOHBScheduler, BOHBSearch


def train(config):
    weight, done = 0.0, 0
    checkpoint = tune.get_checkpoint()
    if checkpoint:  # the trial was paused, and is promoted
        with checkpoint.as_directory() as folder:
            weight, done = json.loads(Path(folder, "state.json").read_text())
    for epoch in range(done + 1, 10):
        weight -= config["optimizer"]["lr"] * (weight - 3)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "state.json").write_text(json.dumps([weight, epoch]))
            tune.report({"loss": (weight - 3) ** 2}, checkpoint=tune.Checkpoint.from_directory(folder))


def new_tuner(folder):
    return tune.Tuner(
        train,
        param_space={"optimizer": {"lr": tune.loguniform(1e-3, 1.0)}},
        tune_config=tune.TuneConfig(
            search_alg=BOHBSearch(seed=0),
            scheduler=BOHBScheduler(max_t=9, reduction_factor=3),
            metric="loss",
            mode="min",
            num_samples=4,
            max_concurrent_trials=2,
        ),
        run_config=tune.RunConfig(
            name=folder.name,
            storage_path=str(folder.parent),
            failure_config=tune.FailureConfig(max_failures=3),
            verbose=0,
        ),
    )


if __name__ == "__main__":
    folder = Path("ray_results/lr").absolute()
    path = str(folder)
    tuner = tune.Tuner.restore(path, train) if tune.Tuner.can_restore(path) else new_tuner(folder)
    tuner.fit()

    search = BOHBSearch()
    search.restore_from_dir(path)
    best = search.optimizer.incumbent
    print(f"loss {best.loss:.4f} after {best.budget} epochs: {best.config}")
