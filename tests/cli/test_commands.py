"""What each command does, prints and ends with."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bohb
from bohb._text import visible
from bohb.cli import exits
from bohb.cli.main import main
from tests.cli.shell import ROOT, environment, lines, make
from tests.cli.shell import bohb as shell


@pytest.fixture
def study(tmp_path):
    return make(tmp_path)


@pytest.fixture
def call(capsys):
    """Runs a command in this process; returns what it printed, as JSON objects."""

    def run(*words, code=0):
        capsys.readouterr()
        assert main([str(word) for word in words]) == code
        printed = capsys.readouterr()
        run.err = printed.err
        return lines(printed.out) if "--json" in words or words[0] == "ask" else printed.out

    return run


def test_ask_prints_a_trial_on_one_line(study, call):
    (facts,) = call("ask", study, "--lease", 60)
    assert {"trial": 0, "budget": 1, "checkpoint": None, "previous": None, "lease": 60.0}.items() <= facts.items()
    assert set(facts["config"]) == {"x", "n", "kind"}
    assert next(iter(facts)) == "trial"  # a shell takes the number from the front of the line


def test_ask_is_that_of_the_library(tmp_path, call):
    """Through the command line or through the library, it is the same study."""
    study = make(tmp_path, seed=5)
    space = {"x": (0.0, 1.0)}
    other = bohb.Study.open(
        tmp_path / "other.db", bohb.Study.open(study).to_state() and _space(tmp_path), [1, 3, 9], seed=5
    )
    for _ in range(6):
        (facts,) = call("ask", study)
        trial = other.ask()
        assert (facts["trial"], facts["config"], facts["budget"]) == (trial.id, dict(trial.config), trial.budget), space
        call("tell", study, facts["trial"], "--loss", facts["config"]["x"])
        other.tell(trial, trial.config["x"])


def _space(folder):
    from bohb.cli.space_files import read_space

    return read_space(str(folder / "space.json"))


def test_a_tell_counts_once_and_a_conflict_has_its_code(study, call):
    call("ask", study)
    for _ in range(3):
        (told,) = call("tell", study, 0, "--loss", "-1e-3", "--checkpoint", "c", "--info", '{"a": 1}', "--json")
        assert told == {"trial": 0, "loss": -1e-3, "status": "ok", "checkpoint": "c", "info": {"a": 1}}
    call("tell", study, 0, "--loss", "0.5", code=exits.CONFLICT)
    call("fail", study, 0, "no", code=exits.CONFLICT)
    assert [result["loss"] for result in call("trials", study, "--json")] == [-1e-3]


@pytest.mark.parametrize("words", [["--loss", "nan"], ["--loss", "-inf"], ["--error", "-oops"]])
def test_a_failure_is_null_with_a_status(study, call, words):
    call("ask", study)
    for _ in range(2):
        (told,) = call("tell", study, 0, *words, "--json")
        assert told["loss"] is None
        assert told["status"] in ("nan", "infinite", "error")
    (result,) = call("trials", study, "--json")
    assert result["status"] == told["status"]
    assert result["info"].get("error") == ("-oops" if words[0] == "--error" else None)


def test_released_and_failed_trials(study, call):
    (first,) = call("ask", study)
    call("release", study, 0)
    (again,) = call("ask", study)
    assert (again["trial"], again["config"], again["budget"]) == (1, first["config"], first["budget"])
    assert call("heartbeat", study, 1, "--json") == [{"trial": 1, "held": True}]
    call("heartbeat", study, 0, "--json", code=exits.NO)
    call("fail", study, 1, "out of memory")
    call("release", study, 1, code=exits.CONFLICT)


def test_enqueue_and_observe(study, call):
    config = {"x": 0.5, "n": 8, "kind": "a"}
    call("enqueue", study, "--config", json.dumps(config), "--budget", "3")
    (asked,) = call("ask", study)
    assert (asked["config"], asked["budget"], asked["origin"]) == (config, 3, "enqueued")
    for _ in range(2):
        call("observe", study, "--config", json.dumps({**config, "n": 9}), "--budget", "9", "--loss", "-2")
    call(
        "observe",
        study,
        "--config",
        json.dumps({**config, "n": 9}),
        "--budget",
        "9",
        "--loss",
        "1",
        code=exits.CONFLICT,
    )
    (best,) = call("best", study, "--json")
    assert (best["trial"], best["loss"], best["budget"], best["origin"]) == (-1, -2.0, 9, "observed")


def test_inspection(study, call):
    call("best", study, code=exits.NO)
    for loss in (0.5, 0.25):
        (trial,) = call("ask", study)
        call("tell", study, trial["trial"], "--loss", loss)
    call("ask", study)
    (status,) = call("status", study, "--json")
    assert (status["results"], status["results_by_budget"], status["pending"]) == (2, [2, 0, 0], [2])
    assert (status["preset"], status["seed"], status["incumbent"]["loss"]) == ("default", 0, 0.25)
    assert "trial 1: loss 0.25 at budget 1" in call("status", study)
    assert call("best", study).startswith("trial 1: loss 0.25")
    (plan,) = call("plan", study, "--json", "--workers", 2)
    assert plan["num_workers"] == 2
    (health,) = call("health", study, "--json")
    assert health["failure_rate"] == 0
    (why,) = call("explain", study, 0, "--json")
    assert why["origin"] == "random"
    for command in ("plan", "health", "trials", "report"):
        assert call(command, study)


def told(study, *outcomes):
    """Tells a trial each: a loss, or the text of an error."""
    with bohb.Study.open(study) as opened:
        for outcome in outcomes:
            opened.tell(opened.ask(), bohb.Failure(outcome) if isinstance(outcome, str) else outcome)


def test_without_a_command_there_is_help(capsys):
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == exits.OK
    assert "usage: bohb" in capsys.readouterr().out


def test_trials_are_a_table_whose_first_columns_matter(study, call):
    told(study, 0.123456789, "KeyError: 'a'", 0.25)
    head, *rows = call("trials", study).splitlines()
    assert head.split()[:4] == ["trial", "loss", "budget", "status"]
    assert [row.split()[1] for row in rows] == ["0.1235", "-", "0.25"]
    assert "KeyError: 'a'" in rows[1]
    reason, x = head.index("reason"), head.index("x")
    assert rows[1][reason:].startswith("KeyError")
    assert all(row[: x + 1].split()[-1].startswith("0.") for row in rows)  # numbers end together
    assert call("trials", study, "--json")[0]["loss"] == 0.123456789


def test_trials_are_sorted_and_chosen(study, call):
    told(study, 0.5, "no", 0.25, "never", 1.0)

    def numbers(*words):
        shown = [facts["trial"] for facts in call("trials", study, "--json", *words)]
        assert [int(row.split()[0]) for row in call("trials", study, *words).splitlines()[1:]] == shown
        return shown

    assert numbers() == [0, 1, 2, 3, 4]
    assert numbers("--sort", "loss") == [2, 0, 4, 1, 3]
    assert numbers("--sort", "-loss") == [4, 0, 2, 1, 3]
    assert numbers("--failed") == [1, 3]
    assert numbers("--last", 2) == [3, 4]
    assert numbers("--failed", "--last", 1) == [3]
    assert len(numbers("--sort", "kind")) == 5
    call("trials", study, "--sort", "nothing", code=exits.USAGE)
    assert "loss, budget" in call.err
    call("trials", study, "--last", 0, code=exits.USAGE)


def test_status_shows_budget_failures_and_workers(study, call):
    told(study, 0.5, "CUDA error 12", "CUDA error 13", "no data")
    call("ask", study)
    text = call("status", study)
    for expected in (
        "spent:     4 of budget",
        "2 x CUDA error 12",
        "1 x no data",
        "1 at work: trial 4 at budget 1, for",
    ):
        assert expected in text
    (facts,) = call("status", study, "--json")
    assert facts["spent"] == 4
    assert facts["full_trainings"] == 4 / 9
    assert facts["failures_by_reason"] == [{"reason": "CUDA error 12", "count": 2}, {"reason": "no data", "count": 1}]


def test_json_is_one_object_a_line_everywhere(study, call):
    told(study, 0.5, 0.25)
    call("ask", study)
    looks = [["status"], ["best"], ["trials"], ["plan"], ["health"], ["explain", 0], ["report"], ["verify"]]
    for name, *words in looks:
        answers = call(name, study, *words, "--json")
        assert answers
        assert all(isinstance(answer, dict) for answer in answers)
    assert call("report", study, "--json") == call("trials", study, "--json")


def test_report_and_tables(study, call, tmp_path):
    import csv

    for loss in ("0.5", "nan"):
        (trial,) = call("ask", study)
        call("tell", study, trial["trial"], "--loss", loss)
    rows = list(csv.DictReader(call("report", study).splitlines()))
    assert [(row["trial"], row["loss"], row["status"]) for row in rows] == [("0", "0.5", "ok"), ("1", "", "nan")]
    assert float(rows[1]["config.x"]) == trial["config"]["x"]
    call("export", study, "--csv", tmp_path / "r.csv")
    assert list(csv.DictReader((tmp_path / "r.csv").read_text().splitlines())) == rows
    call("export", study, "--json", tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["results"] == call("trials", study, "--json")
    assert json.loads(call("report", study, "--format", "json"))["results"] == call("trials", study, "--json")


def test_create_is_repeatable(tmp_path, call):
    study = make(tmp_path)
    make(tmp_path)
    space = str(tmp_path / "space.json")
    call("create", study, "--space", space, "--budgets", "1,3,10", code=exits.DATA)
    assert "ladder" in call.err
    call(
        "create",
        study,
        "--space",
        space,
        "--min-budget",
        1,
        "--max-budget",
        9,
        "--eta",
        3,
        "--seed",
        7,
        code=exits.DATA,
    )
    assert "seed" in call.err


@pytest.mark.parametrize(
    ("words", "budgets"),
    [
        (["--min-budget", "1", "--max-budget", "81", "--eta", "3"], [1, 3, 9, 27, 81]),
        (["--budgets", "1,4,10,50"], [1, 4, 10, 50]),
        (["--min-budget", "0.5", "--max-budget", "2", "--eta", "2"], [0.5, 1.0, 2]),
    ],
)
def test_ladders(tmp_path, call, words, budgets):
    make(tmp_path)
    (facts,) = call("create", tmp_path / "new.db", "--space", tmp_path / "space.json", *words, "--json")
    assert [(type(one), one) for one in facts["budgets"]] == [(type(one), one) for one in budgets]


USAGE = [
    ["nonsense"],
    ["tell", "s.db"],
    ["tell", "s.db", "0"],
    ["tell", "s.db", "0", "--loss", "1", "--error", "x"],
    ["tell", "s.db", "zero", "--loss", "1"],
    ["tell", "s.db", "0", "--lo", "1"],
    ["ask", "s.db", "--", "x"],
    ["run", "s.db"],
    ["run", "s.db", "--"],
    ["run", "s.db", "a.py:f", "--", "x"],
    ["export", "s.db"],
]


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_wrong_usage_ends_with_2(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == exits.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "usage:" in printed.err
    assert "--help" in printed.err


@pytest.mark.parametrize("text", ["1_000", "٣", "true", "", "0x10", "1,5"])
@pytest.mark.parametrize(
    "words",
    [
        ("tell", "s.db", "0", "--loss"),
        ("observe", "s.db", "--config", "{}", "--budget", "1", "--loss"),
        ("ask", "s.db", "--lease"),
        ("release", "s.db"),
        ("plan", "s.db", "--cycles"),
        ("run", "s.db", "a.py:f", "--max-seconds"),
        ("create", "s.db", "--space", "x.yaml", "--max-budget"),
        ("create", "s.db", "--space", "x.yaml", "--seed"),
    ],
    ids=" ".join,
)
def test_every_number_is_plain(words, text, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*words, text])
    assert caught.value.code == exits.USAGE
    assert f"such as {'7' if 'such as 7' in (printed := capsys.readouterr().err) else '0.5'}" in printed


def test_no_name_occurs_twice_in_json(study, call, tmp_path):
    twice = '{"x": 0.5, "x": 0.25}'
    space = tmp_path / "twice.json"
    space.write_text('{"x": {"range": [0, 1]}, "x": {"range": [0, 2]}}')
    call("ask", study)
    (told,) = call("tell", study, 0, "--loss", "1", "--info", twice, "--json")
    assert (told["info"], "it is dropped" in call.err) == ({}, True)
    call("enqueue", study, "--config", twice, code=exits.USAGE)
    call("observe", study, "--config", twice, "--budget", "1", "--loss", "1", code=exits.USAGE)
    call("create", tmp_path / "new.db", "--space", space, "--budgets", "1", code=exits.USAGE)
    call("create", tmp_path / "new.db", "--space", space, "--budgets", "1_000", code=exits.USAGE)


def test_errors_have_their_codes(study, call, tmp_path):
    space = str(tmp_path / "space.json")
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(Path(study).read_bytes()[:5000])
    other = tmp_path / "other.txt"
    other.write_text("not a study, but a longer text " * 50)
    call("tell", study, 5, "--loss", "1", code=exits.USAGE)
    call("enqueue", study, "--config", "{}", code=exits.USAGE)
    call("enqueue", study, "--config", "{", code=exits.USAGE)
    call("observe", study, "--config", "{}", "--budget", "2", "--loss", "1", code=exits.USAGE)
    call("ask", study, "--lease", "-1", code=exits.USAGE)
    call("ask", tmp_path / "none.db", code=exits.UNAVAILABLE)
    call("tell", tmp_path / "none.db", 0, "--loss", "1", code=exits.UNAVAILABLE)
    call("status", damaged, code=exits.DATA)
    call("tell", other, 0, "--loss", "1", code=exits.DATA)
    call("status", "ftp://x", code=exits.DATA)
    call("create", tmp_path / "x.db", "--space", "nothing.yaml", "--budgets", "1", code=exits.USAGE)
    call("create", tmp_path / "x.db", "--space", space, "--budgets", "1,x", code=exits.USAGE)
    call("create", tmp_path / "x.db", "--space", space, "--min-budget", "1", code=exits.USAGE)
    call("create", tmp_path / "x.db", "--space", space, "--budgets", "1", "--eta", "2", code=exits.USAGE)
    call("create", tmp_path / "x.db", "--space", space, "--budgets", "1", "--preset", "x", code=exits.USAGE)
    assert not (tmp_path / "x.db").exists()


def test_a_password_is_not_printed(call):
    call("tell", "postgresql://me:secret@127.0.0.1:1/none", 0, "--loss", 1, code=exits.UNAVAILABLE)
    assert "secret" not in call.err


def test_an_exhausted_space_ends_with_3(tmp_path, call):
    study = make(tmp_path, space={"kind": ["a", "b"]}, budgets="1")
    for _ in range(2):
        (trial,) = call("ask", study)
        call("tell", study, trial["trial"], "--loss", "1")
    call("ask", study, code=exits.EXHAUSTED)


def test_a_closed_pipe_is_not_an_error(tmp_path):
    """`bohb trials STUDY | head -1` says nothing on stderr."""
    study = make(tmp_path)
    with bohb.Study.open(study) as opened:
        for i in range(50):  # more than a pipe holds
            opened.tell(opened.ask(), i, info={"text": "x" * 4000})
    command = f"{sys.executable} -m bohb trials {study} --json | head -1"
    done = subprocess.run(["bash", "-c", command], env=environment(), capture_output=True, text=True, timeout=600)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_an_unexpected_error_ends_with_its_own_code(tmp_path, call):
    (tmp_path / "broken_space.py").write_text("1 / 0\n")
    call("create", tmp_path / "x.db", "--space", f"{tmp_path}/broken_space.py:space", "--budgets", "1", code=exits.BUG)
    assert "ZeroDivisionError" in call.err


@given(st.text())
def test_no_value_steers_the_terminal(text):
    assert all(character.isprintable() or character == "\n" for character in visible(text, keep_lines=True))


def test_the_page_lists_all_codes_and_commands():
    page = (ROOT / "docs" / "how-to" / "command-line.md").read_text()
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert codes == {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    done = shell("--help")
    commands = re.findall(r"^    (\w+)(?:  |$)", done.stdout, re.MULTILINE)
    assert len(commands) >= 19
    assert [command for command in commands if f"`{command}" not in page] == []


@pytest.mark.parametrize("command", ["tell", "fail"])
def test_telling_starts_without_the_optimizer(study, command):
    """ConfigSpace alone takes longer to load than a tell may take."""
    outcome = ["--loss", "0.5"] if command == "tell" else ["oops"]
    shell("ask", study)
    code = f"""
