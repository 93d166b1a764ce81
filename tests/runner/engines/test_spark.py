"""The contract on a Spark cluster on this machine, and what only a cluster can show: lost executors, ranks, devices."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import bohb
from bohb.runner import SparkExecutor
from bohb.runner.executors import spark
from bohb.runner.executors.spark import _num_slots
from bohb.testing.executor_runs import make_optimizer
from bohb.testing.executors import ExecutorContract
from bohb.testing.processes import is_running, pids
from tests.runner.engines import assert_no_gpu_is_shared, requires
from tests.runner.engines.examples import ROOT, run_example

pytestmark = [
    *requires("spark", "pyspark"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Spark leaves sockets to the collector
]
SAID = "6 (0 failed, 0 lost with their worker)"


@pytest.fixture(scope="module", autouse=True)
def _variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The Python of the executors is this one, and Java compiles as little as it can."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        patch.setenv("SPARK_LOCAL_DIRS", str(tmp_path_factory.mktemp("spark")))
        yield


def start(**settings: str) -> Any:
    """Start a cluster of two Spark workers with one core each, in place of the one that runs."""
    from pyspark.sql import SparkSession

    stop()
    fixed = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.executor.memory": "512m"}
    builder = SparkSession.builder.master("local-cluster[2,1,512]").appName("bohb tests")
    for name, value in (fixed | settings).items():
        builder = builder.config(name, value)
    return whole(builder.getOrCreate())


def whole(session: Any) -> Any:
    """Return the session once both executors are there; one that takes the place of a lost one needs seconds."""
    wait_until(lambda: _num_slots(session.sparkContext) == 2)
    return session


def stop() -> None:
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    if running is not None:
        running.stop()


@pytest.fixture(scope="module")
def _ending() -> Iterator[None]:
    """Stop Spark after the last test; a cluster serves several tests, since it takes seconds to start."""
    yield
    stop()


@pytest.fixture
def session(_ending: None) -> Any:
    """A cluster without devices, a new one if another test left another one."""
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    if running is None or running.sparkContext.getConf().get("spark.task.resource.gpu.amount"):
        return start()
    return whole(running)


class TestSparkExecutor(ExecutorContract):
    survives = True
    is_slow = True
    start_seconds = 60

    @pytest.fixture(autouse=True)
    def _use(self, session: Any) -> None:
        self.session = session

    def make(self, workers):
        return SparkExecutor(self.session, workers=workers)


def wait_until(is_true: Any, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)


def is_all_gone(folder: Path) -> bool:
    return not any(is_running(pid) for pid in pids(folder))


def java_above(pid: int) -> int:
    """Return the id of the executor, a JVM, that has a process somewhere below it."""
    import psutil

    return next(parent.pid for parent in psutil.Process(pid).parents() if parent.name() == "java")


def test_a_lost_executor_is_a_lost_worker(session: Any, tmp_path: Path) -> None:
    """A killed JVM takes its trial and all processes of the trial along; the trial is asked again."""
    folder = str(tmp_path)

    def objective(trial):
        if trial.id == 1:
            Path(folder, f"pid.{os.getpid()}").touch()
            time.sleep(3600)
        return 0.5

    def kill() -> None:
        while not pids(tmp_path):
            time.sleep(0.1)
        os.kill(java_above(pids(tmp_path)[0]), signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    optimizer = make_optimizer()
    with SparkExecutor(session) as executor:
        assert executor.workers == 2
        report = bohb.run(objective, optimizer, executor=executor, max_trials=6, retries=1, progress=False)
    assert (report.num_trials, report.num_failures, report.num_lost) == (6, 0, 1)
    wait_until(lambda: is_all_gone(tmp_path))


def test_a_killed_python_worker_is_a_lost_worker(session: Any, tmp_path: Path) -> None:
    """Spark starts the task again by itself; the trial does not run a second time under the same id."""
    folder = str(tmp_path)

    def objective(trial):
        Path(folder, f"{trial.id}.{os.getpid()}").touch()
        if trial.id == 0:
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(3600)
        return 0.5

    optimizer = make_optimizer()
    with SparkExecutor(session) as executor:
        report = bohb.run(objective, optimizer, executor=executor, workers=1, max_trials=2, retries=1, progress=False)
    assert (report.num_trials, report.num_failures, report.num_lost) == (2, 0, 1)
    assert len(list(tmp_path.glob("0.*"))) == 1
    wait_until(lambda: is_all_gone(tmp_path))


def test_ranks_work_together_while_one_of_them_is_killed(session: Any, tmp_path: Path) -> None:
    """Barrier jobs of 2 ranks that meet over a socket: a killed rank is a lost worker, an exception a failure."""
    folder = str(tmp_path)

    def objective(trial):
        import socket

        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        Path(folder, f"{trial.id}-{rank}.{os.getpid()}").touch()
        address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        print(f"rank {rank} of {size}")
        if rank == 0:
            with socket.create_server(address) as server:
                sent = server.accept()[0].recv(100)
            return {"loss": 0.5, "info": {"sent": sent.decode(), "local": os.environ["LOCAL_RANK"]}}
        if trial.id == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if trial.id == 2:
            raise ValueError("diverged")
        while True:
            try:
                with socket.create_connection(address) as connection:
                    connection.sendall(f"from rank {rank}".encode())
                return None
            except ConnectionRefusedError:
                time.sleep(0.05)

    optimizer = make_optimizer()
    with SparkExecutor(session, ranks_per_trial=2) as executor:
        assert executor.workers == 1
        settings: Mapping[str, Any] = {"directory": tmp_path / "search", "retries": 1, "progress": False}
        report = bohb.run(objective, optimizer, executor=executor, max_trials=4, **settings)
    assert (report.num_trials, report.num_failures, report.num_lost) == (4, 1, 1)
    assert is_all_gone(tmp_path)
    for result in optimizer.results:
        if result.trial.id == 2:
            assert result.info["error"] == "ValueError: diverged"
            assert result.info["traceback"].startswith("On rank 1 of 2:")
        else:
            assert (result.info["sent"], result.info["local"]) == ("from rank 1", "0")
    output = tmp_path / "search" / "output"
    assert (output / "trial-0.out").read_text() == "rank 0 of 2\n"
    assert (output / "trial-0.rank-1.out").read_text() == "rank 1 of 2\n"


@pytest.mark.parametrize("arguments", ["", "-S"], ids=["no Python", "no bohb"])
def test_a_python_that_cannot_run_trials_ends_the_run(
    session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    """No trial is told as a failure; the error says what to do. With -S, Python finds no package."""
    python = tmp_path / "python"
    if arguments:
        python.write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
        python.chmod(0o755)
    monkeypatch.setattr(session.sparkContext, "pythonExec", str(python))
    optimizer = make_optimizer()
    with SparkExecutor(session) as executor, pytest.raises(bohb.ExecutorBroken, match="PYSPARK_PYTHON"):
        bohb.run(lambda trial: 0.5, optimizer, executor=executor, max_trials=2, progress=False)
    assert (len(optimizer.results), len(optimizer.pending)) == (0, 0)


def test_a_cluster_without_room_is_refused(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first trial, when no more executors register; the error names the slots of the application."""
    monkeypatch.setattr(spark, "SECONDS_TO_REGISTER", 3.0)
    with pytest.raises(bohb.SettingError, match=r"a trial of 16 Spark tasks, got an application with 2 slots"):
        SparkExecutor(session, ranks_per_trial=16)


