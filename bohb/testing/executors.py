"""The contract of an executor, as tests to run on your own.

Subclass `ExecutorContract` in a test file, and pytest runs its tests on your executor:

    class TestMyExecutor(ExecutorContract):
        def make(self, workers):
            return MyExecutor(workers)

Long tests have the marker `slow`, so declare it in the configuration of pytest. Leave them out with `-m "not slow"`.

Objectives are defined inside the tests, so they travel to the workers by value, and a worker need not be able to import
this file. They write files in a folder to show what happened in a worker.
"""

import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bohb.errors import BohbWarning, SettingError
from bohb.runner.executors.protocol import features
from bohb.testing.executor_runs import failures_of, make_climber, make_optimizer
from bohb.testing.lost_workers import LostWorkers
from bohb.trials import Trial

NONSENSE: dict[str, Callable[[], Any]] = {
    "nothing": lambda: None,
    "text": lambda: "0.5",
    "a mapping without a loss": lambda: {"lost": object()},
    "a list": lambda: [0, 1],
}
"""Return values without a loss, made in the worker since some of them cannot be pickled."""


class ExecutorContract(LostWorkers):
    """What must hold for every executor. `ExecutorRuns` has the attributes that a subclass sets."""

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


def _nothing(_: Trial) -> None:
    """Return no loss."""
