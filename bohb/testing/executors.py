"""The contract of an executor, as tests to run on your own.

Subclass `ExecutorContract` in a test file, and pytest runs its tests on your executor:

    class TestMyExecutor(ExecutorContract):
        def make(self, workers):
            return MyExecutor(workers)

Long tests have the marker `slow`, so declare it in the configuration of pytest. Leave them out with `-m "not slow"`.

Objectives are defined inside the tests, so they travel to the workers by value, and a worker need not be able to import
this file. They write files in a folder to show what happened in a worker.
"""

import os
import signal
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bohb.budgets import geometric
from bohb.errors import BohbWarning, ExecutorBroken, SettingError
from bohb.optimizer.events import Asked
from bohb.optimizer.optimizer import Optimizer
from bohb.runner.evaluation import Objective
from bohb.runner.executors.protocol import Features, Submitter, features
from bohb.runner.launch import run
from bohb.runner.report import Report
from bohb.testing.processes import is_running, kill_workers, pids
from bohb.trials import Result, Status, Trial

HOUR = 3600

NONSENSE: dict[str, Callable[[], Any]] = {
    "nothing": lambda: None,
    "text": lambda: "0.5",
    "a mapping without a loss": lambda: {"lost": object()},
    "a list": lambda: [0, 1],
}
"""Return values without a loss, made in the worker since some of them cannot be pickled."""


