"""The contract on a Ray cluster on this machine, and what only a cluster can show."""

import os
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import bohb
from bohb.runner import RayExecutor
from bohb.testing.executors import ExecutorContract, make_optimizer
from tests.runner.engines import requires
from tests.runner.engines.examples import run_example

pytestmark = [
    *requires("ray", "ray"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Ray leaves sockets and files to the collector
]
GPUS = 2


@pytest.fixture(scope="module")
def _ending() -> Iterator[None]:
    """Shut Ray down after the last test; a cluster serves several tests, since it takes seconds to start."""
    import ray

    yield
    ray.shutdown()


@pytest.fixture
def cluster(_ending: None) -> None:
    """A cluster on this machine, a new one if another test left none or another one."""
    import ray

    if ray.is_initialized() and ray.cluster_resources().get("GPU") == GPUS:
        return
    ray.shutdown()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=4, num_gpus=GPUS, include_dashboard=False, log_to_driver=False)


@pytest.mark.usefixtures("cluster")
class TestRayExecutor(ExecutorContract):
    survives = True
    start_seconds = 40

    def make(self, workers):
        return RayExecutor(workers=workers)


def test_trials_that_run_together_never_share_a_gpu(cluster: None) -> None:
    """Each trial sees the device that Ray reserved for it."""

    def objective(trial):
        begin = time.time()
        time.sleep(0.3)
        return {
            "loss": 0.5,
            "info": {"gpu": os.environ["CUDA_VISIBLE_DEVICES"], "begin": begin, "end": time.time()},
        }

    optimizer = make_optimizer()
    with RayExecutor(num_gpus=1) as executor:
        assert executor.workers == GPUS
        bohb.run(objective, optimizer, executor=executor, max_trials=8, progress=False)
    infos = [result.info for result in optimizer.results]
    assert {info["gpu"] for info in infos} == {"0", "1"}
    for one in infos:
        for other in infos:
            is_apart = one["end"] <= other["begin"] or other["end"] <= one["begin"]
            assert one is other or is_apart or one["gpu"] != other["gpu"]


def test_a_cluster_without_room_is_refused(cluster: None) -> None:
    """Before the first trial; the error names the resources of the cluster."""
    with pytest.raises(bohb.SettingError, match=r"expected room for a trial that needs .*16"):
        RayExecutor(num_gpus=16)


@contextmanager
def two_nodes() -> Iterator[object]:
    import ray
    from ray.cluster_utils import Cluster

    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        ray.init(address=cluster.address, log_to_driver=False)
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_a_lost_node_is_a_lost_worker(tmp_path: Path) -> None:
    """A trial on a node that is gone is asked again and is not a failure."""
    folder = str(tmp_path)

    def objective(trial):
        Path(folder, f"{trial.id}").touch()
        while trial.id == 0:
            time.sleep(0.1)
        return 0.5

    with two_nodes() as cluster:
        node = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()

        def lose() -> None:
            while not (tmp_path / "0").exists():
                time.sleep(0.1)
            cluster.remove_node(node, allow_graceful=False)

        def replace(record: object) -> None:
            if isinstance(record, bohb.runner.TrialLost):
                cluster.add_node(num_cpus=1)

        threading.Thread(target=lose, daemon=True).start()
        optimizer = make_optimizer()
        with RayExecutor(workers=1) as executor:
            arguments = {"executor": executor, "max_trials": 2, "retries": 1, "progress": False}
            report = bohb.run(objective, optimizer, callbacks=[replace], **arguments)
    assert (report.num_trials, report.num_failures, report.num_lost) == (2, 0, 1)


def test_the_script_of_the_documentation_runs() -> None:
    """In a process of its own."""
    assert "6 (0 failed, 0 lost with their worker)" in run_example("ray")
