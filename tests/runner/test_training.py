"""An objective that is a generator: what it yields, how far it goes, and when it is closed."""

import itertools
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import bohb
from bohb.runner import ProcessExecutor
from bohb.runner.training import Training
from bohb.testing.executor_runs import HOUR
from bohb.testing.processes import is_first
from bohb.trials import Origin, Status


def make(budgets: Any = (1, 3, 9), preset: str = "default") -> bohb.Optimizer:
    return bohb.Optimizer({"x": (0.0, 1.0)}, bohb.ladder(budgets), seed=3, preset=preset)


def loss(trial: bohb.Trial, epoch: float) -> float:
    return float((trial.config["x"] - 0.3) ** 2 + 1 / epoch)


def run(objective: Any, optimizer: Any = None, **settings: Any) -> tuple[bohb.runner.Report, bohb.Optimizer]:
    optimizer = optimizer or make()
    settings = {"max_trials": 16, "progress": False} | settings
    return bohb.run(objective, optimizer, **settings), optimizer


def endless(trial: bohb.Trial) -> Iterator[Any]:
    for epoch in itertools.count(1):
        yield epoch, loss(trial, epoch)


def bounded(trial: bohb.Trial) -> Iterator[Any]:
    for epoch in range(1, trial.budget + 1):
        yield loss(trial, epoch)


def losses(optimizer: bohb.Optimizer) -> list[Any]:
    return [(result.trial, result.loss, result.status) for result in optimizer.results]


