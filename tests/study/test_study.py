"""The laws of a study: it is the optimizer, whoever asks, tells, leaves and returns."""

import pickle
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from bohb.schedules import AsynchronousHalving
from bohb.study import quick_tell
from bohb.study.stores.registry import open_log
from bohb.study.stores.rows import seal
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


def test_a_resumed_study_goes_on_as_if_it_had_never_stopped(target):
    for _ in range(6):
        with open_new(target) as study:
            for _ in range(7):
                trial = study.ask()
                study.tell(trial, loss_of(trial))
    with bohb.Study.open(target) as study:
        assert len(study.results) == 42
    replayed(target)


def test_what_others_add_is_read_once(target):
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
            (OutcomeError, lambda: study.tell(other, 1.0, info={"log": "x" * 2**24})),
            (ConfigError, lambda: study.enqueue({"x": 7.0})),
            (SettingError, lambda: study.ask(lease=-1)),
        ]:
            with pytest.raises(refused):
                act()
            assert rows_of(target) == before
        assert study.tell(trial, 0.5).loss == 0.5
    replayed(target)


def test_an_exhausted_space_says_so_and_expired_trials_come_first(target):
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
def test_another_study_is_refused_and_the_difference_named(tmp_path, changed, named):
    target = tmp_path / "s.db"
    open_new(target).close()
    given = {"space": SPACE, "budgets": bohb.ladder(BUDGETS), "seed": 0} | changed
    with pytest.raises(StudyMismatch, match=named):
        bohb.Study.open(target, **given)


def test_a_study_needs_something_to_be_made_of(target):
    with pytest.raises(StudyUnavailable, match="space and budgets"):
        bohb.Study.open(target)


def test_the_users_own_schedule_has_to_be_given_again(tmp_path):
    target, schedule = tmp_path / "s.db", AsynchronousHalving()
    open_new(target, schedule=schedule).close()
    with pytest.raises(StudyMismatch, match="schedule"):
        bohb.Study.open(target)
    with bohb.Study.open(target, schedule=schedule) as study:
        assert pickle.loads(pickle.dumps(study)).ask().id == 0


def test_the_preset_of_a_study_is_its_own(tmp_path):
    open_new(tmp_path / "s.db", preset="random").close()
    with bohb.Study.open(tmp_path / "s.db") as study:
        assert study.ask().budget == BUDGETS[-1]


def test_the_runner_takes_a_study(target):
    with open_new(target) as study:
        report = bohb.run(loss_of, study, max_trials=30)
        assert report.num_trials == 30
        assert study.incumbent == report.incumbent
    replayed(target)


def test_a_snapshot_is_of_one_moment(target):
    """What other processes add later does not change it, and its parts agree with one another."""
    with open_new(target) as study, open_new(target) as other:
        for _ in range(12):
            study.tell(trial := study.ask(), loss_of(trial))
        study.ask()
        now, state = study.snapshot(), study.to_state()
        other.tell(trial := other.ask(), -1.0)
        assert len(study.results) == 13
    assert now.space.to_json() == state["space"]
    assert now.ladder.to_json() == state["ladder"]
    assert (now.preset, now.seed) == (state["preset"], state["seed"])
    assert len(now.events) == len(state["events"])
    assert now.incumbent in now.results
    assert len(now.results) == 12
    assert [trial_id for trial_id, times in now.times.items() if times.told is None] == [t.id for t in now.pending]
    assert [trial_id for trial_id, times in now.times.items() if times.told is not None] == list(range(12))


# Leases.


@pytest.fixture
def clock(monkeypatch):
    """The clock of the host, in the hands of the test."""

    class Clock:
        now = time.time()

        def __call__(self):
            return self.now

    hands = Clock()
    monkeypatch.setattr("bohb.study.stores.sqlite.time.time", hands)
    return hands


@pytest.fixture
def study(tmp_path):
    with open_new(tmp_path / "s.db") as one:
        yield one


def test_times_are_by_the_clock_of_the_store(study, clock):
    """The study that asked and told knows them, and so does one that reads the log."""
    start = clock.now
    first, second = study.ask(), study.ask()
    clock.now += 10
    study.tell(second, 0.5)
    clock.now += 10
    study.tell(second, 0.5)
    with bohb.Study.open(study.target) as other:
        assert study.times == other.times == {first.id: (start, None), second.id: (start, start + 10)}


def test_an_expired_trial_is_asked_again_with_the_same_work(study, clock):
    trial = study.ask(lease=60)
    clock.now += 59
    assert study.ask().config != trial.config
    clock.now += 2
    again = study.ask()
    assert again.id > trial.id
    assert (again.config, again.budget, again.config_id) == (trial.config, trial.budget, trial.config_id)


def test_a_heartbeat_starts_the_lease_anew(study, clock):
    trial = study.ask(lease=60)
    for _ in range(5):
        clock.now += 50
        assert study.heartbeat(trial)
        assert study.ask().config != trial.config
    clock.now += 61
    assert study.ask().config == trial.config
    assert not study.heartbeat(trial)


def test_a_late_tell_counts_once(study, clock):
    """The first one that tells counts, the holder or its successor; the other is recorded and changes nothing."""
    trial = study.ask(lease=60)
    clock.now += 61
    again = study.ask(lease=60)
    assert study.tell(trial, 0.5).status == "ok"
    assert not study.heartbeat(again)
    assert study.tell(again, 0.75).status == "late"
    assert [result.loss for result in study.results] == [0.5]
    clock.now += 61
    assert study.ask().config != trial.config


