"""Inside a training, with a study: it is the optimizer, in both stores, and a crash loses nothing."""

import pytest

import bohb
from bohb.errors import SettingError, TellConflict
from tests.study.common import BUDGETS, PRESET, SPACE, loss_of, open_new, rows_of


def test_a_study_that_proceeds_is_the_optimizer(target):
    """The same reports and proceeds get the same answers, from several studies that take turns."""
    optimizer = bohb.Optimizer(SPACE, bohb.ladder(BUDGETS), seed=0, preset=PRESET)
    studies, trial, went_on = [open_new(target) for _ in range(2)], None, 0
    for i in range(60):
        study = studies[i % 2]
        asked = trial or optimizer.ask()
        assert trial is not None or study.ask() == asked
        for budget in range(1, asked.budget):
            for search in (study, optimizer):
                search.report(asked, budget, loss_of(asked) + 1 / budget, checkpoint=f"c{asked.config_id}")
        trial = optimizer.proceed(asked, loss_of(asked), checkpoint=f"d{i}", info={"i": i})
        assert study.proceed(asked, loss_of(asked), checkpoint=f"d{i}", info={"i": i}) == trial
        went_on += trial is not None
    assert went_on
    for study in studies:
        assert study.to_state() == optimizer.to_state()
        assert study.results == optimizer.results
        study.close()


def test_what_a_trial_used_and_cost_is_in_the_log(target):
    with open_new(target) as study:
        study.enqueue({"x": 0.5, "n": 3, "act": "relu"}, 27)
        study.report(trial := study.ask(), 9, 0.75)
        result = study.tell(trial, 0.5, budget=20, cost=1.5)
    with bohb.Study.open(target) as again:
        assert again.results[-1] == result
        assert (result.used, result.cost, result.curve) == (20, 1.5, ((9, 0.75),))
        assert again.results[0].budget == 9


def test_a_crash_after_the_tell_loses_nothing(target, monkeypatch):
    """The outcome is on disk, nothing is asked, and the next ask is the trial that would have followed."""
    with open_new(target) as study, open_new(target) as other:
        optimizer = bohb.Optimizer(SPACE, bohb.ladder(BUDGETS), seed=0, preset=PRESET)
        while (followed := optimizer.proceed(trial := optimizer.ask(), loss_of(trial))) is None:
            study.tell(study.ask(), loss_of(trial))
        with monkeypatch.context() as patch:
            patch.setattr(type(study), "go_on", _die)
            with pytest.raises(MemoryError):
                study.proceed(study.ask(), loss_of(trial))
        assert other.results[-1].loss == loss_of(trial)
        assert other.pending == ()
        assert other.ask() == followed


def _die(*_, **__):
    raise MemoryError


def test_the_next_trial_has_a_lease_and_a_report_renews_it(target):
    with open_new(target, lease=50.0) as study:
        while (followed := study.proceed(trial := study.ask(), loss_of(trial))) is None:
            pass
        kinds = [row.kind for row in rows_of(target)]
        assert kinds[-3:] == ["told", "asked", "leased"]
        study.report(followed, 1.5, 0.5)
        leases = study._transactions.read(lambda replica: replica.leases._held)
        assert leases[followed.id].since == rows_of(target)[-1].at
        assert study.heartbeat(followed)


def test_a_repeated_report_adds_nothing_and_a_contradiction_is_refused(target):
    with open_new(target) as study:
        study.enqueue({"x": 0.5, "n": 3, "act": "relu"}, 27)
        trial = study.ask()
        study.report(trial, 2, 0.5)
        num_rows = len(rows_of(target))
        study.report(trial, 2, 0.5)
        with pytest.raises(TellConflict):
            study.report(trial, 2, 0.25)
        assert len(rows_of(target)) == num_rows


def test_a_lease_that_is_none_is_refused_before_anything_is_told(target):
    with open_new(target) as study:
        with pytest.raises(SettingError):
            study.proceed(study.ask(), 0.5, lease=-1)
        assert study.results == ()
