"""The part of the contract of an executor about killed workers, time limits and signals."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bohb.errors import ExecutorBroken
from bohb.optimizer.events import Asked
from bohb.runner.executors.protocol import features
from bohb.testing.executor_runs import HOUR, ExecutorRuns, failures_of, make_climber, make_optimizer
from bohb.testing.processes import is_first, is_running, kill_workers, pids
from bohb.trials import Trial


class LostWorkers(ExecutorRuns):
    """What must hold for every executor when a worker dies, a trial takes too long, or the run is stopped."""

    @pytest.mark.slow
    def test_a_killed_generator_costs_one_trial(self, tmp_path: Path) -> None:
        """The trial is asked again, also if its training had gone on in place."""
        folder = str(tmp_path)

        def objective(trial: Trial) -> Iterator[tuple[int, float]]:
            for epoch in range(1, 10):
                if epoch in (1, 3) and is_first(Path(folder, str(epoch))):
                    os.kill(os.getpid(), signal.SIGKILL)
                yield epoch, (trial.config["x"] - 0.3) ** 2 + 1 / epoch

        optimizer, number = make_climber(), self.few(12, slow=6)
        report, _ = self.run(objective, optimizer, max_trials=number, retries=2, trial_seconds=HOUR)
        assert (report.num_trials, report.num_failures, report.num_lost) == (number, 0, 2)
        assert not optimizer.pending

    @pytest.mark.slow
    def test_a_killed_worker_costs_one_trial(self, tmp_path: Path) -> None:
        """With retries left, a trial whose worker was killed is asked again.

        With a time limit this holds for every executor, since each trial then has a process of its own.
        """
        folder = str(tmp_path)

        def objective(trial: Trial) -> float:
            if trial.config_id == 2 and is_first(Path(folder, "killed")):
                os.kill(os.getpid(), signal.SIGKILL)
            return 0.5

        optimizer = make_optimizer()
        number = self.few(8, slow=4)
        report, _ = self.run(objective, optimizer, max_trials=number, retries=1, trial_seconds=HOUR)
        assert (report.num_trials, report.num_failures, report.num_lost) == (number, 0, 1)
        assert not optimizer.pending

    @pytest.mark.slow
    def test_without_retries_a_killed_worker_is_a_failure(self) -> None:
        """The failure says that the worker was lost, and by which signal."""

        def objective(trial: Trial) -> float:
            if trial.config_id == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return 0.5

        optimizer = make_optimizer()
        report, _ = self.run(objective, optimizer, max_trials=self.few(4, slow=2), trial_seconds=HOUR)
        assert (report.num_failures, report.num_lost) == (1, 1)
        (failure,) = failures_of(optimizer)
        assert failure.info["error"].startswith("WorkerLost: ")
        assert "SIGKILL" in failure.info["error"]

    @pytest.mark.slow
    def test_a_broken_executor_loses_no_result(self, tmp_path: Path) -> None:
        """If a killed worker breaks the executor, the run ends with advice, and a new executor continues."""
        if self.survives or self.is_permanent:
            pytest.skip("a killed worker does not break this executor")
        folder = str(tmp_path)

        def objective(trial: Trial) -> float:
            if trial.config_id == 3 and is_first(Path(folder, "killed")):
                os.kill(os.getpid(), signal.SIGKILL)
            return 0.5

        optimizer = make_optimizer()
        with self.make(1) as executor:
            if features(executor).in_process:
                pytest.skip("this executor has no worker to kill")
        with pytest.raises(ExecutorBroken, match="make a new executor"):
            self.run(objective, optimizer, max_trials=10, retries=1)
        assert not optimizer.pending
        report, _ = self.run(objective, optimizer, max_trials=10 - len(optimizer.results))
        assert report.num_failures == 0
        assert {result.trial.config_id for result in optimizer.results} >= set(range(4))

    @pytest.mark.slow
    def test_a_time_limit_ends_every_process_of_a_trial(self, tmp_path: Path) -> None:
        """A trial that forks and ignores SIGTERM is ended with all its processes and is a failure; others are not."""
        folder = str(tmp_path)

        def objective(trial: Trial) -> float:
            if trial.id == 1:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.fork()
                Path(folder, f"pid.{os.getpid()}").touch()
                time.sleep(HOUR)
            return 0.5

        optimizer = make_optimizer()
        report, _ = self.run(objective, optimizer, max_trials=5, trial_seconds=self.start_seconds)
        assert (report.num_trials, report.num_failures, report.num_lost) == (5, 1, 0)
        (failure,) = failures_of(optimizer)
        assert failure.trial.id == 1
        assert failure.info["error"].startswith("TimeoutError")
        assert len(pids(tmp_path)) == 2
        assert not any(is_running(pid) for pid in pids(tmp_path))

    @pytest.mark.slow
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_the_run(self, tmp_path: Path, number: signal.Signals) -> None:
        """On Ctrl-C and SIGTERM, trials that ended are told, the others are given back, and no process is left."""
        with self.make(1) as executor:
            offered = features(executor)
        folder, seconds = str(tmp_path), HOUR if offered.end else 2

        def objective(trial: Trial) -> float:
            if trial.id >= 2:
                Path(folder, f"pid.{os.getpid()}").touch()
                time.sleep(seconds)
            return 0.5

        def interrupt() -> None:
            while not pids(tmp_path):
                time.sleep(0.01)
            os.kill(os.getpid(), number)

        optimizer = make_optimizer()
        threading.Thread(target=interrupt, daemon=True).start()
        report, _ = self.run(objective, optimizer, max_trials=100)
        assert report.stopped_by == {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}[number]
        assert report.num_trials == len(optimizer.results) >= 1
        assert not optimizer.pending
        assert offered.in_process or self.is_permanent or not any(is_running(pid) for pid in pids(tmp_path))
        told = {result.trial.config_id for result in optimizer.results}
        asked = {event.trial.config_id for event in optimizer.events if isinstance(event, Asked)}
        assert optimizer.ask().config_id in asked - told  # trials that were given back are asked first

    @pytest.mark.slow
    def test_many_killed_workers_lose_no_trial(self, tmp_path: Path) -> None:
        """A worker is killed every half second: all trials are told, none as a failure.

        Executors whose workers may not be killed get a time limit, and so a process for each trial below the worker.
        """
        num_trials, trial_seconds = self.few(200, slow=8), None
        if not self.survives:
            num_trials, trial_seconds = self.few(40, slow=8), HOUR
        folder, is_over, kills = str(tmp_path), threading.Event(), Counter[str]()
        pause = 0.4 if self.is_slow else 0.1  # so that kills hit a good part of the trials

        def objective(trial: Trial) -> float:
            mark = Path(folder, f"{trial.config_id}-{trial.id}.{os.getpid()}")
            mark.touch()
            time.sleep(pause)
            mark.unlink()
            return 0.5

        optimizer = make_optimizer()
        thread = threading.Thread(target=kill_workers, args=(tmp_path, kills, is_over, self.few(3, slow=1)))
        thread.start()
        try:
            report, _ = self.run(
                objective, optimizer, workers=4, max_trials=num_trials, retries=20, trial_seconds=trial_seconds
            )
        finally:
            is_over.set()
            thread.join()
        assert (report.num_trials, report.num_failures) == (num_trials, 0)
        assert len(optimizer.results) == num_trials
        assert not optimizer.pending
        # A kill costs at most one trial (none, between two trials), so the siblings of a killed worker are untouched.
        assert self.reruns or report.num_lost > 0
        assert report.num_lost <= kills.total()
