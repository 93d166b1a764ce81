"""Optuna's files, with Optuna itself as the judge."""

import math

import pytest

import bohb
from bohb.errors import SettingError
from bohb.exchange import write_optuna


@pytest.mark.parametrize("name", ["study.log", "study.db"])
def test_optuna_opens_an_export(tmp_path, study, name):
    optuna = pytest.importorskip("optuna")
    path = tmp_path / f"optuna-{name}"
    with bohb.Study.open(study) as opened:
        assert write_optuna(opened, path) == len(opened.results)
        results, incumbent = opened.results, opened.incumbent
    if name.endswith("db"):
        storage = f"sqlite:///{path}"
    else:
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    loaded = optuna.load_study(study_name="bohb", storage=storage)
    expected = {}
    for result in results:
        expected.setdefault(result.trial.config_id, []).append(result)
    assert len(loaded.trials) == len(expected)
    for trial, group in zip(loaded.trials, expected.values(), strict=True):
        assert trial.params == dict(group[0].trial.config)
        assert trial.intermediate_values == {r.trial.budget: r.loss for r in group if math.isfinite(r.loss)}
        assert trial.user_attrs["trials"] == [r.trial.id for r in group]
    assert loaded.best_value == incumbent.loss
    assert loaded.best_params == dict(incumbent.trial.config)
    states = {trial.state for trial in loaded.trials}
    assert states == {optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.FAIL}
    if name.endswith("db"):
        from sqlalchemy import create_engine

        create_engine(storage).dispose()


def test_nothing_is_overwritten(tmp_path, study):
    path = tmp_path / "optuna.log"
    path.touch()
    with bohb.Study.open(study) as opened, pytest.raises(SettingError, match="expected a new file"):
        write_optuna(opened, path)