def test_a_trial_of_several_tasks_waits_for_executors_that_register_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """They start seconds apart on a busy cluster."""
    slots = iter([0, 1, 1, 1, 3, 4, 4])
    monkeypatch.setattr(spark, "_num_slots", lambda context: next(slots))
    monkeypatch.setattr(spark.time, "sleep", lambda seconds: None)
    assert spark._room(None, 2) == 2
    assert list(slots) == []


def test_copies_of_running_trials_are_refused(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a copy would say that the trial was lost."""
    conf = session.sparkContext.getConf()
    conf.set("spark.speculation", "true").set("spark.speculation.task.duration.threshold", "10s")
    monkeypatch.setattr(session.sparkContext, "_conf", conf)
    with pytest.raises(bohb.SettingError, match=r"speculation.*10s"):
        SparkExecutor(session)


def test_a_session_without_a_context_is_refused() -> None:
    """As one of Spark Connect."""
    with pytest.raises(bohb.SettingError, match=r"Spark Connect"):
        SparkExecutor(object())


@pytest.mark.usefixtures("_ending")
def test_trials_that_run_together_never_share_a_gpu(tmp_path: Path) -> None:
    """Each trial sees the device that Spark reserved for it. The devices are pretended."""
    script = tmp_path / "gpus"
    script.write_text(
        f'#!/bin/sh\nfor i in 0 1; do mkdir {tmp_path}/$i 2>/dev/null && exec echo "{{\\"name\\": \\"gpu\\", '
        '\\"addresses\\": [\\"$i\\"]}"; done\n'
    )
    script.chmod(0o755)

    def objective(trial):
        begin = time.time()
        time.sleep(0.3)
        return {
            "loss": 0.5,
            "info": {"devices": os.environ["CUDA_VISIBLE_DEVICES"], "begin": begin, "end": time.time()},
        }

    optimizer = make_optimizer()
    session = start(
        **{
            "spark.worker.resource.gpu.amount": "1",
            "spark.worker.resource.gpu.discoveryScript": str(script),
            "spark.executor.resource.gpu.amount": "1",
            "spark.task.resource.gpu.amount": "1",
        }
    )
    with SparkExecutor(session) as executor:
        bohb.run(objective, optimizer, executor=executor, max_trials=8, progress=False)
    assert_no_gpu_is_shared([result.info for result in optimizer.results], {"0", "1"})


def test_a_killed_driver_loses_no_trial(tmp_path: Path) -> None:
    """Spark's JVM is killed, then the program; every trial ends with it, and the next start goes on."""
    import psutil

    study, marks = tmp_path / "study.db", tmp_path / "marks"
    marks.mkdir()

    def launch() -> subprocess.Popen[str]:
        program = Path(__file__).with_name("spark_program.py")
        return subprocess.Popen(
            [sys.executable, str(program), str(study), str(marks), "12"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_for_trials(number: int) -> None:
        wait_until(lambda: len(pids(marks)) >= number)

    first = launch()
    wait_for_trials(2)
    (driver,) = (child.pid for child in psutil.Process(first.pid).children() if child.name() == "java")
    os.kill(driver, signal.SIGKILL)
    said = first.communicate(timeout=600)[0]
    assert first.returncode != 0
    assert "ExecutorBroken" in said, said[-3000:]
    wait_until(lambda: is_all_gone(marks))

    second = launch()
    wait_for_trials(len(pids(marks)) + 3)
    second.kill()
    second.communicate(timeout=600)
    wait_until(lambda: is_all_gone(marks))

    third = launch()
    said = third.communicate(timeout=600)[0]
    assert third.returncode == 0, said[-3000:]
    results = bohb.Study.open(study).results
    assert len(results) == 12
    assert all(result.loss == 0.5 for result in results)


def test_the_script_of_the_documentation_runs() -> None:
    """As a program of its own."""
    assert SAID in run_example("spark")
