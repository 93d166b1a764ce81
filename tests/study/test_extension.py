"""Extend a study: one event, which other processes see at their next call."""

import subprocess
import sys

import pytest

import bohb
from bohb.cli import exits
from bohb.cli.main import main
from bohb.cli.verify import differences
from tests.study.common import SPACE, loss_of, open_new, rows_of

SHORT, LONG = bohb.geometric(1, 9, eta=3), bohb.geometric(1, 27, eta=3)


def work(study, num):
    asked = []
    for _ in range(num):
        asked.append(study.ask())
        study.tell(asked[-1], loss_of(asked[-1]), checkpoint=f"ck/{asked[-1].id}")
    return asked


@pytest.fixture(params=["fast", "hyperband"])
def begun(target, request):
    """The target of a study, in either store, that was searched for a while."""
    with bohb.Study.open(target, SPACE, SHORT, seed=0, preset=request.param) as study:
        work(study, 100)
    return target


def test_a_study_is_extended_as_an_optimizer_is(begun):
    with bohb.Study.open(begun) as study:
        optimizer = bohb.Optimizer.from_state(study.to_state())
        assert study.extend(LONG) == LONG == study.ladder
        optimizer.extend(LONG)
        assert work(study, 30) == work(optimizer, 30)
        snapshot = study.snapshot()
        assert (snapshot.ladder, tuple(snapshot.ladders), study.ladders) == (LONG, (SHORT, LONG), (SHORT, LONG))
        assert not list(differences(snapshot))
        assert bohb.Optimizer.from_state(study.to_state()).results == study.results
        assert str(study.plan()) == str(optimizer.plan())
        assert study.releasable() == optimizer.releasable()


def test_whoever_holds_the_study_sees_it_at_the_next_call(begun):
    with bohb.Study.open(begun) as one, bohb.Study.open(begun) as other:
        pending = other.ask(lease=1000)
        one.extend(LONG)
        assert other.ladder == LONG
        assert other.heartbeat(pending)
        other.tell(pending, 0.5)
        asked = work(other, 40) + work(one, 40)
        assert any(trial.budget == 27 for trial in asked)
        assert one.results == other.results
        assert not list(differences(one.snapshot()))


def test_advice_from_before_the_ladder_became_longer_can_be_followed(begun):
    with bohb.Study.open(begun) as one, bohb.Study.open(begun) as other:
        transactions = one._transactions
        advice = transactions.read_at(lambda replica, at: replica.advise(at))
        other.extend(LONG)
        transactions.write(lambda replica, at: replica.follow(advice, at, None))
        work(one, 20)
        assert not list(differences(one.snapshot()))


def test_a_study_opens_with_each_ladder_that_it_has_had(begun):
    with bohb.Study.open(begun, SPACE, SHORT) as study:
        study.extend(LONG)
        study.extend(LONG)
    assert sum(row.kind == "extended" for row in rows_of(begun)) == 1
    for given in (SHORT, LONG, None):
        with bohb.Study.open(begun, SPACE, given) as study:
            assert study.ladder == LONG
    with pytest.raises(bohb.StudyMismatch, match="bohb extend"):
        bohb.Study.open(begun, SPACE, bohb.geometric(1, 81, eta=3))
    with pytest.raises(bohb.StudyMismatch) as other:
        bohb.Study.open(begun, SPACE, [1, 2])
    assert "extend" not in str(other.value)
    with pytest.raises(bohb.StudyMismatch, match="bohb import --from"):
        bohb.Study.open(begun, {**SPACE, "n": (1, 128)}, SHORT)


def test_a_refusal_leaves_the_study_as_it_was(begun):
    with bohb.Study.open(begun) as study:
        before = study.events
        with pytest.raises(bohb.BudgetError):
            study.extend([1, 2, 4])
        assert study.events == before


def test_the_header_stays_as_it_was(target):
    with open_new(target) as study:
        first = rows_of(target)[0]
        study.extend([1, 3, 9, 27, 81])
    assert rows_of(target)[0] == first


def test_budgets_that_are_mappings_go_on_at_their_costs(target):
    budgets = [{"epochs": 1}, {"epochs": 3, "pixels": 8}, {"epochs": 9, "pixels": 16}]
    short = bohb.ladder(budgets[:2], costs=[1, 9])
    with bohb.Study.open(target, SPACE, short, seed=0, preset="hyperband") as study:
        for _ in range(40):
            study.tell(study.ask(), 0.5)
        study.extend(bohb.ladder(budgets, costs=[1, 9, 81]))
        asked = [study.tell(study.ask(), 0.5).trial for _ in range(20)]
        promoted = [trial for trial in asked if trial.budget == budgets[2] and trial.previous is not None]
        assert {study.trial(trial.previous).budget["epochs"] for trial in promoted} == {3}


def test_a_shell_extends(begun, capsys):
    assert main(["extend", begun, "--max-budget", "81"]) == exits.OK
    assert capsys.readouterr().out == "budgets 1, 3, 9, 27, 81\n"
    assert main(["extend", begun, "--max-budget", "81", "--json"]) == exits.OK
    assert capsys.readouterr().out == '{"budgets": [1, 3, 9, 27, 81]}\n'
    assert main(["extend", begun, "--budgets", "1,3,9,27,81,100"]) == exits.OK
    for wrong in (["--max-budget", "9"], ["--budgets", "1,2"], ["--budgets", "1,x"], []):
        assert _code(["extend", begun, *wrong]) == exits.USAGE
    with bohb.Study.open(begun) as study:
        assert list(study.ladder) == [1, 3, 9, 27, 81, 100]
        assert study.ask().budget in study.ladder
    assert main(["verify", begun]) == exits.OK


def _code(words):
    try:
        return main(words)
    except SystemExit as error:
        return error.code


def test_a_process_that_only_tells_needs_no_ladder(begun):
    with bohb.Study.open(begun) as study:
        study.extend(LONG)
        trial = study.ask()
    words = [sys.executable, "-m", "bohb", "tell", begun, str(trial.id), "--loss", "0.5"]
    subprocess.run(words, check=True, capture_output=True, timeout=600)
    with bohb.Study.open(begun) as study:
        assert study.results[-1].trial.id == trial.id
