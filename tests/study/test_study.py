"""The laws of a study: it is the optimizer, whichever process asks, tells, leaves and returns."""

import pickle

import pytest

import bohb
from bohb.errors import (
    ConfigError,
    OutcomeError,
    SettingError,
    SpaceExhausted,
    StudyMismatch,
    StudyUnavailable,
    TellConflict,
    UnknownTrial,
)
from bohb.models import RandomModel
from bohb.schedules import AsynchronousHalving
from bohb.study.stores.rows import read_facts
from bohb.study.study import MAX_TRIES
from tests.study.common import BUDGETS, PRESET, SPACE, loss_of, open_new, replayed, rows_of


def test_a_study_is_the_optimizer(target):
    """The same calls get the same answers, from one study and from several that take turns."""
    optimizer = bohb.Optimizer(SPACE, bohb.ladder(BUDGETS), seed=0, preset=PRESET)
    studies = [open_new(target) for _ in range(3)]
    for i in range(90):
        study, trial = studies[i % 3], optimizer.ask()
        assert study.ask() == trial
        outcome = RuntimeError("boom") if i % 11 == 3 else loss_of(trial)
        if i % 13 == 5:
            study.forget(trial)
            optimizer.forget(trial)
        else:
            told = studies[(i + 1) % 3].tell(trial, outcome, checkpoint=f"c{i}", info={"i": i})
            assert told == optimizer.tell(trial, outcome, checkpoint=f"c{i}", info={"i": i})
    study.observe({"x": 0.25, "n": 3, "act": "relu"}, 9, 0.5)
    optimizer.observe({"x": 0.25, "n": 3, "act": "relu"}, 9, 0.5)
    study.enqueue({"x": 0.5, "n": 3, "act": "relu"})
    optimizer.enqueue({"x": 0.5, "n": 3, "act": "relu"})
    assert study.ask() == optimizer.ask()
    for one in studies:
        assert one.to_state() == optimizer.to_state()
        assert (one.incumbent, one.results, one.pending) == (optimizer.incumbent, optimizer.results, optimizer.pending)
        assert (one.seed, one.ladder, one.plan()) == (0, optimizer.ladder, optimizer.plan())
        assert (one.trajectory(), one.health()) == (optimizer.trajectory(), optimizer.health())
        assert (one.trial(7), one.explain(7)) == (optimizer.trial(7), optimizer.explain(7))
        assert one.releasable() == optimizer.releasable()
        assert (one.space.to_json(), one.preset) == (optimizer.space.to_json(), optimizer.preset)
        assert list(one.events) == list(optimizer.events)
        one.close()


def test_a_resumed_study_continues_bit_for_bit(target):
    for _ in range(6):
        with open_new(target) as study:
            for _ in range(7):
                trial = study.ask()
                study.tell(trial, loss_of(trial))
    with bohb.Study.open(target) as study:
        assert len(study.results) == 42
    replayed(target)


@pytest.mark.parametrize("preset", ["default", "fast"])
def test_processes_that_take_turns_ask_what_one_optimizer_asks(tmp_path, preset):
    """No two ask at once, so the model has always seen everything, and the log says nothing of it."""
    optimizer = bohb.Optimizer(SPACE, bohb.ladder(BUDGETS), seed=0, preset=preset)
    studies = [open_new(tmp_path / "s.db", preset=preset) for _ in range(3)]
    for number in range(40):
        trial = optimizer.ask()
        assert studies[number % 3].ask() == trial
        optimizer.tell(trial, loss_of(trial))
        studies[number % 2].tell(trial, loss_of(trial))
    for study in studies:
        study.close()
    assert not any("seen" in read_facts(row) for row in rows_of(tmp_path / "s.db"))
    replayed(tmp_path / "s.db", preset)


def test_an_ask_that_was_overtaken_says_what_its_model_had_seen(target, monkeypatch):
    with open_new(target) as study, open_new(target) as other:
        read_at = study._transactions.read_at

        def overtaken(look):
            found = read_at(look)
            other.tell(other.ask(), 0.5)
            return found

        with monkeypatch.context() as patch:
            patch.setattr(study._transactions, "read_at", overtaken)
            assert study.ask().id == 1
        assert [getattr(event, "seen", None) for event in study.events] == [None, None, 0]
        assert read_facts(rows_of(target)[-1])["seen"] == 0
    replayed(target)


def test_an_ask_whose_advice_comes_too_late_every_time_comes_to_an_end(target, monkeypatch):
    """In the end it decides under the lock."""
    with open_new(target) as study:
        tries = []
        monkeypatch.setattr(study._transactions, "read_at", lambda _: tries.append(1))
        assert study.ask().id == 0
        assert len(tries) == MAX_TRIES
    replayed(target)


def test_a_tell_does_not_wait_for_the_model_of_another_process(target, monkeypatch):
    """The model takes its time, in which another process tells and asks."""
    monkeypatch.setattr("bohb.study.stores.sqlite.LOCK_SECONDS", 1)

    class Slow(RandomModel):
        def propose(self, *arguments):
            other.tell(other.ask(), 0.5)
            return super().propose(*arguments)

    with open_new(target, preset="asha", model=RandomModel()) as other:
        held = other.ask()
        with bohb.Study.open(target, model=Slow()) as study:
            trial = study.ask()
        other.tell(held, 0.25)
        other.tell(trial, 0.75)
        assert len(other.results) == 3