def test_a_tell_after_the_lease_counts_if_nobody_was_asked_since(study, clock):
    trial = study.ask(lease=60)
    clock.now += 1000
    assert study.tell(trial, 0.5).status == "ok"
    assert study.ask().config != trial.config


def test_a_released_trial_is_asked_again(target):
    with open_new(target, lease=1000.0) as study:
        trial = study.ask()
        study.release(trial)
        study.release(trial)
        again = study.ask()
        assert (again.config, again.budget) == (trial.config, trial.budget)
        assert not study.heartbeat(trial)
        assert study.heartbeat(again)
    replayed(target)


def test_a_lease_is_known_to_everybody(tmp_path, clock):
    with open_new(tmp_path / "s.db", lease=60) as one, bohb.Study.open(tmp_path / "s.db") as other:
        trial = one.ask()
        clock.now += 61
        assert other.ask().config == trial.config


def test_leases_end_by_the_clock_of_the_store(database):
    """On a server the workers' clocks play no part."""
    with open_new(database) as study:
        trial = study.ask(lease=0.05)
        time.sleep(0.1)
        assert study.ask().config == trial.config


@settings(max_examples=50, deadline=None)
@given(jumps=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=8))
def test_a_clock_that_jumps_loses_nothing(tmp_path_factory, jumps):
    """Whatever the clock does, every trial is told once, and the search is that of the replayed log."""
    target, now = tmp_path_factory.mktemp("clock") / "s.db", [1e9]
    with pytest.MonkeyPatch.context() as patch, open_new(target) as study:
        patch.setattr("bohb.study.stores.sqlite.time.time", lambda: now[0])
        trials = []
        for jump in jumps:
            trials.append(study.ask(lease=60))
            now[0] += jump
        for trial in trials:
            study.tell(trial, loss_of(trial))
        evaluated = {(trial.config_id, trial.budget) for trial in trials}
        assert len(study.results) == len(evaluated)
    replayed(target)


# The light way to tell.


def tell_both(tmp_path_factory, script):
    """Tells the same things the full and the light way; returns what came of each, and the rows of both studies."""
    outcomes = []
    for way in ("full", "light"):
        target = tmp_path_factory.mktemp("tell") / "s.db"
        with open_new(target) as study:
            seen = []
            for action, number, outcome, checkpoint in script:
                if action == "ask":
                    study.ask()
                    continue
                try:
                    if action == "forget":
                        study.forget(number)
                    elif way == "full":
                        result = study.tell(number, outcome, checkpoint=checkpoint)
                        seen.append((result.loss, result.checkpoint))
                    else:
                        told = quick_tell.tell(target, number, outcome, checkpoint=checkpoint)
                        seen.append((told.loss, told.checkpoint))
                except (TellConflict, UnknownTrial, OutcomeError) as error:
                    seen.append((type(error), str(error)))
            outcomes.append((seen, study.to_state()))
        outcomes[-1] += ([(row.kind, row.payload[:-28]) for row in rows_of(target)],)
    return outcomes


ACTIONS = st.tuples(
    st.sampled_from(["ask", "ask", "tell", "tell", "tell", "forget"]),
    st.integers(-2, 9),
    st.sampled_from([0.5, 0.25, float("nan"), float("inf"), RuntimeError("boom"), "good"]),
    st.sampled_from([None, "c", "c", 7]),
)


@settings(max_examples=60, deadline=None)
@given(script=st.lists(ACTIONS, max_size=25))
def test_the_light_tell_is_the_full_tell(tmp_path_factory, script):
    """The same rows, the same refusals with the same words, the same study."""
    full, light_one = tell_both(tmp_path_factory, script)
    assert light_one == full


def test_an_old_tell_is_found_whatever_the_order_of_its_facts(tmp_path):
    """Only the names of the facts matter; an id within another fact, or a longer one, is not taken for it."""
    target = str(tmp_path / "s.db")
    with open_new(target) as study:
        for _ in range(20):
            study.ask()
    log = open_log(target)
    for facts in (
        {"loss": 1.0, "status": "ok", "checkpoint": None, "info": {"id": 1}, "id": 12},
        {"info": {}, "status": "ok", "loss": 2.0, "checkpoint": None, "id": 1},
    ):
        with log.transaction(write=True) as moment:
            log.append([seal(moment.last, "told", facts, moment.at)])
    log.close()
    assert quick_tell.tell(target, 1, 2.0).loss == 2.0
    with pytest.raises(TellConflict):
        quick_tell.tell(target, 1, 1.0)
    with bohb.Study.open(target) as study:
        assert [(result.trial.id, result.loss) for result in study.results] == [(12, 1.0), (1, 2.0)]


def test_the_light_tell_works_on_every_store(target):
    with open_new(target) as study:
        trials = [study.ask() for _ in range(40)]
        for trial in trials[::-1]:
            assert quick_tell.tell(target, trial.id, loss_of(trial), info={"id": trial.id}).trial_id == trial.id
        assert [result.info["id"] for result in study.results] == [trial.id for trial in trials[::-1]]
        assert quick_tell.tell(target, 3, loss_of(trials[3])).info == {"id": 3}
    replayed(target)


def test_a_light_tell_loads_nothing_heavy(tmp_path):
    """Neither while it is imported nor while it tells."""
    with open_new(tmp_path / "s.db") as study:
        study.ask()
    code = (
        "import sys; from bohb.study import quick_tell; quick_tell.tell(sys.argv[1], 0, 0.5); "
        "print([name for name in ('numpy', 'ConfigSpace', 'scipy', 'statsmodels', 'psycopg') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "s.db")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