import sys
from pathlib import Path
from bohb.cli.main import main
for _ in range(2):
    assert main({[command, study, "0", *outcome]!r}) == 0
heavy = ["ConfigSpace", "scipy", "statsmodels", "numpy", "yaml", "optuna", "concurrent.futures"]
heavy.append("bohb.optimizer.optimizer")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=600)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_both_names_of_the_program(tmp_path):
    assert shell("--version").stdout == f"bohb {bohb.__version__}\n"
    entry = subprocess.run(["bohb", "--version"], env=environment(), capture_output=True, text=True, timeout=600)
    assert entry.stdout == f"bohb {bohb.__version__}\n"


@pytest.mark.parametrize("info", ["[1]", "{", '{"a": NaN}', '{"a": ' + "[" * 5000 + "]" * 5000 + "}"])
def test_a_mistake_in_the_info_does_not_cost_the_loss(study, call, info):
    (trial,) = call("ask", study)
    (told,) = call("tell", study, trial["trial"], "--loss", "0.5", "--info", info, "--json")
    assert told["loss"] == 0.5
    assert ("the loss counts" in call.err) == ("NaN" not in info)


def test_importance_says_what_matters_at_a_budget(tmp_path, call):
    study = make(tmp_path)
    with bohb.Study.open(study) as opened:
        for _ in range(40):
            trial = opened.ask()
            opened.tell(trial, trial.config["x"])
    rows = call("importance", study, "--json")
    assert rows[0]["parameters"] == ["x"]
    assert rows[0]["share"] > 0.8
    assert {"parameters", "share", "deviation", "budget"} == set(rows[0])
    assert {tuple(row["parameters"]) for row in rows} >= {("n",), ("kind",)}
    assert call("importance", study, "--budget", 1).startswith("share of the variance of the loss at budget 1\nx ")
    call("importance", study, "--budget", 2, code=exits.USAGE)
    assert "expected a budget of the ladder" in call.err


