"""A study of a metric: its header, both tells, both stores, and when its trials took place."""

import time

import pytest

import bohb
from bohb.errors import OutcomeError, StudyCorrupt, StudyMismatch, StudyVersion, TellConflict
from bohb.study import quick_tell
from bohb.study.stores import header
from bohb.study.stores.rows import read_facts
from tests.study.common import BUDGETS, PRESET, SPACE, loss_of, open_new, rows_of

MAXIMISED = {"accuracy": "maximize"}


def test_a_study_of_the_metric_equals_the_optimizer_and_the_study_of_the_loss(target, tmp_path):
    """Trial by trial, read by the process that told and by another one."""
    optimizer = bohb.Optimizer(SPACE, bohb.ladder(BUDGETS), seed=0, preset=PRESET, objectives=MAXIMISED)
    with (
        open_new(target, objectives=MAXIMISED) as study,
        bohb.Study.open(target) as other,
        open_new(tmp_path / "loss.db") as minimised,
    ):
        for _ in range(20):
            trial = study.ask()
            assert trial == optimizer.ask() == minimised.ask()
            value = {"accuracy": -loss_of(trial), "latency": trial.id}
            assert study.tell(trial, value) == optimizer.tell(trial.id, value)
            minimised.tell(trial.id, loss_of(trial))
        assert study.results == other.results == optimizer.results
        assert other.incumbent.metrics["accuracy"] == -minimised.incumbent.loss
        assert other.objectives == study.snapshot().objectives == MAXIMISED
        assert study.to_state() == other.to_state() == optimizer.to_state()


def test_the_header_has_the_objectives_or_is_as_ever(tmp_path):
    facts = []
    for objectives in (None, MAXIMISED, {"loss": "minimize"}):
        target = tmp_path / f"{len(facts)}.db"
        open_new(target, objectives=objectives).close()
        facts.append(read_facts(rows_of(target)[0]))
    assert "objectives" not in facts[0]
    assert [each["format"] for each in facts] == [1, 2, 2]
    assert [each.get("objectives") for each in facts] == [None, MAXIMISED, {"loss": "minimize"}]


def test_a_study_is_resumed_with_its_objectives_or_without_a_word_and_with_no_others(tmp_path):
    open_new(tmp_path / "s.db", objectives=MAXIMISED).close()
    open_new(tmp_path / "loss.db").close()
    bohb.Study.open(tmp_path / "s.db", objectives=MAXIMISED).close()
    open_new(tmp_path / "s.db").close()
    for name, objectives in (("s.db", {"accuracy": "minimize"}), ("s.db", {"f1": "maximize"}), ("loss.db", MAXIMISED)):
        with pytest.raises(StudyMismatch, match="objectives"):
            bohb.Study.open(tmp_path / name, objectives=objectives)


def test_a_bohb_that_knows_no_objectives_refuses_the_study(tmp_path, monkeypatch):
    """It would minimise the accuracy."""
    open_new(tmp_path / "s.db", objectives=MAXIMISED).close()
    open_new(tmp_path / "loss.db").close()
    monkeypatch.setattr(header, "LOG_FORMATS", (1,))
    bohb.Study.open(tmp_path / "loss.db").close()
    with pytest.raises(StudyVersion, match="upgrade"):
        bohb.Study.open(tmp_path / "s.db")


@pytest.mark.parametrize("objectives", [{"accuracy": "up"}, ["accuracy"], {}])
def test_damaged_objectives_are_damage(tmp_path, objectives, monkeypatch):
    target = tmp_path / "s.db"
    described = header.describe
    monkeypatch.setattr(header, "describe", lambda search: described(search) | {"format": 2, "objectives": objectives})
    with pytest.raises(StudyCorrupt):
        open_new(target)
    with pytest.raises(StudyCorrupt):
        quick_tell.tell(target, 0, 0.5)


@pytest.mark.parametrize(
    "outcome",
    [0.93, {"accuracy": 0.93, "latency": 12, "note": "x"}, float("nan"), {"loss": 0.5}, bohb.Failure("x"), {}, "good"],
)
def test_both_tells_know_the_objective(tmp_path, outcome):
    """The same row, the same refusal with the same words, also when something is told again."""
    seen = []
    for way in ("full", "quick"):
        target = tmp_path / f"{way}.db"
        with open_new(target, objectives=MAXIMISED) as study:
            study.ask()
            tell = study.tell if way == "full" else (lambda *told, **more: quick_tell.tell(target, *told, **more))  # noqa: B023
            answers = []
            for each in (outcome, outcome, 0.25):
                try:
                    told = tell(0, each, cost=2)
                    answers.append((told.loss, told.status, told.metrics, told.cost))
                except (OutcomeError, TellConflict) as error:
                    answers.append((type(error), str(error)))
        seen.append((answers, [(row.kind, row.payload[:-28]) for row in rows_of(target)]))
    assert seen[0] == seen[1]


# --- durations -------------------------------------------------------------------------------------------------------


def test_results_know_when_they_ended_and_how_long_they_took(target):
    """By the clock of the store: from ask to tell, the same in every process."""
    before = time.time()
    with open_new(target) as study, bohb.Study.open(target) as other:
        trials = [study.ask() for _ in range(4)]
        told = [study.tell(trial, loss_of(trial), cost=trial.id) for trial in trials[:3]]
        told.append(study.tell(trials[3], bohb.Failure("boom")))
        study.observe({"x": 0.5, "n": 3, "act": "relu"}, 27, 0.5)
        for results in (study.results, other.results, other.snapshot().results):
            assert results[-1].seconds is results[-1].finished_at is None
            for result, same in zip(results[:4], told, strict=True):
                times = study.times[result.trial.id]
                assert result.finished_at == same.finished_at == times.told
                assert result.seconds == same.seconds == times.told - times.asked
                assert result.seconds >= 0
                assert result.cost == (None if result.is_failure else result.trial.id)
        if target.endswith(".db"):
            assert before - 1 <= told[0].finished_at <= time.time() + 1
        assert other.incumbent.finished_at is None
        assert all(result.finished_at is not None for result in other.trajectory()[:-1])


def test_no_time_is_negative_when_the_clock_is_set_back(tmp_path, monkeypatch):
    with open_new(tmp_path / "s.db") as study:
        trial, now = study.ask(), time.time()
        monkeypatch.setattr(time, "time", lambda: now - 1000)
        assert study.tell(trial, 0.5).seconds == 0.0


def test_an_event_of_a_study_has_no_second_copy_of_its_time(tmp_path):
    """The row has it."""
    with open_new(tmp_path / "s.db", objectives=MAXIMISED) as study:
        study.tell(study.ask(), {"accuracy": 0.5, "latency": 2})
    (facts,) = (read_facts(row) for row in rows_of(tmp_path / "s.db") if row.kind == "told")
    assert set(facts) == {"id", "loss", "status", "checkpoint", "info", "metrics", "check"}