class ExecutorContract:
    """What must hold for every executor.

    Attributes:
        survives: Whether a killed worker costs one trial only. If not, it must break the executor for good.
        reruns: Whether the executor itself runs a call again when its worker died.
        is_permanent: Whether the workers outlive the executor, so that a killed one ends the whole program.
        is_slow: Whether a trial takes seconds to start, so that the tests make do with few trials.
        start_seconds: More seconds than a trial takes to start and to return, on a busy machine too.
    """

    survives = False
    reruns = False
    is_permanent = False
    is_slow = False
    start_seconds = 10

    def make(self, workers: int) -> AbstractContextManager[Submitter]:
        """Return a new executor with this many workers; it is used as a context manager."""
        raise NotImplementedError("expected a subclass that makes its executor")

    def run(
        self, objective: Objective, optimizer: Optimizer, *, workers: int = 2, **settings: Any
    ) -> tuple[Report, Features]:
        """Run a search on a new executor; return its report, and what the executor offers."""
        with self.make(workers) as executor:
            report = run(objective, optimizer, executor=executor, workers=workers, progress=False, **settings)
            return report, features(executor)

    def few(self, usual: int, slow: int) -> int:
        """Return a number of trials: the usual one, or a small one if trials are slow to start."""
        return slow if self.is_slow else usual

    # Calls.

    def test_submit_returns_the_future_of_the_call(self) -> None:
        """The future holds what the function returned or raised."""
        with self.make(1) as executor:
            assert executor.submit(pow, 2, 5).result() == 32
            with pytest.raises(ZeroDivisionError):
                executor.submit(divmod, 1, 0).result()

    def test_outcomes_are_told_as_returned(self) -> None:
        """Loss, checkpoint and info arrive unchanged, and no trial stays pending."""

        def objective(trial: Trial) -> dict[str, Any]:
            return {"loss": trial.config["x"] / trial.budget, "checkpoint": f"c{trial.id}", "info": {"seen": trial.id}}

        optimizer = make_optimizer()
        number = self.few(20, slow=4)
        report, _ = self.run(objective, optimizer, max_trials=number)
        assert report.num_trials == len(optimizer.results) == number
        assert not optimizer.pending
        for result in optimizer.results:
            trial = result.trial
            assert result.loss == trial.config["x"] / trial.budget
            assert (result.checkpoint, result.info) == (f"c{trial.id}", {"seen": trial.id})

    def test_an_exception_is_a_failure_with_its_traceback(self) -> None:
        """An exception in the objective is told once and never retried; the traceback shows the line."""

        def objective(trial: Trial) -> float:
            if trial.id % 3 == 1:
                raise ValueError(f"diverged in trial {trial.id}")
            return 0.5

        optimizer = make_optimizer()
        number = self.few(12, slow=5)
        report, _ = self.run(objective, optimizer, max_trials=number, retries=5)
        failures = failures_of(optimizer)
        assert sorted(result.trial.id for result in failures) == [*range(1, number, 3)]
        assert (report.num_failures, report.num_lost) == (len(failures), 0)
        for result in failures:
            assert result.info["error"] == f"ValueError: diverged in trial {result.trial.id}"
            assert 'raise ValueError(f"diverged in trial {trial.id}")' in result.info["traceback"]

    @pytest.mark.parametrize("what", NONSENSE)
    def test_nonsense_is_a_failure(self, what: str) -> None:
        """A return value without a loss fails the trial, with an error that says so."""
        if self.is_slow and what != "nothing":
            pytest.skip("every executor reads an outcome with the same code: one case is enough for a slow one")
        nonsense = NONSENSE[what]

        def objective(trial: Trial) -> Any:
            return nonsense() if trial.id else 0.5

        optimizer = make_optimizer()
        report, _ = self.run(objective, optimizer, workers=1, max_trials=3)
        assert report.num_failures == 2
        assert optimizer.results[1].info["error"].startswith("OutcomeError: expected")

    def test_nonsense_from_the_first_trial_stops_the_run(self) -> None:
        """The mistake is the program's: no failure is recorded, and the trial is given back."""
        optimizer = make_optimizer()
        with pytest.raises(SettingError, match="return the loss"):
            self.run(_nothing, optimizer, workers=1, max_trials=3)
        assert not optimizer.results
        assert not optimizer.pending

    def test_what_is_beside_a_loss_never_costs_it(self) -> None:
        """What can be kept goes to the info. The rest is dropped with a warning that names it."""

        def objective(_: Trial) -> Any:
            extras = {"model": object(), "f1": float("nan")}
            return {"loss": 0.5, "acc": 0.75, "checkpoint": 7, "info": extras}

        optimizer = make_optimizer()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", BohbWarning)
            report, _ = self.run(objective, optimizer, max_trials=2)
        assert report.num_failures == 0
        assert [result.info for result in optimizer.results] == 2 * [{"acc": 0.75, "f1": None}]
        texts = " ".join(str(warning.message) for warning in caught)
        assert "info['model']" in texts
        assert "checkpoint" in texts

    def test_exit_is_a_failure(self) -> None:
        """`sys.exit` in the objective ends the trial, not the worker."""

        def objective(_: Trial) -> NoReturn:
            raise SystemExit(3)

        optimizer = make_optimizer()
        report, _ = self.run(objective, optimizer, workers=1, max_trials=2)
        assert report.num_failures == 2
        assert optimizer.results[0].info["error"] == "SystemExit: 3"

    def test_one_worker_equals_a_plain_loop(self) -> None:
        """With one worker, the results are those of a loop of ask and tell."""

        def loss(trial: Trial) -> float:
            return float((trial.config["x"] - 0.3) ** 2 + 1 / trial.budget)

        plain, optimizer = make_optimizer(), make_optimizer()
        number = self.few(25, slow=6)
        for _ in range(number):
            trial = plain.ask()
            plain.tell(trial, loss(trial))
        self.run(loss, optimizer, workers=1, max_trials=number)
        assert optimizer.results == plain.results

    def test_an_objective_that_cannot_be_pickled_is_refused(self) -> None:
        """The run ends before the first ask, with advice; executors that do not pickle evaluate it."""
        lock = threading.Lock()

        def objective(_: Trial) -> float:
            with lock:
                return 0.5

        optimizer = make_optimizer()
        with self.make(1) as executor:
            offered = features(executor)
        if offered.in_process:
            report, _ = self.run(objective, optimizer, max_trials=2)
            assert report.num_trials == 2
            return
        with pytest.raises(SettingError, match=r"cannot be pickled .*lock.*; create locks"):
            self.run(objective, optimizer, max_trials=2)
        assert not optimizer.events

    # Generators.

    def test_a_generator_has_the_results_of_a_loop_that_reports(self, tmp_path: Path) -> None:
        """It climbs from budget to budget, in place or started again. Each one that is started is closed."""
        folder = str(tmp_path)

        def objective(trial: Trial) -> Iterator[dict[str, Any]]:
            epoch = 0 if trial.checkpoint is None else int(trial.checkpoint)
            Path(folder, f"{trial.id}.started").touch()
            try:
                while True:
                    epoch += 1
                    loss = (trial.config["x"] - 0.3) ** 2 + 1 / epoch
                    yield {"epoch": epoch, "loss": loss, "checkpoint": str(epoch)}
            finally:
                Path(folder, f"{trial.id}.closed").touch()

        plain, optimizer = make_climber(), make_climber()
        number = self.few(25, slow=6)
        for _ in range(number):
            trial = plain.ask()
            for epoch in range(1 + int(trial.checkpoint or 0), trial.budget):
                plain.report(trial, epoch, (trial.config["x"] - 0.3) ** 2 + 1 / epoch, checkpoint=str(epoch))
            loss = (trial.config["x"] - 0.3) ** 2 + 1 / trial.budget
            plain.tell(trial, loss, checkpoint=str(trial.budget))
        self.run(objective, optimizer, workers=1, max_trials=number)
        assert optimizer.results == plain.results
        assert any(result.curve for result in optimizer.results)
        assert len(list(tmp_path.glob("*.started"))) == len(list(tmp_path.glob("*.closed"))) > 1

    @pytest.mark.slow
    def test_a_killed_generator_costs_one_trial(self, tmp_path: Path) -> None:
        """The trial is asked again, also if its training had gone on in place."""
        folder = str(tmp_path)

        def objective(trial: Trial) -> Iterator[tuple[int, float]]:
            for epoch in range(1, 10):
                marker = Path(folder) / str(epoch)
                if epoch in (1, 3) and not marker.exists():
                    marker.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                yield epoch, (trial.config["x"] - 0.3) ** 2 + 1 / epoch

        optimizer, number = make_climber(), self.few(12, slow=6)
        report, _ = self.run(objective, optimizer, max_trials=number, retries=2, trial_seconds=HOUR)
        assert (report.num_trials, report.num_failures, report.num_lost) == (number, 0, 2)
        assert not optimizer.pending

    # Lost workers.

    @pytest.mark.slow
    def test_a_killed_worker_costs_one_trial(self, tmp_path: Path) -> None:
        """With retries left, a trial whose worker was killed is asked again.

        With a time limit this holds for every executor, since each trial then has a process of its own.
        """
        folder = str(tmp_path)

        def objective(trial: Trial) -> float:
            marker = Path(folder) / "killed"
            if trial.config_id == 2 and not marker.exists():
                marker.touch()
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
            marker = Path(folder) / "killed"
            if trial.config_id == 3 and not marker.exists():
                marker.touch()
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


def _nothing(_: Trial) -> None:
    """Return no loss."""


def make_optimizer() -> Optimizer:
    """Return a small search, the same each time."""
    return Optimizer({"x": (0.0, 1.0)}, budgets=geometric(1, 9, eta=3), seed=3, preset="hyperband")


def make_climber() -> Optimizer:
    """Return a small search that begins with a full training, and trains good configurations on at once."""
    optimizer = Optimizer({"x": (0.0, 1.0)}, budgets=geometric(1, 9, eta=3), seed=3)
    optimizer.enqueue({"x": 0.25}, 9)
    return optimizer


def failures_of(optimizer: Optimizer) -> list[Result]:
    """Return the results that were told as an error."""
    return [result for result in optimizer.results if result.status is Status.ERROR]