def test_the_curve_of_a_trial_is_printed_on_demand(study, call):
    with bohb.Study.open(study) as opened:
        opened.enqueue(opened.ask().config, opened.ladder[-1])
        trial = opened.ask()
        opened.report(trial, 1.5, 0.75)
        opened.report(trial, 2, float("nan"))
        opened.tell(trial, 0.5)
    assert call("trials", study, "--curves", "--json")[-1]["curve"] == [[1.5, 0.75], [2, None]]
    assert "curve" not in call("trials", study, "--json")[-1]
    printed = call("trials", study, "--curves")
    assert "    loss 0.75 at budget 1.5\n    failed at budget 2\n" in printed
    assert call("trials", study) == "".join(
        line for line in printed.splitlines(keepends=True) if " at budget " not in line
    )


def test_failures_are_taken_back(study, call):
    errors = ["KeyError: 'learning_rate'", "CUDA error", "KeyError: 'units'"]
    for number, error in enumerate(errors):
        call("ask", study)
        call("fail", study, number, error)
    call("ask", study)
    call("tell", study, 3, "--loss", 0.5)
    assert "CUDA error" in call("trials", study)
    assert call("retry", study, "--failed", "--like", "keyerror", "--json") == [
        {"trial": 0, "retried": True},
        {"trial": 2, "retried": True},
    ]
    assert [facts["trial"] for facts in call("trials", study, "--json")] == [1, 3]
    call("retry", study, "--failed", "--like", "keyerror", code=exits.NO)
    assert "taken back, to be asked again: 3" in call("retry", study, 0, 1, 2)
    assert [call("ask", study)[0]["trial"] for _ in range(3)] == [4, 5, 6]
    call("retry", study, 3, code=exits.CONFLICT)
    call("retry", study, 99, code=exits.USAGE)
    for words in ([], ["0", "--failed"], ["0", "--like", "x"]):
        call("retry", study, *words, code=exits.USAGE)


