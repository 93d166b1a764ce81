"""The contract on a Ray cluster on this machine, and what only a cluster can show."""

import os
import queue
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bohb
from bohb.runner import RayExecutor
from bohb.testing.executor_runs import make_optimizer
from bohb.testing.executors import ExecutorContract
from tests.runner.engines import assert_no_gpu_is_shared, requires
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
        ray.init(address="local", num_cpus=4, num_gpus=GPUS, include_dashboard=False, log_to_driver=False)


@pytest.mark.usefixtures("cluster")
class TestRayExecutor(ExecutorContract):
    survives = True
    start_seconds = 40

    def make(self, workers):
        return RayExecutor(workers=workers)

    def few(self, usual, slow):
        """Return a number of trials between the two, because a trial takes half a second to start."""
        return max(slow, usual // 4)


def test_trials_that_run_together_never_share_a_gpu(cluster: None) -> None:
    """Each trial sees the device that Ray reserved for it."""

    def objective(trial):
        begin = time.time()
        time.sleep(0.3)
        return {
            "loss": 0.5,
            "info": {"devices": os.environ["CUDA_VISIBLE_DEVICES"], "begin": begin, "end": time.time()},
        }

    optimizer = make_optimizer()
    with RayExecutor(num_gpus=1) as executor:
        assert executor.workers == GPUS
        bohb.run(objective, optimizer, executor=executor, max_trials=8, progress=False)
    assert_no_gpu_is_shared([result.info for result in optimizer.results], {"0", "1"})


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


@pytest.mark.parametrize("settings", [{}, {"bundles": [{"CPU": 0.5}, {"CPU": 0.5}]}], ids=["task", "group"])
def test_a_lost_node_is_a_lost_worker(settings: dict[str, Any], tmp_path: Path) -> None:
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
        with RayExecutor(workers=1, **settings) as executor:
            arguments = {"executor": executor, "max_trials": 2, "retries": 1, "progress": False}
            report = bohb.run(objective, optimizer, callbacks=[replace], **arguments)
    assert (report.num_trials, report.num_failures, report.num_lost) == (2, 0, 1)


def test_the_script_of_the_documentation_runs() -> None:
    """In a process of its own."""
    assert "6 (0 failed, 0 lost with their worker)" in run_example("ray")


def test_what_trials_print_is_kept(cluster: None, tmp_path: Path) -> None:
    """In the folder of the executor, or in that of the run; a trial that is ended keeps what it printed, too."""

    def objective(trial):
        print("trial", trial.id, flush=True)
        if trial.id == 1:
            time.sleep(600)
        return 0.5

    with RayExecutor(workers=1, output=tmp_path / "own") as executor:
        arguments = {"executor": executor, "max_trials": 2, "progress": False}
        report = bohb.run(objective, make_optimizer(), trial_seconds=40, **arguments)
        assert report.output == tmp_path / "own"
        for number in (0, 1):
            assert (tmp_path / "own" / f"trial-{number}.out").read_text() == f"trial {number}\n"
        bohb.run(objective, make_optimizer(), directory=tmp_path / "run", **(arguments | {"max_trials": 1}))
    assert (tmp_path / "run" / "output" / "trial-0.out").read_text() == "trial 0\n"
    assert not list((tmp_path / "own").glob(".*"))


def test_a_node_that_does_not_share_the_folder_sends_what_was_printed(cluster: None, tmp_path: Path) -> None:
    """Also of a trial that died, and of one that was ended: there it matters most."""

    def objective(trial):
        print("far away", flush=True)
        if trial.id == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if trial.id == 1:
            time.sleep(600)
        return 0.5

    optimizer = make_optimizer()
    with RayExecutor(workers=1, output=tmp_path) as executor:
        executor._call = lambda packed, make=executor._call: replace(make(packed), mark="not-there")  # type: ignore[method-assign]
        bohb.run(objective, optimizer, executor=executor, max_trials=3, trial_seconds=40, progress=False)
    assert [type_of(result) for result in optimizer.results] == ["WorkerLost", "TimeoutError", "ok"]
    for number in range(3):
        assert (tmp_path / f"trial-{number}.out").read_text() == "far away\n"


def type_of(result: bohb.Result) -> str:
    return str(result.info["error"]).partition(":")[0] if result.is_failure else "ok"


class Unloadable:
    """Can be pickled, and raises where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return divmod, (1, 0)


def test_what_a_call_raises_is_no_lost_worker(cluster: None) -> None:
    """Also if Ray has a meaning for it, or if the reply cannot be loaded."""
    from ray.exceptions import GetTimeoutError

    def call(error: type[BaseException]) -> None:
        raise error

    with RayExecutor(workers=1) as executor:
        for error in (GetTimeoutError, SystemExit, KeyboardInterrupt):
            with pytest.raises(error):
                executor.submit(call, error).result(timeout=600)
        with pytest.raises(RuntimeError, match=r"cannot be unpickled:(\n.*)*ZeroDivisionError"):
            executor.submit(Unloadable).result(timeout=600)


def test_settings_that_are_not_valid_are_refused(cluster: None) -> None:
    """When the executor is made, and not by the first trial."""
    for settings, why in [
        ({"workers": "2"}, "a positive integer as workers"),
        ({"workers": 0}, "a positive integer as workers"),
        ({"num_gpus": 1.5}, "a part of one GPU, or whole ones"),
        ({"runtime_env": {"env_vars": {"A": 1}}}, "a runtime_env as for a task of Ray"),
        ({"runtime_env": "conda"}, "a runtime_env as for a task of Ray"),
    ]:
        with pytest.raises(bohb.SettingError, match=why):
            RayExecutor(**settings)


def test_an_output_that_is_no_folder_ends_the_run(cluster: None, tmp_path: Path) -> None:
    """The trial is given back."""
    (tmp_path / "file").touch()
    optimizer = make_optimizer()
    expected = pytest.raises(bohb.SettingError, match="expected a folder that can be written as output")
    with RayExecutor(output=tmp_path / "file", workers=1) as executor, expected:
        bohb.run(lambda _: 0.5, optimizer, executor=executor, max_trials=2, progress=False)
    assert not optimizer.results
    assert not optimizer.pending


def test_a_trial_has_the_environment_that_is_given(cluster: None) -> None:
    def objective(trial):
        return float(os.environ["LOSS"])

    optimizer = make_optimizer()
    with RayExecutor(workers=1, runtime_env={"env_vars": {"LOSS": "0.25"}}) as executor:
        bohb.run(objective, optimizer, executor=executor, max_trials=1, progress=False)
    assert optimizer.results[0].loss == 0.25


def test_a_trial_waits_for_a_node_and_its_time_begins_there() -> None:
    """As where an autoscaler is slow."""
    with two_nodes() as cluster, RayExecutor(workers=1) as executor:
        future = executor.submit(time.sleep, 600)
        time.sleep(3)
        assert executor.seconds_of(future) is None
        assert not future.done()
        cluster.add_node(num_cpus=1)
        while executor.seconds_of(future) is None:
            assert not future.done()
            time.sleep(0.1)
        executor.end(future)
        with pytest.raises(bohb.WorkerLost):
            future.result(timeout=600)


def test_what_is_called_when_a_trial_ends_may_wait_for_ray(cluster: None) -> None:
    """Ray's own thread, which reports that a task ended, must never wait for Ray."""
    import ray

    task = ray.remote(lambda: 64)
    values: queue.SimpleQueue[int] = queue.SimpleQueue()
    with RayExecutor(workers=1) as executor:
        future = executor.submit(pow, 2, 5)
        future.add_done_callback(lambda _: values.put(ray.get(task.remote())))
        assert values.get(timeout=600) == 64
        assert executor.submit(pow, 2, 7).result(timeout=600) == 128


def test_an_outcome_that_cannot_be_kept_is_an_error_and_not_a_silence(cluster: None, tmp_path: Path) -> None:
    with RayExecutor(workers=1, output=tmp_path) as executor:
        executor._call = lambda packed, make=executor._call: replace(make(packed), mark="not-there")  # type: ignore[method-assign]
        (tmp_path / "trial-0.out").mkdir()
        arguments = {"executor": executor, "max_trials": 1, "retries": 0, "progress": False}
        report = bohb.run(lambda trial: print("x", flush=True) or 0.5, make_optimizer(), **arguments)
    assert (report.num_failures, report.num_lost) == (1, 1)


def test_a_trial_can_be_ended_where_ray_was_started_in_the_background() -> None:
    """There a shell makes Ray and all its workers ignore the signal by which Ray cancels."""
    import ray

    ray.shutdown()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    finally:
        signal.signal(signal.SIGINT, before)
    with RayExecutor(workers=1) as executor:
        future = executor.submit(time.sleep, 600)
        while executor.seconds_of(future) is None:
            time.sleep(0.1)
        executor.end(future)
        with pytest.raises(bohb.WorkerLost):
            future.result(timeout=600)


def test_nothing_is_left_in_the_cluster(cluster: None) -> None:
    """Also of a trial that was lost."""
    from ray.experimental.internal_kv import _internal_kv_list

    with RayExecutor(workers=1) as executor:
        with pytest.raises(bohb.WorkerLost):
            executor.submit(os.kill, 0, signal.SIGKILL).result(timeout=600)
        assert executor.submit(pow, 2, 5).result() == 32
    assert not _internal_kv_list("bohb-")
