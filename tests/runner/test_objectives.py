"""A run of a search that maximises: what the objective returned reaches the search and is shown as it is."""

import io
import json
import math
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import bohb
from bohb.callbacks import Progress
from bohb.objectives import goal_of
from bohb.runner import ProcessExecutor, RunEnded, RunStarted
from bohb.runner.executors.protocol import Submitter

MAXIMISED = {"accuracy": "maximize"}


def make_optimizer(objectives: Any = MAXIMISED) -> bohb.Optimizer:
    space = {"x": (0.0, 1.0)}
    return bohb.Optimizer(space, budgets=[1, 3, 9], seed=0, preset="hyperband", objectives=objectives)


def train(trial: bohb.Trial) -> Any:
    if trial.id == 3:
        raise ValueError("diverged")
    if trial.id == 4:
        return {"accuracy": math.nan, "latency": 1}
    extra = {"latency": np.float32(trial.id), "note": "x", "grad": math.nan}
    return {"accuracy": np.array([trial.config["x"]]), "checkpoint": f"c{trial.id}", **extra}


def value_of(trial: bohb.Trial) -> float:
    return float(trial.config["x"])


def slow(trial: bohb.Trial) -> float:
    time.sleep(0.01)
    return 0.5


def plain() -> bohb.Optimizer:
    optimizer = make_optimizer()
    for _ in range(9):
        trial = optimizer.ask()
        optimizer.tell(trial, train(trial) if trial.id != 3 else ValueError("diverged"))
    return optimizer


@pytest.mark.parametrize("kind", ["serial", "threads", "pool", "processes"])
def test_every_executor_returns_the_metrics(kind: str) -> None:
    """The same search as by hand, whatever process the objective ran in."""
    executors: dict[str, Any] = {
        "threads": ThreadPoolExecutor,
        "pool": ProcessPoolExecutor,
        "processes": ProcessExecutor,
    }
    executor: Submitter | None = executors[kind](1) if kind in executors else None
    optimizer, expected = make_optimizer(), plain()
    bohb.run(train, optimizer, executor=executor, max_trials=9, progress=False)
    if executor is not None:
        executor.shutdown()  # type: ignore[attr-defined]
    told = [(result.trial, result.loss, result.metrics, result.status) for result in optimizer.results]
    assert told == [(result.trial, result.loss, result.metrics, result.status) for result in expected.results]
    assert optimizer.results[0].info == {"note": "x", "grad": None}
    assert optimizer.results[4].metrics == {"latency": 1}


def test_a_plain_number_is_the_metric(tmp_path: Any) -> None:
    optimizer = make_optimizer()
    with bohb.Study.open(tmp_path / "s.db", optimizer.space, optimizer.ladder, seed=0, objectives=MAXIMISED) as study:
        for search in (optimizer, study):
            bohb.run(value_of, search, max_trials=4, progress=False)
            assert [r.metrics for r in search.results] == [{"accuracy": r.trial.config["x"]} for r in search.results]


def test_reports_and_progress_show_what_was_told() -> None:
    file = io.StringIO()
    records: list[Any] = []
    report = bohb.run(
        value_of, make_optimizer(), max_trials=9, callbacks=[Progress(file=file), records.append], progress=False
    )
    assert report.incumbent is not None
    best = f"{report.incumbent.trial.config['x']:.4g}"
    assert f"accuracy {best} at budget" in str(report)
    assert f"accuracy {best} at budget" in report._repr_html_()
    assert f"best accuracy {best} at budget" in file.getvalue()
    assert not [text for text in (str(report), report._repr_html_(), file.getvalue()) if "-0" in text]
    assert {goal_of(one).name for one in (report, *(r for r in records if isinstance(r, RunStarted)))} == {"accuracy"}
    assert isinstance(records[-1], RunEnded)


def test_a_first_trial_without_the_metric_stops_the_run() -> None:
    optimizer = make_optimizer()
    with pytest.raises(bohb.SettingError, match="accuracy"):
        bohb.run(lambda trial: {"loss": 0.1}, optimizer, max_trials=3, progress=False)
    assert optimizer.results == ()


def test_a_run_measures_what_no_study_does() -> None:
    """By its own clock; the state keeps it."""
    optimizer, before = make_optimizer(), time.time()
    bohb.run(slow, optimizer, max_trials=3, progress=False)
    again = bohb.Optimizer.from_state(json.loads(json.dumps(optimizer.to_state())))
    for result in (*optimizer.results, *again.results):
        assert result.seconds is not None
        assert result.finished_at is not None
        assert 0.01 <= result.seconds <= time.time() - before + 1
        assert before - 1 <= result.finished_at <= time.time() + 1
    assert [r.seconds for r in again.results] == [r.seconds for r in optimizer.results]


class Minimal:
    """Asks and tells, and knows no times and no objectives, as an object of a user may."""

    def __init__(self) -> None:
        self._search = make_optimizer(None)

    def __getattr__(self, name: str) -> Any:
        if name == "objectives":
            raise AttributeError(name)
        return getattr(self._search, name)

    def tell(self, trial: bohb.Trial, outcome: Any, *, checkpoint: Any = None, info: Any = None) -> bohb.Result:
        assert isinstance(outcome, float)
        return self._search.tell(trial, outcome, checkpoint=checkpoint, info=info)


def test_a_search_of_the_user_gets_what_it_knows() -> None:
    report = bohb.run(value_of, Minimal(), max_trials=3, progress=False)
    assert (report.num_trials, report.objectives) == (3, None)