def test_recommend_prints_the_configuration_to_use(study, call):
    """Before the first success there is none, as with the incumbent."""
    call("recommend", study, code=exits.NO)
    for number in range(3):
        call("ask", study)
        call("tell", study, number, "--loss", number / 10)
    (found,) = call("recommend", study, "--json")
    opened = bohb.Study.open(study)
    assert (found["config"], found["config_id"], found["trial"]) == (dict(opened.incumbent.config), 0, 0)
    assert {"budget", "metric", "mean", "deviation", "num_results"} <= set(found)
    assert "configuration 0: loss " in call("recommend", study)


def test_a_study_with_repetitions_says_so(tmp_path, call):
    """They are in the table, the status and the trial of a worker."""
    target, space = tmp_path / "again.db", tmp_path / "again.json"
    space.write_text('{"x": ["a", "b", "c"]}', encoding="utf-8")
    words = ("create", target, "--space", space, "--budgets", "1,3", "--seed", 0, "--preset", "random")
    assert call(*words, "--repeats", "--json")[0]["repeats"] is True
    assert "repeats" in call(*words, "--repeats")
    for number in range(5):
        (facts,) = call("ask", target)
        assert facts.get("repeat", 0) == (number > 2) * facts.get("repeat", 0)
        call("tell", target, number, "--loss", number % 2)
    assert "repeat" in call("trials", target).splitlines()[0]
    assert "repeats:   2 results" in call("status", target)
    assert "trained in full" in call("explain", target, 4)
    assert call("status", target, "--json")[0]["repeats"] is True
    with pytest.raises(bohb.StudyMismatch, match="repeats"):
        bohb.Study.open(target, repeats=False)
    assert bohb.Study.open(target, repeats=True).repeats


