"""Repetitions in other formats: kept where a format can hold them, and left out where it cannot."""

import csv
import json
import math

import pytest

import bohb
from bohb.exchange import write_csv, write_deepcave, write_hpbandster, write_json, write_optuna


@pytest.fixture(scope="module")
def search():
    """A search in which every configuration is trained again."""
    optimizer = bohb.Optimizer({"x": ["a", "b"]}, [1, 3], seed=0, preset="random", repeats=True)
    for number in range(8):
        optimizer.tell(optimizer.ask(), number / 8)
    assert sum(result.trial.repeat > 0 for result in optimizer.results) == 6
    return optimizer


def again(results):
    """What tells the trainings of a configuration apart."""
    return [(result.config, result.loss, result.trial.repeat) for result in results]


def test_tables_have_them_and_are_read_back(search, tmp_path):
    """A search with repetitions adopts them from a frame and from JSON."""
    assert write_csv(search, tmp_path / "all.csv") == 8
    rows = list(csv.DictReader((tmp_path / "all.csv").read_text().splitlines()))
    assert [int(row["repeat"] or 0) for row in rows] == [result.trial.repeat for result in search.results]
    write_json(search, tmp_path / "all.json")
    for source in (search.to_frame(), json.loads((tmp_path / "all.json").read_text())):
        new = bohb.Optimizer({"x": ["a", "b"]}, [1, 3], seed=1, repeats=True)
        assert new.adopt(source).left_out == ()
        assert again(new.results) == again(search.results)


def test_a_search_without_repetitions_has_no_such_column(tmp_path):
    plain = bohb.Optimizer({"x": ["a", "b"]}, [1, 3], seed=0, preset="random")
    plain.tell(plain.ask(), 0.5)
    assert "repeat" not in plain.to_frame().columns
    write_csv(plain, tmp_path / "all.csv")
    assert "repeat" not in (tmp_path / "all.csv").read_text().splitlines()[0].split(",")


def test_deepcave_takes_them_for_seeds(search, tmp_path):
    write_deepcave(search, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert len({tuple(row[:3]) for row in rows}) == 8
    assert {row[2] for row in rows} == set(json.loads((tmp_path / "meta.json").read_text())["seeds"])


def test_hpbandster_gets_the_first_result_of_each(search, tmp_path):
    assert write_hpbandster(search, tmp_path) == 2
    lines = (tmp_path / "results.json").read_text().splitlines()
    first = [result.loss for result in search.results if not result.trial.repeat]
    assert [json.loads(line)[3]["loss"] for line in lines] == first


def test_optuna_gets_the_first_result_and_a_list_of_the_others(search, tmp_path):
    optuna = pytest.importorskip("optuna")
    write_optuna(search, tmp_path / "study.db")
    study = optuna.load_study(study_name="bohb", storage=f"sqlite:///{tmp_path / 'study.db'}")
    firsts = {result.config["x"]: result.loss for result in search.results if not result.trial.repeat}
    assert {trial.params["x"]: trial.value for trial in study.trials} == firsts
    told = [loss for trial in study.trials for loss in trial.user_attrs["repeated"]]
    assert math.fsum([*told, *firsts.values()]) == math.fsum(result.loss for result in search.results)