FORMS = {
    "pairs": lambda trial, epoch: (epoch, loss(trial, epoch)),
    "losses": lambda trial, epoch: loss(trial, epoch),
    "mappings": lambda trial, epoch: {"loss": loss(trial, epoch)},
    "mappings with epochs": lambda trial, epoch: {"loss": loss(trial, epoch), "epoch": epoch},
    "mappings with budgets": lambda trial, epoch: {"loss": loss(trial, epoch), "budget": float(epoch)},
    "pairs of mappings": lambda trial, epoch: (epoch, {"loss": loss(trial, epoch)}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_search_of_a_function(form: str) -> None:
    """Whatever the form, the trials and losses are those of a function that trains up to the budget."""

    def objective(trial: bohb.Trial) -> Iterator[Any]:
        for epoch in itertools.count(1):
            yield FORMS[form](trial, epoch)

    optimizer = run(objective, make(preset="hyperband"))[1]
    plain = run(lambda trial: loss(trial, trial.budget), make(preset="hyperband"))[1]
    told = [each for each in losses(optimizer) if each[0].origin is not Origin.REPORTED]
    assert told == losses(plain)


def test_a_generator_that_goes_on_is_the_search_of_one_that_starts_again() -> None:
    """In every process and thread; only the cost differs, and the function `bounded` pays all of it."""
    reports = {}
    with ThreadPoolExecutor(1) as thread, ProcessExecutor(1) as process, ProcessPoolExecutor(1) as pool:
        for name, executor in {"serial": None, "thread": thread, "process": process, "pool": pool}.items():
            reports[name] = run(endless, executor=executor)
        reports["bounded"] = run(bounded)
    first = losses(reports["serial"][1])
    assert all(losses(optimizer) == first for _, optimizer in reports.values())
    spent = {name: report.spent for name, (report, _) in reports.items()}
    assert spent["serial"] == spent["thread"] == spent["process"] < spent["pool"] == spent["bounded"]


def test_the_way_to_a_budget_is_the_curve() -> None:
    _, optimizer = run(endless, max_trials=25)
    for result in optimizer.results:
        if result.trial.origin is not Origin.REPORTED:
            reached = [epoch for epoch, _ in result.curve]
            assert reached == list(range(result.budget - len(reached), result.budget))
            assert all(value == loss(result.trial, epoch) for epoch, value in result.curve)
    assert any(len(result.curve) > 2 for result in optimizer.results)


def test_a_generator_that_ends_early_tells_what_it_used() -> None:
    def objective(trial: bohb.Trial) -> Iterator[Any]:
        for epoch in range(1, min(trial.budget, 2) + 1):
            yield epoch, loss(trial, epoch)

    report, optimizer = run(objective, make(preset="random"))
    assert all((result.budget, result.used) == (9, 2) for result in optimizer.results if result.trial.id >= 0)
    assert report.spent == 2 * report.num_trials
    assert report.num_failures == 0


def test_a_training_that_stopped_itself_early_goes_on_from_there() -> None:
    """What it yields without an epoch is counted from its checkpoint, which is not that of the whole budget."""

    def objective(trial: bohb.Trial) -> Iterator[Any]:
        for _ in range(2):
            yield {"loss": trial.config["x"], "checkpoint": "c"}

    optimizer = make(budgets=[3, 9], preset="hyperband")
    run(objective, optimizer, max_trials=30)
    promoted = [result for result in optimizer.results if result.trial.previous is not None]
    assert promoted
    assert {result.used for result in promoted} == {4}


def test_what_a_generator_returns_is_its_result() -> None:
    """It has trained as long as was asked; what it yielded is its curve."""

    def objective(trial: bohb.Trial) -> Any:
        yield 0.5, 0.75
        return {"loss": 0.25, "checkpoint": "c"}

    _, optimizer = run(objective, make(preset="random"), max_trials=2)
    assert [(result.loss, result.used, result.checkpoint) for result in optimizer.results] == 2 * [(0.25, None, "c")]
    assert optimizer.results[0].curve == ((0.5, 0.75),)


def test_an_epoch_without_a_loss_is_no_report() -> None:
    def objective(trial: bohb.Trial) -> Iterator[Any]:
        for epoch in itertools.count(1):
            yield epoch, loss(trial, epoch) if epoch % 3 == 0 else None

    _, optimizer = run(objective, make(preset="random"), max_trials=1)
    assert [epoch for epoch, _ in optimizer.results[-1].curve] == [3, 6]


@pytest.mark.parametrize("values", [[(9, None)], [(3, 0.5), (9, None)], [{"epoch": 9, "loss": None}], [None] * 9])
def test_a_generator_without_a_loss_at_the_budget_is_told_where_it_belongs(values: list[Any]) -> None:
    with pytest.raises(bohb.SettingError, match="got None"):
        run(lambda _: (value for value in values), make(preset="random"), max_trials=1)


def test_an_exception_keeps_the_way_so_far() -> None:
    def objective(trial: bohb.Trial) -> Iterator[Any]:
        yield 1, 0.5
        yield 2, 0.4
        raise ValueError("diverged")

    report, optimizer = run(objective, make(preset="random"), max_trials=1)
    result = optimizer.results[-1]
    assert (result.status, result.curve, result.used) == (Status.ERROR, ((1, 0.5), (2, 0.4)), None)
    assert 'raise ValueError("diverged")' in result.info["traceback"]
    assert "bohb/runner" not in result.info["traceback"], "the user's own lines only"
    assert report.num_failures == 1


@pytest.mark.parametrize("values", [[(0, 0.5)], [(2, 0.5), (2, 0.4)], [("one", 0.5)], [(1, "low")], []])
def test_nonsense_from_the_first_generator_stops_the_run(values: list[Any]) -> None:
    """The mistake is the program's, and the message says what to yield."""

    def objective(trial: bohb.Trial) -> Iterator[Any]:
        yield from values

    optimizer = make(preset="random")
    with pytest.raises(bohb.SettingError, match="expected a"):
        run(objective, optimizer)
    assert not optimizer.results
    assert not optimizer.pending


def test_a_yield_returns_the_trial_that_runs() -> None:
    seen = []

    def objective(trial: bohb.Trial) -> Iterator[Any]:
        now = trial
        for epoch in itertools.count(1):
            seen.append((epoch, now.id, now.budget))
            now = yield epoch, loss(trial, epoch)

    _, optimizer = run(objective)
    assert len({trial_id for _, trial_id, _ in seen}) == 16, "every trial, also those that went on in place"
    assert all(epoch <= budget for epoch, _, budget in seen)
    assert all(optimizer.trial(trial_id).budget == budget for _, trial_id, budget in seen)


def test_an_error_while_closing_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def objective(trial: bohb.Trial) -> Iterator[Any]:
        try:
            yield from endless(trial)
        finally:
            raise OSError("the disk is gone")

    report, _ = run(objective)
    assert (report.num_trials, report.num_failures) == (16, 0)
    assert "the disk is gone" in caplog.text


def test_a_ladder_without_numbers_is_trained_to_the_end_of_the_generator() -> None:
    budgets = bohb.ladder([{"epochs": 1}, {"epochs": 3}], costs=[1, 3])

    def objective(trial: bohb.Trial) -> Iterator[Any]:
        for epoch in range(1, trial.budget["epochs"] + 1):
            yield epoch, loss(trial, epoch)

    report, optimizer = run(objective, make(budgets), max_trials=4)
    assert report.num_failures == 0
    assert all(r.loss == loss(r.trial, r.budget["epochs"]) and not r.curve for r in optimizer.results)


def test_the_limits_of_a_run_hold_in_place() -> None:
    """No trial goes on once a limit is reached."""
    for number in range(1, 14):
        report, optimizer = run(endless, max_trials=number)
        assert report.num_trials == number
        assert not optimizer.pending


@pytest.mark.parametrize("warm", [True, False])
def test_a_worker_that_dies_while_its_training_waits_costs_nothing(tmp_path: Path, warm: bool) -> None:
    """The trial that would have gone on in place starts again on a new worker."""

    def objective(trial: bohb.Trial) -> Iterator[Any]:
        (tmp_path / f"{trial.id}.{os.getpid()}").touch()
        yield from endless(trial)

    def kill(record: bohb.runner.Record) -> None:
        if isinstance(record, bohb.runner.TrialEnded):
            for path in tmp_path.glob("*.[0-9]*"):
                os.kill(int(path.suffix[1:]), signal.SIGKILL)
                path.unlink()

    with ProcessExecutor(1, warm=warm) as executor:
        report, optimizer = run(objective, executor=executor, callbacks=[kill], max_trials=6, retries=3)
    assert (report.num_trials, report.num_failures) == (6, 0)
    assert losses(optimizer) == losses(run(endless, max_trials=6)[1])


@pytest.mark.slow
def test_a_training_that_hangs_in_place_is_ended(tmp_path: Path) -> None:
    """The time limit holds for each trial; the others go on."""

    def objective(trial: bohb.Trial) -> Iterator[Any]:
        for epoch, value in endless(trial):
            if epoch == 2 and is_first(tmp_path / "hung"):
                time.sleep(HOUR)
            yield epoch, value

    report, optimizer = run(objective, trial_seconds=10)
    failures = [result for result in optimizer.results if result.is_failure]
    assert report.num_failures == len(failures) == 1
    assert failures[0].info["error"].startswith("TimeoutError")


def test_a_study_goes_on_in_place_with_leases(tmp_path: Path) -> None:
    with bohb.Study.open(str(tmp_path / "a.db"), {"x": (0.0, 1.0)}, (1, 3, 9), seed=3, lease=60.0) as study:
        report, _ = run(endless, study)
        optimizer = run(endless)[1]
        assert losses(study) == losses(optimizer)
        assert report.spent == run(endless)[0].spent
        assert not study.pending


def test_a_generator_counts_from_the_checkpoint() -> None:
    training = Training((0.5 for _ in range(9)), 3, float)
    optimizer = make(preset="random")
    stretch = training.advance(optimizer.ask())
    assert [epoch for epoch, _ in stretch.way] == [4, 5, 6, 7, 8, 9]
    assert stretch.is_open
    assert not stretch.is_empty
