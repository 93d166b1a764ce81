"""The metric that people have, on the command line: told, read from commands, and shown as it is."""

import json
import sys

import pytest

import bohb
from bohb.cli.command_objective import read_output
from bohb.cli.main import main
from bohb.objectives import Goal
from tests.cli.shell import bohb as shell
from tests.cli.shell import lines, make
from tests.study.common import rows_of

ACCURACY = Goal("accuracy", "maximize", is_declared=True)


@pytest.fixture
def study(tmp_path):
    return make(tmp_path, objective="accuracy:max")


@pytest.fixture
def call(capsys):
    def run(*words, code=0):
        capsys.readouterr()
        assert main([str(word) for word in words]) == code
        printed = capsys.readouterr()
        return printed.out + printed.err

    return run


# --- create ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "objectives"),
    [
        ("accuracy:max", {"accuracy": "maximize"}),
        ("accuracy:maximize", {"accuracy": "maximize"}),
        ("error:min", {"error": "minimize"}),
        ("val:acc:max", {"val:acc": "maximize"}),
        ("loss:minimize", {"loss": "minimize"}),
    ],
)
def test_create_names_the_objective(tmp_path, word, objectives, call):
    study = make(tmp_path, objective=word)
    with bohb.Study.open(study) as opened:
        assert opened.objectives == objectives
    again = ("create", study, "--space", tmp_path / "space.json", "--budgets", "1,3,9")
    assert json.loads(call(*again, "--json"))["objectives"] == objectives
    assert "objectives" in call(*again, "--objective", "other:max", code=65)


@pytest.mark.parametrize("word", ["accuracy", "accuracy:up", ":max", "max", "", "info:max"])
def test_another_word_is_refused(tmp_path, word, call):
    (tmp_path / "space.json").write_text('{"x": {"range": [0.0, 1.0]}}')
    words = ("create", tmp_path / "s.db", "--space", tmp_path / "space.json", "--budgets", "1", "--objective", word)
    assert "accuracy" in call(*words, code=2)
    assert not (tmp_path / "s.db").exists()


# --- tell ------------------------------------------------------------------------------------------------------------


def test_metrics_are_told_by_name(study, call):
    call("ask", study)
    text = '{"accuracy": 0.93, "latency": 12, "note": "x", "checkpoint": "c"}'
    assert call("tell", study, 0, "--metrics", text) == "trial 0: accuracy 0.93\n"
    again = json.loads(call("tell", study, 0, "--metrics", '{"accuracy": 0.93, "checkpoint": "c"}', "--json"))
    assert again == {
        "trial": 0,
        "metrics": {"accuracy": 0.93, "latency": 12},
        "status": "ok",
        "checkpoint": "c",
        "info": {"note": "x"},
    }
    with bohb.Study.open(study) as opened:
        (result,) = opened.results
    assert (result.loss, result.metrics) == (-0.93, {"accuracy": 0.93, "latency": 12})
    assert "accuracy 0.93" in call("tell", study, 0, "--metrics", '{"accuracy": 0.9}', code=4)


def test_a_loss_is_no_accuracy(study, call):
    """Nobody can say which of the two a number is that was told under the wrong name."""
    call("ask", study)
    assert "'accuracy'" in call("tell", study, 0, "--loss", 0.07, code=2)
    assert "failed (nan)" in call("tell", study, 0, "--metrics", '{"accuracy": null}')


@pytest.mark.parametrize("text", ["0.93", "[]", "{", '{"accuracy": true}', '{"accuracy": "0.9"}', "{}"])
def test_other_metrics_are_refused_and_the_trial_stays(study, text, call):
    call("ask", study)
    call("tell", study, 0, "--metrics", text, code=2)
    assert [row.kind for row in rows_of(study)] == ["study", "asked"]


def test_a_study_of_a_loss_takes_metrics_too(tmp_path, call):
    study = make(tmp_path)
    call("ask", study)
    told = json.loads(call("tell", study, 0, "--metrics", '{"loss": 0.5, "acc": 1}', "--cost", "2.5", "--json"))
    assert (told["loss"], told["info"], told["cost"]) == (0.5, {"acc": 1}, 2.5)
    [headers, values] = (line.split() for line in call("trials", study).splitlines())
    assert dict(zip(headers, values, strict=True))["cost"] == "2.5"