def test_explain_prints_the_schedule_of_a_population(tmp_path, call):
    """Only where the configuration changed on the way; as JSON, always."""
    target = tmp_path / "members.db"
    with bohb.Study.open(target, {"x": (0.0, 1.0)}, [1, 2], seed=0, preset="population") as study:
        trials = [study.ask()]
        while trials[-1].origin is not bohb.Origin.EXPLOITED:
            study.tell(trials[-1], trials[-1].config["x"], checkpoint=f"c{trials[-1].id}")
            trials.append(study.ask())
    last = trials[-1]
    before = trials[last.previous]
    (found,) = call("explain", target, last.id, "--json")
    assert found["lineage"] == [{"budget": one.budget, "config": dict(one.config)} for one in (before, last)]
    assert [line.partition("=")[0] for line in call("explain", target, last.id).splitlines()[1:]] == [
        "up to 1: x",
        "up to 2: x",
    ]
    assert len(call("explain", target, 0).splitlines()) == 1


@pytest.mark.parametrize("command", ["best", "recommend"])
def test_what_to_use_has_the_whole_schedule(tmp_path, call, command):
    """A configuration that a training ended with is not the one with which it began."""
    target = tmp_path / "members.db"
    with bohb.Study.open(target, {"x": (0.0, 1.0)}, [1, 2], seed=0, preset="population") as study:
        for _ in range(16):
            trial = study.ask()
            is_changed = trial.origin is bohb.Origin.EXPLOITED
            study.tell(trial, trial.config["x"] - is_changed, checkpoint=f"c{trial.id}")
        line = study.lineage(study.incumbent.trial)
    assert line[0][1] != line[1][1]
    (found,) = call(command, target, "--json")
    assert found["lineage"] == [{"budget": budget, "config": dict(config)} for budget, config in line]
    assert [text.partition(":")[0] for text in call(command, target).splitlines() if "up to" in text] == [
        "up to 1",
        "up to 2",
    ]
