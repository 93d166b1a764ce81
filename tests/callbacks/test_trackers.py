"""MLflow and TensorBoard, written by a search and read back by their own clients."""

import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import bohb
from bohb.callbacks.tracking import plain_values, safe_name

REQUIRED = os.environ.get("BOHB_REQUIRE_ENGINES", "").split(",")


def needs(engine: str, *modules: str) -> pytest.MarkDecorator:
    missing = [module for module in modules if find_spec(module) is None]
    if missing and engine in REQUIRED:
        raise ImportError(f"BOHB_REQUIRE_ENGINES names {engine}, which needs {', '.join(missing)}: not installed")
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


needs_mlflow = needs("mlflow", "mlflow", "sqlalchemy", "alembic")
needs_tensorboard = needs("tensorboard", "tensorboardX", "tensorboard")
relaxed = pytest.mark.filterwarnings("default")  # the trackers' own deprecations are theirs

SPACE = {"x": (0.0, 1.0), "kind": ["a", "b"]}

PROGRAM = """
import os, signal, sys
import bohb
from bohb.callbacks import {callback}
name, target, state, kill_at = sys.argv[1:]
import json
if os.path.exists(state):
    with open(state) as file:
        optimizer = bohb.Optimizer.from_state(json.load(file))
else:
    optimizer = bohb.Optimizer({space}, budgets=[1, 3, 9], seed=0, preset="hyperband")
def objective(trial):
    if trial.id == 4:
        raise ValueError("diverged")
    return {{"loss": trial.config["x"] / trial.budget, "checkpoint": f"ckpt/{{trial.id}}"}}
def save(record):  # what a study does by itself: the tell is durable before any callback sees it
    with open(state + ".new", "w") as file:
        json.dump(optimizer.to_state(), file)
    os.replace(state + ".new", state)
    if isinstance(record, bohb.runner.TrialEnded) and record.result.trial.id == int(kill_at):
        os.kill(os.getpid(), signal.SIGKILL)
callback = {callback}({arguments})
bohb.run(objective, optimizer, max_trials=20 - len(optimizer.results), callbacks=[save, callback], progress=False)
"""


def run_killed_and_resumed(folder: Path, target: str, callback: str, arguments: str) -> None:
    """Runs a search that is killed between a tell and its callback, and goes on."""
    program = PROGRAM.format(callback=callback, space=SPACE, arguments=arguments)
    command = [sys.executable, "-c", program, "digits' search", target, str(folder / "state")]
    for kill_at, expected in ((7, -signal.SIGKILL), (13, -signal.SIGKILL), (-1, 0)):
        ended = subprocess.run([*command, str(kill_at)], capture_output=True, text=True, timeout=120)
        assert ended.returncode == expected, ended.stderr
        assert "failed on" not in ended.stderr  # what the runner logs if a callback raises


def plain() -> bohb.Optimizer:
    """Returns the same search, never interrupted."""
    optimizer = bohb.Optimizer(SPACE, budgets=[1, 3, 9], seed=0, preset="hyperband")
    for _ in range(20):
        trial = optimizer.ask()
        outcome = ValueError("diverged") if trial.id == 4 else trial.config["x"] / trial.budget
        optimizer.tell(trial, outcome, checkpoint=None if trial.id == 4 else f"ckpt/{trial.id}")
    return optimizer


@needs_mlflow
@relaxed
@pytest.mark.slow
def test_mlflow_holds_every_trial_once_after_kills(tmp_path: Path) -> None:
    """One parent, one nested run a configuration, one metric a trial; parameters, checkpoints, failures."""
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


@needs_mlflow
@relaxed
@pytest.mark.slow
def test_another_search_of_the_same_name_is_another_parent(tmp_path: Path) -> None:
    """Runs are taken up only by the search that they belong to."""
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


@needs_tensorboard
@relaxed
@pytest.mark.slow
def test_tensorboard_holds_every_trial_once_after_kills(tmp_path: Path) -> None:
    """Loss by budget and hyperparameters of each configuration, read back by TensorBoard itself."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    target = tmp_path / "events"
    run_killed_and_resumed(tmp_path, str(target), "TensorBoardCallback", "target")
    results = plain().results
    for config_id in {result.trial.config_id for result in results}:
        mine = [result for result in results if result.trial.config_id == config_id and result.trial.id != 4]
        if not mine:
            assert not (target / f"config-{config_id}").exists()
            continue
        events = EventAccumulator(str(target / f"config-{config_id}")).Reload()
        read = [(event.step, event.value) for event in events.Scalars("loss")]
        assert sorted(read) == [(result.trial.budget, pytest.approx(result.loss)) for result in mine]
        packed = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
        values = plugin_data_pb2.HParamsPluginData.FromString(packed).session_start_info.hparams
        assert values["x"].number_value == mine[0].trial.config["x"]
        assert values["kind"].string_value == mine[0].trial.config["kind"]
    search = EventAccumulator(str(target)).Reload()
    steps = [event.step for event in search.Scalars("loss/budget_1")]
    assert sorted(steps) == [result.trial.id for result in results if result.trial.budget == 1 and result.trial.id != 4]


def test_names_and_values_are_what_trackers_accept() -> None:
    """Safe names stay apart, numbers stay numbers, everything else becomes text."""
    config = {"lr (log)": 0.1, "lr [log]": 0.2, "layers": (1, 2), "on": True, "!": None}
    plain = plain_values(config)
    assert plain == {"lr_log": 0.1, "lr_log_": 0.2, "layers": "(1, 2)", "on": True, "_": "None"}
    assert all(safe_name(name) == name for name in plain if name != "lr_log_")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param("mlflow", marks=needs_mlflow), pytest.param("tensorboard", marks=needs_tensorboard)]
)
def test_the_script_of_the_documentation_runs(tmp_path: Path, name: str) -> None:
    """And leaves something behind."""
    script = Path(__file__).parents[2] / "docs" / "examples" / "trackers" / f"{name}_search.py"
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert ended.returncode == 0
    assert "failed on" not in ended.stderr
    assert list(tmp_path.iterdir())