def test_an_interrupted_decision_leaves_no_half_updated_state(target, monkeypatch):
    """As by Ctrl-C: what was in memory is read from the log again."""

    def interrupt(_, *, may_learn):
        raise KeyboardInterrupt

    with open_new(target) as study:
        study.tell(study.ask(), 0.5)
        with monkeypatch.context() as patch:
            patch.setattr("bohb.optimizer.Optimizer.advise", interrupt)
            with pytest.raises(KeyboardInterrupt):
                study.ask()
        assert study._transactions._replica is None
        assert study.ask().id == 1
    replayed(target)


def test_new_rows_are_read_once(target):
    """Catching up takes the new rows only."""
    with open_new(target) as one, open_new(target) as other:
        for _ in range(20):
            one.tell(trial := one.ask(), loss_of(trial))
        _ = other.results
        seen, log = [], other._transactions._log
        original = log.read_after
        log.read_after = lambda seq, *, limit=None: seen.append(seq) or original(seq, limit=limit)
        last = rows_of(target)[-1].seq
        one.tell(trial := one.ask(), loss_of(trial))
        assert len(other.results) == 21
        _ = other.results
        assert seen == [last]


def test_a_refusal_changes_nothing(target):
    with open_new(target) as study:
        trial, other = study.ask(), study.ask()
        study.tell(trial, 0.5)
        before = rows_of(target)
        for refused, act in [
            (TellConflict, lambda: study.tell(trial, 0.25)),
            (TellConflict, lambda: study.forget(trial)),
            (TellConflict, lambda: study.release(trial)),
            (UnknownTrial, lambda: study.tell(99, 0.25)),
            (UnknownTrial, lambda: study.heartbeat(99)),
            (OutcomeError, lambda: study.tell(trial, "good")),
            (OutcomeError, lambda: study.tell(other, {"acc": 0.9})),
            (ConfigError, lambda: study.enqueue({"x": 7.0})),
            (SettingError, lambda: study.ask(lease=-1)),
        ]:
            with pytest.raises(refused):
                act()
            assert rows_of(target) == before
        assert study.tell(trial, 0.5).loss == 0.5
    replayed(target)


def test_an_exhausted_space_still_asks_released_trials(target):
    with bohb.Study.open(target, {"act": ["relu", "tanh"]}, [1], seed=0) as study:
        first, second = study.ask(), study.ask()
        with pytest.raises(SpaceExhausted):
            study.ask()
        study.tell(first, 1.0)
        study.release(second)
        assert study.ask().config == second.config


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"space": {**SPACE, "x": (-1.0, 2.0)}}, r"space\.hyperparameters\[x\]\.upper is 1\.0; got 2\.0"),
        ({"space": {**SPACE, "y": (0.0, 1.0)}}, r"space\.hyperparameters\[y\]"),
        ({"space": {**SPACE, "act": ["relu", "gelu"]}}, r"space\.hyperparameters\[act\]\.choices\[1\]"),
        ({"budgets": [1, 3, 9, 28]}, r"ladder\.budgets\[3\] is 27; got 28"),
        ({"budgets": [1, 3, 9]}, r"ladder\.budgets\[3\]"),
        ({"budgets": bohb.geometric(1, 27)}, r"ladder\.eta is null; got 3"),
        ({"seed": 1}, "seed is 0; got 1"),
        ({"preset": "paper"}, 'preset is "fast"; got "paper"'),
        ({"schedule": AsynchronousHalving()}, "schedule"),
    ],
)
def test_a_mismatch_names_the_difference(tmp_path, changed, named):
    target = tmp_path / "s.db"
    open_new(target).close()
    given = {"space": SPACE, "budgets": bohb.ladder(BUDGETS), "seed": 0} | changed
    with pytest.raises(StudyMismatch, match=named):
        bohb.Study.open(target, **given)


def test_a_new_study_needs_space_and_budgets(target):
    with pytest.raises(StudyUnavailable, match="space and budgets"):
        bohb.Study.open(target)


def test_an_own_schedule_is_given_again(tmp_path):
    target, schedule = tmp_path / "s.db", AsynchronousHalving()
    open_new(target, schedule=schedule).close()
    with pytest.raises(StudyMismatch, match="schedule"):
        bohb.Study.open(target)
    with bohb.Study.open(target, schedule=schedule) as study:
        assert pickle.loads(pickle.dumps(study)).ask().id == 0


def test_a_study_keeps_its_preset(tmp_path):
    open_new(tmp_path / "s.db", preset="random").close()
    with bohb.Study.open(tmp_path / "s.db") as study:
        assert study.ask().budget == BUDGETS[-1]


def test_the_runner_takes_a_study(target):
    with open_new(target) as study:
        report = bohb.run(loss_of, study, max_trials=30)
        assert report.num_trials == 30
        assert study.incumbent == report.incumbent
    replayed(target)
