"""Results from and for other programs, with the real programs as judges."""

import json
import math
import shutil
import subprocess
import sys

import pytest

import bohb
from bohb.cli import exits
from bohb.cli.main import main
from tests.cli.shell import CONDITIONAL, environment, make

SPACE = {**CONDITIONAL, "depth": {"ordered": [1, 2, 4]}, "fixed": 3, "flag": [True, False]}


@pytest.fixture
def study(tmp_path):
    """A study with promotions, failures, observations and pending trials."""
    target = make(tmp_path, space=SPACE)
    with bohb.Study.open(target) as opened:
        opened.observe({"x": 0.5, "n": 3, "kind": "b", "depth": 1, "fixed": 3, "flag": True}, 9, 0.75)
        for i in range(40):
            trial = opened.ask()
            if i % 9 == 8:
                opened.tell(trial, ValueError("it broke"))
            elif i < 38:
                opened.tell(trial, trial.config["x"] + 1 / trial.budget, checkpoint=f"c{i}", info={"seconds": i})
    return target


def results(target):
    with bohb.Study.open(target) as opened:
        return opened.results


def keys(target):
    return sorted(
        (json.dumps(dict(result.trial.config), sort_keys=True), result.trial.budget, result.loss)
        for result in results(target)
    )


def test_what_is_exported_for_hpbandster_is_imported_again(tmp_path, study, capsys):
    assert main(["export", study, "--hpbandster", str(tmp_path / "run")]) == 0
    other = make(tmp_path, name="other.db", space=SPACE, seed=9)
    capsys.readouterr()
    assert main(["import", other, "--hpbandster", str(tmp_path / "run"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["read"], found["new"], found["left_out"]) == (39, 39, 0)
    assert found["failures"] == 4
    assert keys(other) == keys(study)
    assert main(["import", other, "--hpbandster", str(tmp_path / "run"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["new"] == 0
    with bohb.Study.open(other) as opened:
        assert opened.incumbent.loss == bohb.Study.open(study).incumbent.loss


def test_the_ids_are_those_of_hpbandster(tmp_path, study):
    """(iteration, stage, number): the stage is where the configuration began, and the numbers count within it."""
    assert main(["export", study, "--hpbandster", str(tmp_path / "run")]) == 0
    rows = [json.loads(line) for line in (tmp_path / "run" / "configs.json").read_text().splitlines()]
    ids = [tuple(row[0]) for row in rows]
    assert len(set(ids)) == len(ids)
    for iteration in {one[0] for one in ids}:
        assert [one[1:] for one in ids if one[0] == iteration] == [
            (0, i) for i in range(sum(one[0] == iteration for one in ids))
        ]
    assert (-1, 0, 0) in ids
    budgets = {json.loads(line)[1] for line in (tmp_path / "run" / "results.json").read_text().splitlines()}
    assert budgets == {1.0, 3.0, 9.0}


def test_nothing_is_overwritten(tmp_path, study):
    for words in (["--hpbandster", str(tmp_path / "run")], ["--optuna", str(tmp_path / "o.log")]):
        assert main(["export", study, *words]) == exits.OK
        assert main(["export", study, *words]) == exits.USAGE


CONFIG = '[[0, 0, 0], {"x": 0.5, "n": 3, "kind": "b"}, {"model_based_pick": false}]\n'
TIMES = '{"submitted": 0.0, "started": 1.0, "finished": 2.0}'


@pytest.fixture
def read(tmp_path, capsys):
    """Imports a run that is written down here; returns the code, what was printed, and the results."""
    target = make(tmp_path)

    def run(configs, lines):
        folder = tmp_path / "run"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "configs.json").write_text(configs)
        (folder / "results.json").write_text(lines)
        code = main(["import", target, "--hpbandster", str(folder), "--json"])
        return code, capsys.readouterr(), results(target)

    return run


def test_a_crashed_run_is_a_failure_with_its_reason(read):
    crash = "Traceback (most recent call last):\\n  File ...\\nValueError: too hot\\n"
    code, _, found = read(CONFIG, f'[[0, 0, 0], 1.0, {TIMES}, null, "{crash}"]\n')
    assert code == 0
    assert (found[0].status, found[0].loss) == (bohb.Status.ERROR, math.inf)


def test_a_budget_that_was_computed_in_floats_is_the_one_that_was_meant(read):
    code, _, found = read(CONFIG, f'[[0, 0, 0], 8.999999999999998, {TIMES}, {{"loss": 1.5, "info": {{}}}}, null]\n')
    assert code == 0
    assert (found[0].trial.budget, found[0].loss) == (9, 1.5)


def test_a_torn_last_line_is_said_and_left_out(read):
    line = f'[[0, 0, 0], 1.0, {TIMES}, {{"loss": 1.5, "info": {{}}}}, null]\n'
    code, printed, found = read(CONFIG + '[[0, 0, 1], {"x": 0.2', line + line[:30])
    assert code == 0
    assert "configs.json line 2" in printed.err
    assert "results.json line 2" in printed.err
    assert len(found) == 1


@pytest.mark.parametrize(
    ("configs", "line", "code"),
    [
        (CONFIG, "[[0, 0, 0], 1.0, {}, {}", exits.DATA),
        (CONFIG, "[[0, 0, 1], 1.0, {}, {}, null]", exits.DATA),
        (CONFIG, "{}", exits.DATA),
        (CONFIG, '[[0, 0, 0], 1.0, {}, {"loss": "x"}, null]', exits.DATA),
        (CONFIG, '[[0, 0, 0], 2.0, {}, {"loss": 1}, null]', exits.USAGE),
        (CONFIG, '[[0, 0, 0], "1", {}, {"loss": 1}, null]', exits.USAGE),
        ("1\n", "", exits.DATA),
    ],
)
def test_damage_before_the_end_is_an_error_and_nothing_is_imported(read, configs, line, code):
    got, printed, found = read(configs, f'{line}\n[[0, 0, 0], 1.0, {TIMES}, {{"loss": 1.5, "info": {{}}}}, null]\n')
    assert got == code
    assert "expected" in printed.err
    assert len(found) == 0


def test_what_cannot_be_recorded_is_named(read):
    configs = (
        CONFIG
        + CONFIG.replace("[0, 0, 0]", "[0, 0, 1]")
        + CONFIG.replace("[0, 0, 0]", "[0, 0, 2]").replace("0.5", "7.5")
    )
    rows = "".join(f'[[0, 0, {i}], 1.0, {TIMES}, {{"loss": {i}, "info": {{}}}}, null]\n' for i in range(3))
    code, printed, found = read(configs, rows)
    assert code == 0
    assert json.loads(printed.out) == {"read": 3, "failures": 0, "new": 1, "left_out": 2}
    assert "results.json line 2" in printed.err
    assert "results.json line 3" in printed.err
    assert [result.loss for result in found] == [0.0]


def test_a_missing_file_is_said(tmp_path, study):
    assert main(["import", study, "--hpbandster", str(tmp_path)]) == exits.USAGE


@pytest.mark.parametrize("name", ["study.log", "study.db"])
def test_optuna_opens_what_is_exported(tmp_path, study, name):
    optuna = pytest.importorskip("optuna")
    path = tmp_path / f"optuna-{name}"
    assert main(["export", study, "--optuna", str(path)]) == 0
    if name.endswith("db"):
        storage = f"sqlite:///{path}"
    else:
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    loaded = optuna.load_study(study_name="bohb", storage=storage)
    expected = {}
    for result in results(study):
        expected.setdefault(result.trial.config_id, []).append(result)
    assert len(loaded.trials) == len(expected)
    for trial, group in zip(loaded.trials, expected.values(), strict=True):
        assert trial.params == dict(group[0].trial.config)
        assert trial.intermediate_values == {r.trial.budget: r.loss for r in group if math.isfinite(r.loss)}
        assert trial.user_attrs["trials"] == [r.trial.id for r in group]
    with bohb.Study.open(study) as opened:
        assert loaded.best_value == opened.incumbent.loss
        assert loaded.best_params == dict(opened.incumbent.trial.config)
    states = {trial.state for trial in loaded.trials}
    assert states == {optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.FAIL}
    if name.endswith("db"):
        from sqlalchemy import create_engine

        create_engine(storage).dispose()


def test_without_optuna_the_command_that_installs_it_is_named(tmp_path, study):
    words = ["export", study, "--optuna", str(tmp_path / "o.log")]
    code = f"import sys; sys.modules['optuna'] = None; from bohb.cli.main import main; sys.exit(main({words!r}))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == exits.USAGE
    assert 'pip install "bohb[optuna]"' in done.stderr


JUDGE = """
import json, sys
from pathlib import Path
import ConfigSpace
from hpbandster.core.base_iteration import Datum
from hpbandster.core.dispatcher import Job
from hpbandster.core.result import json_result_logger, logged_results_to_HBS_result

ours, theirs = sys.argv[1:]
# What HpBandSter's reader, and after it DeepCAVE's converter (deepcave/runs/converters/bohb.py), take from the folder.
loaded = logged_results_to_HBS_result(ours)
space = ConfigSpace.ConfigurationSpace.from_json(Path(ours) / "configspace.json")
mapping = loaded.get_id2config_mapping()
runs = []
for run in loaded.get_all_runs():
    config = mapping[run.config_id]["config"]
    ConfigSpace.Configuration(space, values=config)
    assert run.time_stamps["finished"] >= run.time_stamps["started"]
    runs.append([list(run.config_id), config, run.budget, run.loss])
incumbent = loaded.get_incumbent_id()
print(json.dumps({"runs": runs, "incumbent": mapping[incumbent]["config"], "config": loaded.HB_config["budgets"],
                  "trajectory": loaded.get_incumbent_trajectory()["losses"]}))

# What HpBandSter's logger writes.
logger = json_result_logger(theirs)
for number, (loss, error) in enumerate([(0.5, None), (None, "Traceback\\nValueError: too hot\\n"), (0.25, None)]):
    key = (0, 0, number)
    config = {"x": 0.5, "n": 3 + number, "kind": "b"}
    logger.new_config(key, config, {"model_based_pick": False})
    job = Job(key, config=config, budget=9.0 if number == 2 else 1.0)
    job.timestamps = {"submitted": 0.0, "started": 1.0, "finished": 2.0}
    job.result = None if loss is None else {"loss": loss, "info": {"a": 1}}
    job.exception = error
    logger(job)
"""


@pytest.mark.slow
def test_hpbandster_itself_reads_what_we_write_and_we_read_what_it_writes(tmp_path, study):
    """In an environment of its own: hpbandster 0.7.4 from the package index."""
    place = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", place], check=True, timeout=120)
    pip = [place / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "setuptools", "wheel", "hpbandster==0.7.4", "ConfigSpace>=1.2"], check=True, timeout=540)
    assert main(["export", study, "--hpbandster", str(tmp_path / "ours")]) == 0
    (tmp_path / "judge.py").write_text(JUDGE)
    words = [place / "bin" / "python", "-W", "ignore", tmp_path / "judge.py", tmp_path / "ours", tmp_path / "theirs"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = [
        (
            json.dumps(dict(r.trial.config), sort_keys=True),
            float(r.trial.budget),
            r.loss if math.isfinite(r.loss) else None,
        )
        for r in results(study)
    ]
    got = [(json.dumps(config, sort_keys=True), budget, loss) for _, config, budget, loss in found["runs"]]
    assert sorted(got, key=str) == sorted(expected, key=str)
    assert found["config"] == [1.0, 3.0, 9.0]
    with bohb.Study.open(study) as opened:
        assert found["incumbent"] == dict(opened.incumbent.trial.config)
    other = make(tmp_path, name="theirs.db")
    assert main(["import", other, "--hpbandster", str(tmp_path / "theirs")]) == 0
    assert [(r.trial.budget, r.loss, str(r.status)) for r in results(other)] == [
        (1, 0.5, "ok"),
        (1, math.inf, "error"),
        (9, 0.25, "ok"),
    ]


def test_a_spreadsheet_runs_nothing(tmp_path, capsys):
    target = make(tmp_path, space={"text": ["=1+1", "@x"]}, budgets="1")
    with bohb.Study.open(target) as opened:
        opened.tell(opened.ask(), 1.0)
    main(["report", target])
    assert ",'" in capsys.readouterr().out.splitlines()[1]
