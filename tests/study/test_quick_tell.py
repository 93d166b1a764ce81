"""The quick tell does what `Study.tell` does, and loads nothing heavy."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.errors import OutcomeError, TellConflict, UnknownTrial
from bohb.study import quick_tell
from bohb.study.stores.registry import open_log
from bohb.study.stores.rows import seal
from tests.study.common import loss_of, open_new, replayed, rows_of


def tell_both(tmp_path_factory, script):
    """Run a script with either tell; return the answers, the states and the rows of both studies."""
    outcomes = []
    for way in ("full", "quick"):
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
    st.sampled_from([0.5, 0.25, float("nan"), float("inf"), RuntimeError("boom"), "good", {"loss": 0.5, "acc": 1}]),
    st.sampled_from([None, "c", "c"]),
)


@settings(max_examples=60, deadline=None)
@given(script=st.lists(ACTIONS, max_size=25))
def test_both_tells_are_equal(tmp_path_factory, script):
    """The same rows, the same refusals with the same words, the same study."""
    full, quick = tell_both(tmp_path_factory, script)
    assert quick == full


def test_an_old_tell_is_found_in_any_order_of_keys(tmp_path):
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


def test_it_works_on_every_store(target):
    with open_new(target) as study:
        trials = [study.ask() for _ in range(40)]
        for trial in trials[::-1]:
            assert quick_tell.tell(target, trial.id, loss_of(trial), info={"id": trial.id}).trial_id == trial.id
        assert [result.info["id"] for result in study.results] == [trial.id for trial in trials[::-1]]
        assert quick_tell.tell(target, 3, loss_of(trials[3])).info == {"id": 3}
    replayed(target)


def test_it_loads_nothing_heavy(tmp_path):
    """Neither while it is imported nor while it tells."""
    with open_new(tmp_path / "s.db") as study:
        study.ask()
    code = (
        "import sys; from bohb.study import quick_tell; quick_tell.tell(sys.argv[1], 0, 0.5); "
        "print([name for name in ('numpy', 'ConfigSpace', 'scipy', 'statsmodels', 'psycopg') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "s.db")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
