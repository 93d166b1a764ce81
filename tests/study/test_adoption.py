"""Adopt in a study: one transaction, from any source, also from itself."""

import pytest

import bohb
from tests.study.common import BUDGETS, SPACE, loss_of, open_new, rows_of


@pytest.fixture
def old(tmp_path):
    with open_new(tmp_path / "old.db") as study:
        for number in range(12):
            trial = study.ask()
            study.tell(trial, float("nan") if number == 5 else loss_of(trial), info={"n": number})
        yield study


def test_a_study_adopts_what_an_optimizer_adopts(target, old):
    optimizer = bohb.Optimizer(SPACE, bohb.ladder(BUDGETS), seed=0, preset="fast")
    optimizer.adopt(old)
    with open_new(target) as study:
        adopted = study.adopt(old)
        assert (adopted.num_new, adopted.num_failures) == (12, 1)
        assert list(study.events) == list(optimizer.events)
        for source in (old, old.snapshot(), old.to_state(), old.results):
            assert study.adopt(source).num_known == 12
        assert list(study.events) == list(optimizer.events)
    with bohb.Study.open(target) as study:
        assert study.results == optimizer.results


def test_the_rows_are_of_one_transaction(target, old):
    with open_new(target) as study:
        study.adopt(old)
    rows = [row for row in rows_of(target) if row.kind == "observed"]
    assert len(rows) == 12
    assert len({row.at for row in rows}) == 1


def test_a_study_that_adopts_itself_knows_everything(old):
    before = old.events
    adopted = old.adopt(old)
    assert (adopted.num_new, adopted.num_known) == (0, 12)
    assert old.events == before


def test_what_is_refused_leaves_the_study_as_it_was(tmp_path, old):
    with bohb.Study.open(tmp_path / "new.db", {**SPACE, "wd": (0.0, 1.0)}, BUDGETS, seed=0) as study:
        with pytest.raises(bohb.ConfigError):
            study.adopt(old, fill={"wd": 7})
        assert not study.events
        assert study.adopt(old, fill={"wd": 0}).num_new == 12


def test_a_study_whose_metric_is_a_whole_number_opens_again(target, tmp_path):
    with bohb.Study.open(tmp_path / "old.db", SPACE, BUDGETS, seed=0, objectives={"accuracy": "maximize"}) as old:
        for number in range(3):
            old.tell(old.ask(), {"accuracy": number / 10, "latency": number})
        with bohb.Study.open(target, SPACE, BUDGETS, seed=0, objectives={"latency": "minimize"}) as study:
            assert study.adopt(old).num_new == 3
    with bohb.Study.open(target) as study:
        assert [(result.loss, result.metrics["latency"]) for result in study.results] == [(0, 0), (1, 1), (2, 2)]
