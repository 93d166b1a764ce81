"""Trials of several workers, each in a placement group of its own."""

import os
import signal
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import bohb
from bohb.runner import RayExecutor
from bohb.testing.executor_runs import make_optimizer
from bohb.testing.processes import is_running, pids
from tests.runner.engines import requires
from tests.runner.engines.examples import ROOT, run_script

pytestmark = [
    *requires("ray", "ray"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Ray leaves sockets and files to the collector
]
BUNDLES = [{"CPU": 1}, {"CPU": 1}]


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    import ray

    ray.shutdown()
    ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def objective(trial: Any) -> Any:
    """Start an actor in the second bundle."""
    import ray
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    group = RayExecutor.placement_group()

    class Worker:
        def pid(self) -> int:
            return os.getpid()

        def group(self) -> str:
            return str(ray.util.get_current_placement_group().id.hex())

    place = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=1)
    worker = ray.remote(Worker).options(num_cpus=1, scheduling_strategy=place).remote()
    assert ray.get(worker.group.remote()) == group.id.hex()
    return {"loss": 0.5, "info": {"group": group.id.hex(), "pid": ray.get(worker.pid.remote())}}


def states() -> set[str]:
    """The states of all groups there were."""
    from ray.util import placement_group_table

    return {group["state"] for group in placement_group_table().values()}


def wait_until(is_true: Any) -> None:
    until = time.monotonic() + 600
    while not is_true():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_each_trial_has_a_group_of_its_own_and_leaves_nothing() -> None:
    """No group, no worker in it, and all resources."""
    import ray

    optimizer = make_optimizer()
    with RayExecutor(bundles=BUNDLES) as executor:
        assert executor.workers == 2
        report = bohb.run(objective, optimizer, executor=executor, max_trials=3, progress=False)
    assert (report.num_failures, report.num_lost) == (0, 0)
    infos = [result.info for result in optimizer.results]
    assert len({info["group"] for info in infos}) == 3
    wait_until(lambda: states() == {"REMOVED"})
    wait_until(lambda: not any(is_running(info["pid"]) for info in infos))
    wait_until(lambda: ray.available_resources().get("CPU") == 4)


@pytest.mark.parametrize("how", ["killed", "ended"])
def test_the_group_goes_however_the_trial_ends(how: str, tmp_path: Path) -> None:
    """The worker that the trial started, too."""
    folder, start = str(tmp_path), objective

    def stuck(trial: Any) -> None:
        Path(folder, f"worker.{start(trial)['info']['pid']}").touch()
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(600)

    with RayExecutor(bundles=BUNDLES, workers=1) as executor:
        future = executor.submit(stuck, None)
        if how != "killed":
            wait_until(lambda: pids(tmp_path))
            executor.end(future)
        with pytest.raises(bohb.WorkerLost):
            future.result(timeout=600)
    (pid,) = pids(tmp_path)
    wait_until(lambda: states() == {"REMOVED"})
    wait_until(lambda: not is_running(pid))


def test_a_group_that_cannot_be_placed_yet_waits() -> None:
    """It is no failure, and a trial that is ended there leaves no group either."""
    with RayExecutor(bundles=[{"CPU": 1}, {"CPU": 3}], workers=2) as executor:
        first, second = executor.submit(time.sleep, 600), executor.submit(time.sleep, 600)
        wait_until(lambda: executor.seconds_of(first) is not None)
        assert executor.seconds_of(second) is None
        assert not second.done()
        for future in (second, first):
            executor.end(future)
            with pytest.raises(bohb.WorkerLost):
                future.result(timeout=600)
    wait_until(lambda: states() == {"REMOVED"})


def test_the_script_of_the_documentation_runs() -> None:
    """In a process of its own, on the cluster of these tests."""
    assert "3 (0 failed, 0 lost with their worker)" in run_script(ROOT / "docs" / "examples" / "ray" / "workers.py")


@pytest.mark.skipif(find_spec("torch") is None or find_spec("pyarrow") is None, reason="needs torch and ray[train]")
def test_ray_train_runs_inside_a_trial(tmp_path: Path) -> None:
    """The script of the documentation."""
    printed = run_script(ROOT / "docs" / "examples" / "ray" / "train_inside.py", folder=tmp_path)
    assert "2 (0 failed, 0 lost with their worker)" in printed
    assert printed.count(" on 2 workers") == 2


def test_settings_that_ray_does_not_take_are_refused() -> None:
    """Before the first trial."""
    for settings in ({"bundles": []}, {"bundles": [{}]}, {"bundles": BUNDLES, "strategy": "NEAR"}, {"bundles": [3]}):
        with pytest.raises(bohb.SettingError, match="expected bundles and a strategy"):
            RayExecutor(**settings)  # type: ignore[arg-type]
    with pytest.raises(bohb.SettingError, match="expected room"):
        RayExecutor(bundles=[{"CPU": 3}, {"CPU": 3}])
    with pytest.raises(bohb.SettingError, match="without a placement group"):
        RayExecutor.placement_group()
