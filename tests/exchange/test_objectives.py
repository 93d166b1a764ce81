"""Exports of a search of a metric: its name, its sign, its direction, and when it took place."""

import csv
import io
import json
import math
from datetime import datetime

import pytest

import bohb
from bohb.errors import StateError
from bohb.exchange import import_hpbandster, write_csv, write_hpbandster, write_json, write_optuna
from tests.exchange.common import SPACE

MAXIMISED = {"accuracy": "maximize"}


@pytest.fixture
def study(tmp_path):
    with bohb.Study.open(tmp_path / "s.db", SPACE, [1, 3, 9], seed=0, preset="fast", objectives=MAXIMISED) as opened:
        for i in range(30):
            trial = opened.ask()
            value = {"accuracy": trial.config["x"] * trial.budget, "latency": i, "note": "x"}
            opened.tell(trial, bohb.Failure("boom") if i % 9 == 8 else value, cost=i)
        yield opened


def table(study):
    text = io.StringIO()
    write_csv(study, text)
    return list(csv.DictReader(io.StringIO(text.getvalue())))


def test_a_table_has_a_column_for_each_metric(study):
    rows = table(study)
    assert "loss" not in rows[0]
    assert rows[0]["metric.latency"] == "0"
    for row, result in zip(rows, study.results, strict=True):
        assert row["metric.accuracy"] == ("" if result.is_failure else repr(result.metrics["accuracy"]))
        assert (float(row["seconds"]), float(row["finished_at"])) == (result.seconds, result.finished_at)
        assert float(row["cost"]) == result.cost


def test_an_optimizer_without_a_clock_has_empty_cells():
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0)
    optimizer.tell(optimizer.ask(), 0.5)
    (row,) = table(optimizer)
    assert (row["loss"], row["seconds"], row["finished_at"], row["cost"]) == ("0.5", "", "", "")


def test_json_has_the_metrics_by_name(study):
    text = io.StringIO()
    write_json(study, text)
    for row, result in zip(json.loads(text.getvalue())["results"], study.results, strict=True):
        expected = {"accuracy": None} if result.is_failure else dict(result.metrics)
        assert (row["metrics"], row["seconds"], row["cost"]) == (expected, result.seconds, result.cost)
        assert "loss" not in row


def test_optuna_maximises_and_knows_when_it_was(tmp_path, study):
    optuna = pytest.importorskip("optuna")
    path = tmp_path / "optuna.log"
    write_optuna(study, path)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    loaded = optuna.load_study(study_name="bohb", storage=storage)
    assert loaded.direction == optuna.study.StudyDirection.MAXIMIZE
    assert loaded.best_value == study.incumbent.metrics["accuracy"]
    assert loaded.best_params == dict(study.incumbent.config)
    groups = {}
    for result in study.results:
        groups.setdefault(result.trial.config_id, []).append(result)
    for trial, group in zip(loaded.trials, groups.values(), strict=True):
        assert trial.datetime_start == datetime.fromtimestamp(min(r.finished_at - r.seconds for r in group))
        assert trial.datetime_complete == datetime.fromtimestamp(max(r.finished_at for r in group))
        values = {r.budget: r.metrics["accuracy"] for r in group if math.isfinite(r.loss)}
        assert trial.intermediate_values == values


def test_hpbandster_minimises_and_its_info_has_the_metric(tmp_path, study):
    write_hpbandster(study, tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run" / "results.json").read_text().splitlines()]
    for row, result in zip(rows, study.results, strict=True):
        if not result.is_failure:
            assert row[3] == {"loss": result.loss, "info": {**result.info, **result.metrics}}
    again = bohb.Optimizer(study.space, study.ladder, seed=1, objectives=MAXIMISED)
    import_hpbandster(again, tmp_path / "run")
    assert [result.loss for result in again.results] == [result.loss for result in study.results]


def test_a_loss_is_not_imported_as_a_metric_to_maximise(tmp_path):
    """1 - accuracy, or a cross entropy: only the user knows. A metric to minimise may be it."""
    losses = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0)
    for _ in range(3):
        losses.tell(losses.ask(), 0.25)
    write_hpbandster(losses, tmp_path / "run")
    up, down = (
        bohb.Optimizer({"x": (0.0, 1.0)}, [1], objectives={"error": direction})
        for direction in ("maximize", "minimize")
    )
    with pytest.raises(StateError, match="'error'"):
        import_hpbandster(up, tmp_path / "run")
    assert up.results == ()
    import_hpbandster(down, tmp_path / "run")
    assert [result.metrics for result in down.results] == [{"error": 0.25}] * 3
