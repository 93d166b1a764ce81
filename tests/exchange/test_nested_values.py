"""Choices that are lists, tuples and dicts pass through every format and the command line."""

import json
import sys

import pytest
from ConfigSpace import ConfigurationSpace

import bohb
from bohb.cli.main import main
from bohb.exchange import import_hpbandster, write_csv, write_hpbandster, write_json, write_optuna
from tests.cli.shell import lines

SPACE = {"shape": [(64,), (64, 32)], "sizes": [[1], [1, 2]], "augment": [{"flip": True}, {}], "x": (0.0, 1.0)}


@pytest.fixture
def study(tmp_path):
    with bohb.Study.open(tmp_path / "s.db", SPACE, [1, 3], seed=0, preset="random") as study:
        for i in range(6):
            study.tell(study.ask(), float(i))
        yield study


def test_every_format_writes_them(tmp_path, study):
    configs = [json.loads(json.dumps(result.config)) for result in study.results]
    write_json(study, tmp_path / "s.json")
    assert [one["config"] for one in json.loads((tmp_path / "s.json").read_text())["results"]] == configs
    write_csv(study, tmp_path / "s.csv")
    assert '"{""flip"": true}"' in (tmp_path / "s.csv").read_text()
    assert write_hpbandster(study, tmp_path / "run") == 6
    restored = ConfigurationSpace.from_json(tmp_path / "run" / "configspace.json")
    assert list(restored["shape"].choices) == [[64], [64, 32]]
    other = bohb.Optimizer(SPACE, [1, 3], seed=0)
    assert import_hpbandster(other, tmp_path / "run").num_new == 6
    assert [result.config for result in other.results] == [result.config for result in study.results]
    assert {type(result.config["shape"]) for result in other.results} == {tuple}


def test_optuna_gets_texts(tmp_path, study):
    optuna = pytest.importorskip("optuna")
    write_optuna(study, tmp_path / "s.log")
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "s.log")))
    loaded = optuna.load_study(study_name="bohb", storage=storage)
    assert {trial.params["shape"] for trial in loaded.trials} == {"[64]", "[64, 32]"}


def test_the_command_line_passes_them_on(tmp_path, study, capfd):
    config = {"shape": [64, 32], "sizes": [1, 2], "augment": {"flip": True}, "x": 0.5}
    assert main(["enqueue", study.target, "--config", json.dumps(config)]) == 0
    capfd.readouterr()
    assert main(["ask", study.target]) == 0
    assert lines(capfd.readouterr().out)[0]["config"] == config
    assert study.pending[0].config == {**config, "shape": (64, 32)}
    code = "import json, sys; print(len(json.loads(sys.argv[1])))"
    words = ["run", study.target, "--max-trials", "3", "--", sys.executable, "-c", code, "{shape}"]
    assert main(words) == 0
    assert all(result.loss == len(result.config["shape"]) for result in study.results[-3:])
