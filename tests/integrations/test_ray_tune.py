"""Searches with the real Ray Tune on one small cluster."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bohb
from tests.runner.engines import requires
from tests.runner.engines.examples import run_script

pytestmark = [
    *requires("ray", "ray", "pandas", "pyarrow"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Ray leaves sockets and files to the collector
]
ROOT = Path(bohb.__file__).parents[1]
RESET = "def reset_config(self, new):\n        self.timestep = 0\n        return True\n\n"
PROGRAM = Path(__file__).with_name("ray_tune_program.py")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """One cluster for all tests, because it takes seconds to start."""
    import ray

    ray.shutdown()
    context = ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield context.address_info["address"]
    ray.shutdown()


def run_program(address: str, folder: Path, name: str, **variables: str) -> int:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {"RAY_ADDRESS": address, "PYTHONPATH": os.pathsep.join(paths), "TUNE_GLOBAL_CHECKPOINT_S": "0"}
    command = [sys.executable, str(PROGRAM), str(folder), name]
    ended = subprocess.run(command, env=os.environ | settings | variables, capture_output=True, text=True, timeout=600)
    assert ended.returncode in (0, -9), ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.returncode


def search_in(folder: Path) -> Any:
    """What Ray saved of a search."""
    from bohb.integrations.ray_tune import BOHBSearch

    search = BOHBSearch()
    search.restore_from_dir(str(folder))
    return search.optimizer


def facts(optimizer: bohb.Optimizer) -> list[Any]:
    """All results but for the names that Ray gave the trials."""
    return [(each.trial, each.loss, each.curve, each.status) for each in optimizer.results]


def test_a_search_pauses_and_resumes_and_goes_on_after_a_kill(address: str, tmp_path: Path) -> None:
    """A driver that is killed and started again finds what one finds that is not."""
    from bohb.integrations.ray_tune import BOHBSearch
    from tests.integrations.ray_tune_program import loss_of, tuner

    search = BOHBSearch(seed=0)
    grid = tuner(search, str(tmp_path), "whole").fit()
    assert len(grid) == 6
    assert not grid.errors
    found = search.optimizer
    for result in found.results:
        config = result.trial.config
        assert result.loss == loss_of(config["x"], config["net/units"], result.budget)
    assert found.incumbent.trial.budget == 4
    assert sorted(each.metrics["training_iteration"] for each in grid)[-1] == 4
    resumed = [each for each in grid if each.metrics["first"] > 1]
    assert resumed, "expected trials that went on from a checkpoint"
    assert not found.pending

    assert run_program(address, tmp_path, "killed", KILL_AFTER_RESULTS="3") == -9
    before = len(search_in(tmp_path / "killed").results)
    assert 0 < before < len(found.results)
    assert run_program(address, tmp_path, "killed") == 0
    assert facts(search_in(tmp_path / "killed")) == facts(found)


def test_the_example_of_ray_runs_with_two_names_changed(address: str, tmp_path: Path) -> None:
    """Ray's own file, but for its size: two imports, the number of CPUs and of samples, and the time of a step."""
    import ray.tune

    text = Path(ray.tune.__file__).with_name("examples").joinpath("bohb_example.py").read_text()
    changes = {
        "from ray.tune.schedulers.hb_bohb import HyperBandForBOHB\n": "",
        "from ray.tune.search.bohb import TuneBOHB\n": (
            "from bohb.integrations.ray_tune import BOHBScheduler, BOHBSearch\n"
        ),
        "HyperBandForBOHB(": "BOHBScheduler(",
        "TuneBOHB(": "BOHBSearch(",
        "ray.init(num_cpus=8)": "ray.init()",
        "num_samples=32": "num_samples=4, reuse_actors=True",
        "time.sleep(0.1)": "time.sleep(0.0)",
        'name="bohb_test",': f'name="bohb_test", storage_path={str(tmp_path)!r}, verbose=0,',
        "def save_checkpoint(": RESET + "    def save_checkpoint(",
        "sys.exit(0)": "pass",
    }
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    script = tmp_path / "bohb_example.py"
    script.write_text(text)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {"RAY_ADDRESS": address, "PYTHONPATH": os.pathsep.join(paths)}
    ended = subprocess.run(
        [sys.executable, str(script)], env=os.environ | settings, capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    assert "Best hyperparameters found were:" in ended.stdout
    results = search_in(tmp_path / "bohb_test").results
    assert {result.budget for result in results} == {1, 2, 5, 10}
    for result in results:  # what the example computes, resumed from checkpoints
        reward = result.config["height"] * math.tanh(result.budget / result.config["width"])
        assert result.metrics["episode_reward_mean"] == pytest.approx(reward)


def test_what_does_not_fit_together_is_refused(address: str, tmp_path: Path) -> None:
    """Before anything runs, or with the first trial."""
    from ray import tune
    from ray.tune.error import TuneError

    from bohb.integrations.ray_tune import BOHBScheduler, BOHBSearch

    def fit(space: Any, **settings: Any) -> None:
        config = tune.TuneConfig(metric="loss", mode="min", num_samples=2, **settings)
        run = tune.RunConfig(storage_path=str(tmp_path), verbose=0)
        tune.Tuner(lambda config: {"loss": 1.0}, param_space=space, tune_config=config, run_config=run).fit()

    uniform = {"x": tune.uniform(0, 1)}
    with pytest.raises((bohb.SettingError, TuneError), match=r"expected search_alg=BOHBSearch"):
        fit(uniform, scheduler=BOHBScheduler())
    with pytest.raises((bohb.SpaceError, TuneError), match="grid_search"):
        fit({"x": tune.grid_search([1, 2])}, scheduler=BOHBScheduler(), search_alg=BOHBSearch())
    with pytest.raises(bohb.BudgetError):
        BOHBScheduler(max_t=0)


def test_a_trial_that_fails_or_ends_early_is_told_so(address: str, tmp_path: Path) -> None:
    from ray import tune

    from bohb.integrations.ray_tune import BOHBScheduler, BOHBSearch

    def train(config: Any) -> None:
        for step in range(1, 3 if config["kind"] == "short" else 5):
            if config["kind"] == "broken":
                raise ValueError("no such kind")
            tune.report({"loss": 1 / step})

    points = [{"kind": kind} for kind in ("broken", "short", "whole")]
    search = BOHBSearch(seed=0, points_to_evaluate=points)
    config = {"scheduler": BOHBScheduler(max_t=4, reduction_factor=4), "search_alg": search, "num_samples": 3}
    tuner = tune.Tuner(
        train,
        param_space={"kind": tune.choice(["broken", "short", "whole"])},
        tune_config=tune.TuneConfig(metric="loss", mode="min", max_concurrent_trials=2, **config),
        run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0),
    )
    grid = tuner.fit()
    assert grid.num_errors == 1
    (failure,) = (result for result in search.optimizer.results if result.is_failure)
    assert failure.config == {"kind": "broken"}
    assert "ValueError: no such kind" in str(failure.reason)
    assert search.optimizer.incumbent is not None
    assert search.optimizer.incumbent.loss in (0.5, 0.25)


