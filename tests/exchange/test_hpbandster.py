"""HpBandSter's files, with HpBandSter itself as the judge."""

import json
import math
import subprocess
import sys

import pytest

import bohb
from bohb.errors import BudgetError, SettingError, StateError
from bohb.exchange import Imported, import_hpbandster, write_hpbandster
from tests.cli.shell import make
from tests.exchange.common import SPACE, keys, results


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_export_is_imported_again(tmp_path, study):
    with bohb.Study.open(study) as old, bohb.Study.open(make(tmp_path, name="o.db", space=SPACE, seed=9)) as new:
        assert write_hpbandster(old, tmp_path / "run") == 39
        assert import_hpbandster(new, tmp_path / "run") == Imported(39, 4, 39, ())
        assert keys(new.results) == keys(old.results)
        assert new.incumbent.loss == old.incumbent.loss
        assert import_hpbandster(new, tmp_path / "run") == Imported(39, 4, 0, ())


def test_an_optimizer_is_exported_and_imports_too(tmp_path):
    old, new = (bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=seed) for seed in (0, 1))
    for _ in range(5):
        old.tell(trial := old.ask(), trial.config["x"])
    assert write_hpbandster(old, tmp_path / "run") == 5
    assert import_hpbandster(new, tmp_path / "run") == Imported(5, 0, 5, ())
    assert keys(new.results) == keys(old.results)


def test_times_are_those_of_the_study(tmp_path, study):
    """An observation has none and gets the start of the study."""
    with bohb.Study.open(study) as opened:
        write_hpbandster(opened, tmp_path / "run")
        snapshot = opened.snapshot()
    stamps = [row[2] for row in rows(tmp_path / "run" / "results.json")]
    for result, stamp in zip(snapshot.results, stamps, strict=True):
        if result.trial.id >= 0:
            assert (stamp["started"], stamp["finished"]) == snapshot.times[result.trial.id]
        else:
            assert stamp["started"] == stamp["finished"] == snapshot.times[0].asked


def test_ids_are_those_of_hpbandster(tmp_path, study):
    """(iteration, stage, number): the stage is where the configuration began, and the numbers count within it."""
    with bohb.Study.open(study) as opened:
        write_hpbandster(opened, tmp_path / "run")
    ids = [tuple(row[0]) for row in rows(tmp_path / "run" / "configs.json")]
    assert len(set(ids)) == len(ids)
    for iteration in {one[0] for one in ids}:
        assert [one[1:] for one in ids if one[0] == iteration] == [
            (0, i) for i in range(sum(one[0] == iteration for one in ids))
        ]
    assert (-1, 0, 0) in ids
    assert {row[1] for row in rows(tmp_path / "run" / "results.json")} == {1.0, 3.0, 9.0}


def test_nothing_is_overwritten(tmp_path, study):
    with bohb.Study.open(study) as opened:
        write_hpbandster(opened, tmp_path / "run")
        with pytest.raises(SettingError, match=r"configspace\.json exists"):
            write_hpbandster(opened, tmp_path / "run")


CONFIG = '[[0, 0, 0], {"x": 0.5, "n": 3, "kind": "b"}, {"model_based_pick": false}]\n'
TIMES = '{"submitted": 0.0, "started": 1.0, "finished": 2.0}'
LINE = f'[[0, 0, 0], 1.0, {TIMES}, {{"loss": 1.5, "info": {{}}}}, null]\n'


@pytest.fixture
def empty(tmp_path):
    with bohb.Study.open(make(tmp_path)) as opened:
        yield opened


def write_run(folder, configs, lines):
    (folder / "configs.json").write_text(configs)
    (folder / "results.json").write_text(lines)
    return folder


def test_a_crashed_run_is_a_failure_with_its_reason(tmp_path, empty):
    crash = "Traceback (most recent call last):\\n  File ...\\nValueError: too hot\\n"
    import_hpbandster(empty, write_run(tmp_path, CONFIG, f'[[0, 0, 0], 1.0, {TIMES}, null, "{crash}"]\n'))
    (result,) = empty.results
    assert (result.status, result.loss, result.info) == (bohb.Status.ERROR, math.inf, {"error": "ValueError: too hot"})


def test_a_budget_computed_in_floats_is_the_nearest_of_the_ladder(tmp_path, empty):
    import_hpbandster(empty, write_run(tmp_path, CONFIG, LINE.replace("1.0,", "8.999999999999998,", 1)))
    (result,) = empty.results
    assert (result.trial.budget, result.loss) == (9, 1.5)


def test_a_torn_last_line_is_left_out(tmp_path, empty):
    found = import_hpbandster(empty, write_run(tmp_path, CONFIG + '[[0, 0, 1], {"x": 0.2', LINE + LINE[:30]))
    assert len(empty.results) == found.num_new == 1
    assert [text.split(",")[0] for text in found.left_out] == ["configs.json line 2", "results.json line 2"]


