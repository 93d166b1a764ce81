"""What trackers get of a search of a metric: its name and its sign, and the other metrics."""

from pathlib import Path
from typing import Any

import pytest

import bohb
from bohb.callbacks.tracking import metric_values
from bohb.objectives import LOSS, Goal
from tests.callbacks.resumed import needs

ACCURACY = Goal("val accuracy", "maximize", is_declared=True)


def searched(callbacks: Any = ()) -> bohb.Optimizer:
    optimizer = bohb.Optimizer({"x": (0.25, 1.0)}, [1, 3], seed=0, objectives=ACCURACY.objectives)

    def objective(trial: bohb.Trial) -> Any:
        return {"val accuracy": trial.config["x"], "latency": trial.id}

    bohb.run(objective, optimizer, max_trials=3, callbacks=callbacks, progress=False)
    return optimizer


def test_values_have_the_names_and_signs_of_the_user() -> None:
    result = searched().results[0]
    x = result.config["x"]
    assert metric_values(result, ACCURACY) == {"latency": 0, "val_accuracy": x, "val_accuracy.budget_1": x}
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1])
    result = optimizer.tell(optimizer.ask(), 0.5)
    assert metric_values(result, LOSS) == {"loss": 0.5, "loss.budget_1": 0.5}


@needs("tensorboard", "tensorboardX", "tensorboard")
@pytest.mark.filterwarnings("default")
def test_tensorboard_shows_what_was_told(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from bohb.callbacks import TensorBoardCallback

    optimizer = searched([TensorBoardCallback(tmp_path)])
    result = optimizer.results[0]
    events = EventAccumulator(str(tmp_path / "config-0")).Reload()
    assert events.Scalars("val_accuracy")[0].value == pytest.approx(result.config["x"])
    assert events.Scalars("latency")[0].value == 0
    search = EventAccumulator(str(tmp_path)).Reload()
    assert search.Scalars("incumbent")[0].value == pytest.approx(result.config["x"])
    assert "loss" not in " ".join(search.Tags()["scalars"])


@needs("mlflow", "mlflow", "sqlalchemy", "alembic")
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_mlflow_shows_what_was_told(tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    from bohb.callbacks import MLflowCallback

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    optimizer = searched([MLflowCallback(uri, name="metric")])
    client = MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("bohb").experiment_id])
    by_config = {run.data.tags.get("bohb.config_id"): run for run in runs}
    assert by_config["0"].data.metrics["val_accuracy"] == optimizer.results[0].config["x"]
    assert by_config["0"].data.metrics["latency"] == 0
    assert optimizer.incumbent is not None
    assert by_config[None].data.metrics["incumbent"] == pytest.approx(optimizer.incumbent.metrics["val accuracy"])