@pytest.mark.parametrize("name", ["trial", "budget", "status", "origin", "seconds", "cost", "repeat", "reason", "used"])
def test_a_metric_may_have_the_name_of_a_column(tmp_path, call, name):
    """It is `seconds` or `cost` that people minimise; no column hides another one."""
    metrics = [name, "cost", "seconds", "other"]
    study = make(tmp_path, objective=f"{name}:min")
    for number in range(3):
        call("ask", study)
        values = {metric: place + number / 8 for place, metric in enumerate(dict.fromkeys(metrics), 2)}
        call("tell", study, number, "--metrics", json.dumps(values), "--cost", 7)
    head, *rows = (line.split() for line in call("trials", study, "--sort", f"-metric.{name}").splitlines())
    assert len(set(head)) == len(head)
    shown = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row[f"metric.{name}"] for row in shown] == ["2.25", "2.125", "2"]
    assert [row["trial"] for row in shown] == ["2", "1", "0"]
    assert {row["cost"] for row in shown} == {"7"}
    for metric in set(metrics) - {name}:
        assert shown[-1][metric if metric == "other" else f"metric.{metric}"] == f"{values[metric] - 0.25:.0f}"


@pytest.mark.parametrize("command", ["tell", "fail"])
def test_what_a_training_used_is_told(study, call, command):
    """It counts as used, a second tell of the same is the same, and more than the budget is refused."""
    trial = json.loads(call("ask", study, "--json"))
    outcome = ["--metrics", '{"accuracy": 0.9}'] if command == "tell" else ["it diverged"]
    assert "expected at most the budget" in call(command, study, 0, *outcome, "--budget", 1000, code=2)
    assert "what the trial used" in call(command, study, 0, *outcome, "--budget", "half", code=2)
    for _ in range(2):
        told = json.loads(call(command, study, 0, *outcome, "--budget", trial["budget"] / 2, "--json"))
        assert told["budget"] == trial["budget"] / 2
    with bohb.Study.open(study) as opened:
        assert opened.results[0].used == trial["budget"] / 2


def test_an_observation_is_of_the_metric(study, call):
    config = '{"x": 0.5, "n": 3, "kind": "a"}'
    words = ("observe", study, "--config", config, "--budget", 9, "--metrics", '{"accuracy": 0.75}')
    assert "accuracy 0.75 at budget 9" in call(*words)
    assert json.loads(call(*words, "--json"))["metrics"] == {"accuracy": 0.75}


# --- run -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "out",
    ['x\n{"accuracy": 0.93, "latency": 12}', "0.93"],
)
def test_the_last_line_has_the_metric(out):
    outcome = read_output(out, "", ACCURACY)
    assert (outcome.loss, outcome.metrics["accuracy"]) == (-0.93, 0.93)


@pytest.mark.parametrize(
    "out",
    [
        "accuracy=0.93",
        "epoch 1: accuracy=0.5\nepoch 2: loss=0.1, accuracy = 0.93; saved",
        "accuracy=0.93\nval.accuracy=0.1 my_accuracy=0.2 accuracyx=0.3\nbye",
        '{"accuracy": 0.93}',
    ],
)
def test_a_line_has_the_metric_that_is_asked_for(out):
    assert read_output(out, "", ACCURACY, "accuracy").loss == -0.93
    other = read_output(out.replace("accuracy", "val(1)"), "", ACCURACY, "val(1)")
    assert other.metrics["accuracy"] == 0.93
    assert read_output(out, "", metric="accuracy").loss == 0.93


@pytest.mark.parametrize(
    "out", ["", "0.93", "accuracy=", "accuracy=high", "accuracy=1_0", '{"loss": 0.5}', "ACCURACY=1"]
)
def test_without_the_metric_the_trial_fails(out):
    outcome = read_output(out, "the end", ACCURACY, "accuracy")
    assert "accuracy=0.93" in outcome.error
    assert outcome.info["stderr"] == "the end"


