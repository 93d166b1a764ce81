"""`verify` computes every ask again: a study as it was written passes, and a forged one is found out."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

import bohb
from bohb.cli import exits
from bohb.cli.main import main
from bohb.cli.verify import MAX_DIFFERENCES
from bohb.optimizer.events import Asked, Retried
from bohb.study.stores.rows import seal
from tests.cli.shell import CONDITIONAL, make


@pytest.fixture(params=["default", "paper", "hyperband", "hpbandster"])
def study(request, tmp_path):
    """A study with everything that can happen in one."""
    target = make(tmp_path, space=CONDITIONAL, preset=request.param)
    with bohb.Study.open(target) as opened:
        opened.enqueue({"x": 0.5, "n": 3, "kind": "b"})
        opened.observe({"x": 0.25, "n": 3, "kind": "b"}, 3, 1.0)
        for i in range(60):
            trial = opened.ask(lease=None if i % 3 else 100)
            if i % 7 == 3:
                opened.release(trial)
            elif i % 5 != 4:
                failed = opened.tell(trial, trial.config["x"] if i % 11 else float("nan")).is_failure
                if failed and i % 2:
                    opened.retry(trial)
    return target


def verify(target, capsys, code):
    capsys.readouterr()
    assert main(["verify", target, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def rewrite(target, change):
    """Writes the rows of a study anew, with a chain of checksums that is right."""
    connection = sqlite3.connect(target)
    ((table,),) = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    rows = connection.execute(f"SELECT seq, kind, payload, at FROM {table} ORDER BY seq").fetchall()
    before = None
    for seq, kind, payload, at in rows:
        facts = json.loads(payload)
        del facts["check"]
        before = seal(before, kind, change(seq, kind, facts), at)
        connection.execute(f"UPDATE {table} SET payload = ? WHERE seq = ?", (before.payload, seq))
    connection.commit()
    connection.close()


def test_a_study_passes(study, capsys):
    found = verify(study, capsys, exits.OK)
    assert found["differences"] == []
    assert found["asks"] == 60
    with bohb.Study.open(study) as opened:
        assert any(isinstance(event, Retried) for event in opened.events)


@pytest.mark.parametrize("preset", ["default", "fast", "hyperband"])
def test_a_shared_study_passes(preset, tmp_path, capsys):
    """Threads with a study each decide at once. The control forgets what each had seen, and then the asks differ."""
    target = make(tmp_path, space=CONDITIONAL, preset=preset)

    def work(_):
        with bohb.Study.open(target) as opened:
            for _ in range(12):
                trial = opened.ask()
                opened.tell(trial, trial.config["x"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    with bohb.Study.open(target) as opened:
        num_older = sum(isinstance(event, Asked) and event.seen is not None for event in opened.events)
    assert num_older > 5
    found = verify(target, capsys, exits.OK)
    assert found["differences"] == []
    assert found["asks"] == 48

    rewrite(target, lambda _seq, _kind, facts: {name: value for name, value in facts.items() if name != "seen"})
    if preset != "hyperband":  # its model has nothing to see
        verify(target, capsys, exits.NO)


def test_a_forged_configuration_is_found(study, capsys):
    """The control: the chain is whole, the event is legal, and only computing it again tells."""

    with bohb.Study.open(study) as opened:
        config_id = opened.trial(8).config_id

    def forge(seq, kind, facts):
        if kind == "asked" and facts["config_id"] == config_id:
            facts["config"]["x"] = 0.123
        return facts

    rewrite(study, forge)
    found = verify(study, capsys, exits.NO)
    assert 1 <= len(found["differences"]) <= MAX_DIFFERENCES
    assert "0.123" in found["differences"][0]["text"]
    assert main(["verify", study]) == exits.NO
    assert "came out differently" in capsys.readouterr().out


def test_a_damaged_study_has_its_code(study, capsys):
    connection = sqlite3.connect(study)
    ((table,),) = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    connection.execute(f"UPDATE {table} SET payload = replace(payload, '0.5', '0.6') WHERE seq = 2")
    connection.commit()
    connection.close()
    assert main(["verify", study]) == exits.DATA


@pytest.mark.parametrize("preset", ["default", "hyperband"])
def test_a_study_with_repetitions_passes(preset, tmp_path, capsys):
    """An older bohb does not open it; this one knows what may be repeated."""
    target = str(tmp_path / "study.db")
    with bohb.Study.open(target, {"x": ["a", "b", "c"]}, [1, 3], seed=0, preset=preset, repeats=True) as opened:
        for number in range(30):
            trial = opened.ask()
            opened.tell(trial, (number * 7) % 11)
        assert any(result.trial.repeat for result in opened.results)
    found = verify(target, capsys, exits.OK)
    assert (found["asks"], found["differences"]) == (30, [])
