"""The contract on submitit's local executor, and what a preempted, a killed and a cancelled job do."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import bohb
from bohb.runner import SubmititExecutor
from bohb.testing.executor_runs import make_optimizer
from bohb.testing.executors import ExecutorContract
from bohb.testing.processes import is_running, pids
from tests.runner.engines import requires
from tests.runner.engines.examples import run_example

pytestmark = [
    *requires("submitit", "submitit"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # submitit leaves the processes of its jobs to the collector
]


def local(folder: Path) -> Any:
    """Return submitit's executor for this machine."""
    import submitit

    executor = submitit.LocalExecutor(folder=folder)
    executor.update_parameters(timeout_min=30)
    return executor


class TestSubmititExecutor(ExecutorContract):
    survives = True
    is_slow = True
    start_seconds = 40

    @pytest.fixture(autouse=True)
    def _use(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.folder = tmp_path_factory.mktemp("jobs")

    def make(self, workers):
        return SubmititExecutor(local(self.folder), workers=workers)


def test_a_preempted_trial_goes_on_where_it_was(tmp_path: Path) -> None:
    """The job ends its trial with SIGTERM, and submitit runs it again: one result, nothing lost, no epoch twice."""
    folder = str(tmp_path)

    def objective(trial):
        saved, epochs = trial.folder / "saved", Path(folder, "epochs")

        def preempted(*_):
            saved.write_text(str(epoch))
            os._exit(0)

        signal.signal(signal.SIGTERM, preempted)
        epoch = int(saved.read_text()) if saved.exists() else 0
        is_first = epoch == 0
        while epoch < 3:
            if is_first and epoch == 1:
                Path(folder, "is-running").touch()
                time.sleep(3600)
            with epochs.open("a") as file:
                file.write(f"{epoch}\n")
            epoch += 1
        return 0.5

    class Preempting(SubmititExecutor):
        """Preempts its first job while its trial runs, as Slurm does."""

        def submit(self, fn, /, *args, **kwargs):
            future = super().submit(fn, *args, **kwargs)
            job = self._jobs[future]

            def preempt() -> None:
                while not Path(folder, "is-running").exists():
                    time.sleep(0.05)
                for pid in tasks_of(job):
                    os.kill(pid, signal.SIGUSR2)

            threading.Thread(target=preempt, daemon=True).start()
            return future

    optimizer = make_optimizer()
    with Preempting(local(tmp_path / "jobs"), workers=1) as executor:
        report = bohb.run(
            objective, optimizer, executor=executor, max_trials=1, directory=tmp_path / "search", progress=False
        )
    assert (report.num_trials, report.num_failures, report.num_lost) == (1, 0, 0)
    assert (tmp_path / "epochs").read_text().split() == ["0", "1", "2"]


def tasks_of(job: Any) -> list[int]:
    """Return the ids of the processes in which a local job works."""
    import psutil

    return [child.pid for child in psutil.Process(int(job.job_id)).children()]


def test_a_killed_job_is_a_lost_worker(tmp_path: Path) -> None:
    """Its trial is asked again; nothing of it is left."""
    folder = str(tmp_path)

    def objective(trial):
        if trial.id == 0:
            Path(folder, f"pid.{os.getpid()}").touch()
            time.sleep(3600)
        return 0.5

    class Killing(SubmititExecutor):
        def submit(self, fn, /, *args, **kwargs):
            future = super().submit(fn, *args, **kwargs)
            job = self._jobs[future]

            def kill() -> None:
                while not pids(tmp_path):
                    time.sleep(0.05)
                for pid in [*tasks_of(job), int(job.job_id)]:
                    os.kill(pid, signal.SIGKILL)

            if args[0].id == 0:
                threading.Thread(target=kill, daemon=True).start()
            return future

    optimizer = make_optimizer()
    with Killing(local(tmp_path / "jobs"), workers=1) as executor:
        report = bohb.run(objective, optimizer, executor=executor, max_trials=2, retries=1, progress=False)
    assert (report.num_trials, report.num_failures, report.num_lost) == (2, 0, 1)
    assert not any(is_running(pid) for pid in pids(tmp_path))


def test_jobs_of_several_tasks_are_refused(tmp_path: Path) -> None:
    """Which of them would have the result?"""
    several = local(tmp_path)
    several.update_parameters(tasks_per_node=2)
    with SubmititExecutor(several, workers=1) as executor, pytest.raises(bohb.SettingError, match="one task, got 2"):
        executor.submit(pow, 2, 5)


class Unloadable:
    """Can be pickled, and raises where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return divmod, (1, 0)


def test_a_reply_that_cannot_be_loaded_is_an_error_and_not_a_lost_worker(tmp_path: Path) -> None:
    with SubmititExecutor(local(tmp_path), workers=1) as executor:
        with pytest.raises(RuntimeError, match=r"cannot be unpickled:(\n.*)*ZeroDivisionError"):
            executor.submit(Unloadable).result(timeout=600)
        with pytest.raises(RuntimeError, match="cannot be pickled"):
            executor.submit(open, os.devnull).result(timeout=600)


def test_what_is_no_executor_of_submitit_is_refused() -> None:
    with pytest.raises(bohb.SettingError, match=r"an executor of submitit, such as .*, got 'local'"):
        SubmititExecutor("local", workers=1)


def test_a_queue_that_takes_no_job_ends_the_run_with_advice(tmp_path: Path) -> None:
    """The trial is given back, and nothing that was told is lost."""
    import submitit

    class Closed(submitit.LocalExecutor):  # type: ignore[misc]
        def submit(self, fn, *args, **kwargs):
            raise submitit.core.utils.FailedJobError("sbatch: error: Invalid partition")

    optimizer = make_optimizer()
    with (
        SubmititExecutor(Closed(tmp_path), workers=1) as executor,
        pytest.raises(bohb.ExecutorBroken, match=r"submitit cannot queue a job: .*Invalid partition"),
    ):
        bohb.run(lambda trial: 0.5, optimizer, executor=executor, max_trials=1, progress=False)
    assert not optimizer.results


def test_the_script_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a program of its own."""
    monkeypatch.chdir(tmp_path)
    assert "6 (0 failed, 0 lost with their worker)" in run_example("submitit")
