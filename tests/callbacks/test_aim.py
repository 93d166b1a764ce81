"""Searches in Aim, read back by its own client."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.callbacks.resumed import needs, plain, run_killed_and_resumed, run_script_of_the_documentation

pytestmark = [
    needs("aim", "aim", "pandas"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # its deprecations are not ours
]


def read(folder: Path) -> dict[str, Any]:
    """Every run by its name: its experiment, its parameters, its status, and its points by the name of the metric."""
    from aim import Repo
    from aim.sdk.index_manager import RepoIndexManager

    repo = Repo(str(folder))
    manager = RepoIndexManager.get_index_manager(repo)  # what `aim up` has in the background
    for key in repo.list_all_runs():
        manager.index(key)
    found = {}
    for run in Repo(str(folder)).iter_runs():
        tables = {metric.name: metric.dataframe() for metric in run.metrics()}
        points = {name: sorted(zip(table["step"], table["value"], strict=True)) for name, table in tables.items()}
        assert run.name not in found
        found[run.name] = (run.experiment, run["hparams"], run["status"], points)
    return found


def test_every_trial_is_there_once_after_kills(tmp_path: Path) -> None:
    """One run for each configuration, with its parameters, and a loss for each trial but the failure."""
    target = tmp_path / "runs"
    run_killed_and_resumed(tmp_path, str(target), "AimCallback", "target, name='digits search'")
    runs, results = read(target), plain().results
    assert set(runs) == {f"config-{result.trial.config_id}" for result in results}
    for name, (experiment, parameters, status, points) in runs.items():
        mine = [result for result in results if f"config-{result.trial.config_id}" == name]
        assert experiment == "digits search"
        assert parameters["x"] == mine[0].trial.config["x"]
        assert status == mine[-1].status
        expected = sorted((result.trial.budget, result.loss) for result in mine if not result.is_failure)
        assert points.get("loss", []) == [(step, pytest.approx(loss)) for step, loss in expected]


def test_a_curve_is_the_metric_of_its_run(tmp_path: Path) -> None:
    program = (
        "import sys; from bohb.callbacks import AimCallback; from tests.callbacks.resumed import with_curve\n"
        "AimCallback(sys.argv[1], name='curves')(with_curve())"
    )  # in a process of its own: Aim's reader does not see what this one has open
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=root, check=True, timeout=600)
    [(_, _, _, points)] = read(tmp_path).values()
    assert points["loss"] == [(1, 0.9), (2, 0.7), (9, 0.5)]
    assert points["top5"] == [(9, 0.75)]


def test_the_script_of_the_documentation_runs(tmp_path: Path) -> None:
    run_script_of_the_documentation("aim", tmp_path)


def test_a_second_search_in_the_same_moment_goes_on_with_the_runs_of_the_first(tmp_path: Path) -> None:
    program = (
        "import sys, bohb; from bohb.callbacks import AimCallback\n"
        "optimizer = bohb.Optimizer({'x': (0.0, 1.0)}, budgets=[1, 3, 9], seed=0, preset='hyperband')\n"
        "for total in (4, 8, 12):\n"
        "    callback = AimCallback(sys.argv[1], name='one search')\n"
        "    bohb.run(lambda trial: trial.config['x'] / trial.budget, optimizer, max_trials=4,\n"
        "             callbacks=[callback], progress=False)\n"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=root, capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == 0, ended.stderr
    assert "failed on" not in ended.stderr, ended.stderr
    points = [points["loss"] for _, _, _, points in read(tmp_path).values()]  # each configuration has one run
    assert sum(map(len, points)) == 12
    assert max(map(len, points)) > 1