DEEP = "[" * 20_000 + "]" * 20_000
BESIDE = ['"a": 1, "a": 2', f'"deep": {DEEP}', f'"huge": {"9" * 5000}', '"grad": NaN', f'"long": "{"x" * 100_000}"']
BESIDE += ['"far": 1e999', '"info": {"a": 1, "a": 2}', f'"info": {DEEP}', '"info": 3', '"checkpoint": []', '"on": true']


@pytest.mark.parametrize("more", BESIDE, ids=lambda text: text[:12])
def test_nothing_beside_the_metric_costs_it(study, call, more):
    """What no process could read again is dropped with a warning that names it, in a run and in a tell."""
    text = f'{{{more}, "accuracy": 0.93}}'
    assert read_output(text, "", ACCURACY).metrics["accuracy"] == 0.93
    assert read_output(text.replace("accuracy", "loss"), "").loss == 0.93
    call("ask", study)
    assert "trial 0: accuracy 0.93" in call("tell", study, 0, "--metrics", text)
    with bohb.Study.open(study) as opened:
        assert opened.incumbent.metrics["accuracy"] == 0.93


def test_an_object_longer_than_a_screen_is_read_whole(tmp_path):
    study = make(tmp_path, objective="accuracy:max")
    program = "import json; print(json.dumps(dict(accuracy=0.75, history=list(range(100_000)))))"
    (told,) = lines(shell("run", study, "--max-trials", 1, "--json", "--", sys.executable, "-c", program).stdout)
    assert told["metrics"] == {"accuracy": 0.75}
    assert len(told["info"]["history"]) == 100_000


def test_the_object_of_another_metric_is_no_answer():
    for out in ('{"loss": 0.07}', '{"accuracy": true}', '{"accuracy": "x"}', "{}"):
        assert "expected the accuracy" in read_output(out, "", ACCURACY).error
    assert read_output('{"accuracy": null}', "", ACCURACY).loss != 0


def test_run_takes_the_metric_of_a_command_and_of_a_function(tmp_path):
    study = make(tmp_path, objective="accuracy:max")
    command = [sys.executable, "-c", "print('accuracy=0.75'); print('done')"]
    words = ("--max-trials", 2, "--metric", "accuracy", "--json", "--", *command)
    told = lines(shell("run", study, *words).stdout)
    assert [each["metrics"] for each in told] == [{"accuracy": 0.75}] * 2
    (tmp_path / "train.py").write_text("def train(trial):\n    return {'accuracy': 0.875, 'latency': 3}\n")
    done = shell("run", study, "train.py:train", "--max-trials", 2, folder=tmp_path)
    assert "accuracy 0.875, latency 3 at budget" in done.stdout
    assert "accuracy 0.875 at budget" in done.stdout.partition("incumbent:")[2]
    shell("run", study, "train.py:train", "--metric", "accuracy", folder=tmp_path, code=2)
    assert all(row.kind != "told" or '"accuracy":0.' in row.payload for row in rows_of(study))


# --- shown -----------------------------------------------------------------------------------------------------------


def test_what_was_told_is_shown_everywhere_and_its_negative_nowhere(tmp_path, study, call):
    with bohb.Study.open(study) as opened:
        for i in range(12):
            trial = opened.ask()
            opened.tell(trial, bohb.Failure("boom") if i == 4 else {"accuracy": 0.5 + i / 64, "latency": i})
        best = opened.incumbent.metrics["accuracy"]
    files = [tmp_path / "out.csv", tmp_path / "out.json"]
    call("export", study, "--csv", files[0])
    call("export", study, "--json", files[1])
    shown = [call("tell", study, 0, "--metrics", '{"accuracy": 0.5}', "--json")]
    for words in (["status"], ["best"], ["trials"], ["report"], ["report", "--format", "json"]):
        texts = [call(words[0], study, *words[1:]), call(words[0], study, *words[1:], "--json")]
        assert any(text in texts[0] for text in (f"{best:.4g}", str(best))), words
        assert str(best) in texts[1], words
        shown += texts
    shown += [call(name, study, *more) for name in ("health", "plan") for more in ([], ["--json"])]
    shown += [call("explain", study, 0), *(path.read_text() for path in files)]
    assert not [text for text in shown if "-0." in text.replace("e-0", "")]
    assert not [text for text in shown if '"loss"' in text or ",loss," in text]
    assert "maximize accuracy" in call("status", study)