@pytest.mark.parametrize(
    ("configs", "line", "error"),
    [
        (CONFIG, "[[0, 0, 0], 1.0, {}, {}", StateError),
        (CONFIG, "[[0, 0, 1], 1.0, {}, {}, null]", StateError),
        (CONFIG, "{}", StateError),
        (CONFIG, '[[0, 0, 0], 1.0, {}, {"loss": "x"}, null]', StateError),
        (CONFIG, '[[0, 0, 0], 2.0, {}, {"loss": 1}, null]', BudgetError),
        (CONFIG, '[[0, 0, 0], "1", {}, {"loss": 1}, null]', BudgetError),
        ("1\n", "", StateError),
    ],
)
def test_a_damaged_line_is_an_error_and_nothing_is_imported(tmp_path, empty, configs, line, error):
    with pytest.raises(error, match="expected"):
        import_hpbandster(empty, write_run(tmp_path, configs, f"{line}\n{LINE}"))
    assert not empty.results


def test_what_does_not_fit_is_left_out_and_named(tmp_path, empty):
    """A second loss of a configuration, and a configuration outside of the space."""
    second, outside = CONFIG.replace("[0, 0, 0]", "[0, 0, 1]"), CONFIG.replace("[0, 0, 0]", "[0, 0, 2]")
    lines = "".join(f'[[0, 0, {i}], 1.0, {TIMES}, {{"loss": {i}, "info": {{}}}}, null]\n' for i in range(3))
    folder = write_run(tmp_path, CONFIG + second + outside.replace("0.5", "7.5"), lines)
    found = import_hpbandster(empty, folder)
    assert (found.num_read, found.num_failures, found.num_new) == (3, 0, 1)
    assert [text.split(" is")[0] for text in found.left_out] == ["results.json line 2", "results.json line 3"]
    assert [result.loss for result in empty.results] == [0.0]


@pytest.mark.parametrize(
    ("noted", "kept"),
    [
        ('{"acc": 0.9, "n": [1]}', {"acc": 0.9, "n": [1]}),
        ('"text"', {"info": "text"}),
        ("null", {}),
        ("[1]", {"info": [1]}),
    ],
)
def test_what_was_noted_beside_a_loss_is_kept(tmp_path, empty, noted, kept):
    import_hpbandster(empty, write_run(tmp_path, CONFIG, LINE.replace("{}", noted)))
    (result,) = empty.results
    assert (result.loss, result.info) == (1.5, kept)


def test_what_is_counted_is_what_is_recorded(tmp_path, empty):
    """A crash and a loss that is no number are two failures."""
    losses, lines = ["1.5", "NaN", "-Infinity", None], ""
    for budget, loss in zip([1, 3, 9, 27], losses, strict=True):
        answer = "null" if loss is None else f'{{"loss": {loss}, "info": {{"at": {budget}}}}}'
        lines += f"[[0, 0, 0], {budget % 27 or 1}.0, {TIMES}, {answer}, null]\n"
    found = import_hpbandster(empty, write_run(tmp_path, CONFIG, lines))
    assert (found.num_read, found.num_failures, found.num_new, len(found.left_out)) == (4, 3, 3, 1)
    assert sum(result.is_failure for result in empty.results) == 2
    assert [result.info for result in empty.results] == [{"at": 1}, {"at": 3}, {"at": 9}]


def test_a_missing_file_is_an_error(tmp_path, empty):
    with pytest.raises(SettingError, match=r"there is no .*configs\.json"):
        import_hpbandster(empty, tmp_path)


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
def test_hpbandster_reads_our_files_and_we_read_its(tmp_path, study):
    """In an environment of its own: hpbandster 0.7.4 from the package index."""
    prefix = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", prefix], check=True, timeout=600)
    pip = [prefix / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "setuptools", "wheel", "hpbandster==0.7.4", "ConfigSpace>=1.2"], check=True, timeout=1200)
    with bohb.Study.open(study) as opened:
        write_hpbandster(opened, tmp_path / "ours")
    (tmp_path / "judge.py").write_text(JUDGE)
    words = [prefix / "bin" / "python", "-W", "ignore", tmp_path / "judge.py", tmp_path / "ours", tmp_path / "theirs"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
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
    with bohb.Study.open(make(tmp_path, name="theirs.db")) as other:
        import_hpbandster(other, tmp_path / "theirs")
        imported = other.results
    assert [(r.trial.budget, r.loss, str(r.status)) for r in imported] == [
        (1, 0.5, "ok"),
        (1, math.inf, "error"),
        (9, 0.25, "ok"),
    ]
