"""Searches in MLflow, read back by its own client."""

from pathlib import Path

import pytest

import bohb
from bohb.runner import RunStarted
from tests.callbacks.resumed import (
    SPACE,
    needs,
    plain,
    run_killed_and_resumed,
    run_script_of_the_documentation,
    with_curve,
)

pytestmark = [
    needs("mlflow", "mlflow", "sqlalchemy", "alembic"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # its deprecations are not ours
]


def test_every_trial_is_there_once_after_kills(tmp_path: Path) -> None:
    """One parent run, a nested run for each configuration, a metric for each trial; parameters, failures."""
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    run_killed_and_resumed(tmp_path, uri, "MLflowCallback", "target, name=name")
    client, results = MlflowClient(tracking_uri=uri), plain().results
    experiment = client.get_experiment_by_name("bohb")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    (parent,) = (run for run in runs if "bohb.search" in run.data.tags)
    children = {int(run.data.tags["bohb.config_id"]): run for run in runs if run is not parent}
    assert len(runs) == len(children) + 1
    assert set(children) == {result.trial.config_id for result in results}
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["bohb.stopped_by"] == "max_trials"
    for config_id, run in children.items():
        mine = [result for result in results if result.trial.config_id == config_id]
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.params == {name: str(value) for name, value in mine[0].trial.config.items()}
        history = client.get_metric_history(run.info.run_id, "loss") if mine[0].trial.id != 4 else []
        expected = [(result.trial.budget, pytest.approx(result.loss)) for result in mine if result.trial.id != 4]
        assert sorted((metric.step, metric.value) for metric in history) == expected
        assert run.info.status == ("FAILED" if mine[-1].trial.id == 4 else "FINISHED")
        assert run.data.tags.get("checkpoint") == mine[-1].checkpoint
    incumbents = client.get_metric_history(parent.info.run_id, "incumbent")
    assert len({metric.step for metric in incumbents}) == len(incumbents)


def test_a_curve_is_the_metric_of_its_run(tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    from bohb.callbacks import MLflowCallback

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    callback, record = MLflowCallback(uri, name="curves"), with_curve()
    callback(RunStarted(1, {}, (), None))
    callback(record)
    client = MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("bohb").experiment_id])
    [child] = [run for run in runs if "bohb.config_id" in run.data.tags]
    history = client.get_metric_history(child.info.run_id, "loss")
    assert sorted((metric.step, metric.value) for metric in history) == [(1, 0.9), (2, 0.7), (9, 0.5)]
    assert child.data.metrics["top5"] == 0.75


def test_another_search_of_the_same_name_gets_another_parent(tmp_path: Path) -> None:
    """A parent run is resumed only by the search that it belongs to."""
    from mlflow.tracking import MlflowClient

    from bohb.callbacks import MLflowCallback

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for seed in (0, 1):
        optimizer = bohb.Optimizer(SPACE, budgets=[1, 3], seed=seed)
        callback = MLflowCallback(uri, name="twice", experiment="other")
        bohb.run(lambda trial: trial.config["x"], optimizer, max_trials=3, callbacks=[callback], progress=False)
    client = MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("other").experiment_id])
    assert sum("bohb.search" in run.data.tags for run in runs) == 2


def test_the_script_of_the_documentation_runs(tmp_path: Path) -> None:
    run_script_of_the_documentation("mlflow", tmp_path)