@pytest.mark.parametrize("how", ["resume_errored", "restart_errored"])
def test_trials_that_failed_run_again_where_the_user_asks_for_it(how: str, address: str, tmp_path: Path) -> None:
    """Ray gives those that it restarts a new id."""
    from ray import tune

    from bohb.integrations.ray_tune import BOHBScheduler, BOHBSearch

    healed = str(tmp_path / "healed")

    def train(config: Any) -> None:
        if config["kind"] == "broken" and not os.path.exists(healed):  # noqa: PTH110
            raise ValueError("no such kind")
        tune.report({"loss": 1.0})

    tuner = tune.Tuner(
        train,
        param_space={"kind": tune.choice(["broken", "whole"])},
        tune_config=tune.TuneConfig(
            metric="loss", mode="min", search_alg=BOHBSearch(seed=0), scheduler=BOHBScheduler(max_t=1), num_samples=2
        ),
        run_config=tune.RunConfig(storage_path=str(tmp_path), name="search", verbose=0),
    )
    assert tuner.fit().num_errors == 1
    Path(healed).touch()
    grid = tune.Tuner.restore(str(tmp_path / "search"), train, **{how: True}).fit()
    assert grid.num_errors == 0
    results = search_in(tmp_path / "search").results
    assert sorted((result.config["kind"], result.loss) for result in results) == [("broken", 1.0), ("whole", 1.0)]


def test_the_script_of_the_documentation_runs(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, on the cluster of these tests."""
    monkeypatch.setenv("RAY_ADDRESS", address)
    script = ROOT / "docs" / "examples" / "ray" / "tune_search.py"
    assert " after 9 epochs: {'optimizer/lr': " in run_script(script, folder=tmp_path)
