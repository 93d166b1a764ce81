"""The records that a run hands to its callbacks."""

import logging
from concurrent.futures import Executor, Future
from typing import Any

import pytest

import bohb
from bohb.runner import RunEnded, RunStarted, TrialEnded, TrialLost, TrialStarted

SPACE = {"x": (0.0, 1.0)}


def make_optimizer(seed: int = 0) -> bohb.Optimizer:
    return bohb.Optimizer(SPACE, budgets=bohb.geometric(1, 9, eta=3), seed=seed, preset="hyperband")


def half(trial: bohb.Trial) -> float:
    return 0.5


class LosesAll(Executor):
    in_process = True

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(OSError("the cable is cut"))
        return future


def test_records_come_in_order() -> None:
    """The start, then start and end of each trial, the end after its tell, then the report that `run` returns."""
    optimizer, records = make_optimizer(), []
    seen_told = []

    def note(record):
        records.append(record)
        if isinstance(record, TrialEnded):
            seen_told.append(record.result in optimizer.results)

    report = bohb.run(half, optimizer, max_trials=3, callbacks=[note], progress=False)
    kinds = [type(record) for record in records]
    assert kinds == [RunStarted, *[TrialStarted, TrialEnded] * 3, RunEnded]
    assert seen_told == [True] * 3
    assert records[0].limits == {"max_trials": 3}
    assert records[-1].report is report
    assert [record.num_trials for record in records if isinstance(record, TrialEnded)] == [1, 2, 3]


def test_an_exception_in_a_callback_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    records: list[object] = []

    def broken(record):
        raise ValueError("the tracker is down")

    with caplog.at_level(logging.ERROR, logger="bohb.runner"):
        report = bohb.run(half, make_optimizer(), max_trials=2, callbacks=[broken, records.append], progress=False)
    assert (report.num_trials, len(records)) == (2, 6)
    assert "the tracker is down" in caplog.text


def test_lost_trials_have_a_record() -> None:
    records: list[object] = []
    bohb.run(
        half, make_optimizer(), executor=LosesAll(), max_trials=1, retries=1, callbacks=[records.append], progress=False
    )
    (lost,) = (record for record in records if isinstance(record, TrialLost))
    assert (lost.trial.id, lost.reason) == (0, "OSError: the cable is cut")
