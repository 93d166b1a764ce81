"""`bohb watch`: one view in a terminal, and elsewhere a line for each change."""

import json
import subprocess
import sys

import pytest

import bohb
from bohb.cli import exits
from bohb.cli.main import main
from tests.cli.shell import environment, make
from tests.runner.test_progress import shown_in_a_terminal


@pytest.fixture
def study(tmp_path):
    return make(tmp_path)


def test_a_change_is_a_line_and_nothing_else_is(study):
    words = [sys.executable, "-m", "bohb", "watch", study, "--every", "0.05", "--json"]
    with (
        subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, text=True) as process,
        bohb.Study.open(study) as opened,
    ):
        seen = [json.loads(process.stdout.readline())]
        for loss in (0.5, 0.25):
            trial = opened.ask()
            seen.append(json.loads(process.stdout.readline()))
            opened.tell(trial, loss)
            seen.append(json.loads(process.stdout.readline()))
        process.terminate()
        assert process.stdout.read() == ""
    assert [(facts["results"], len(facts["pending"])) for facts in seen] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    assert seen[-1]["incumbent"]["loss"] == 0.25


def test_a_log_has_plain_lines(study, capsys):
    with bohb.Study.open(study) as opened:
        opened.tell(opened.ask(), 0.5)
        opened.ask()
    assert main(["watch", study, "--max-seconds", "0.2", "--every", "0.05"]) == exits.OK
    assert capsys.readouterr().out == "1 results | 1 running | spent 1 (0.1111 full trainings) | best 0.5 at budget 1\n"


def test_a_terminal_has_a_view(study, tmp_path):
    pytest.importorskip("rich")
    with bohb.Study.open(study) as opened:
        opened.tell(opened.ask(), bohb.Failure("no data"))
        opened.ask()
    words = [sys.executable, "-m", "bohb", "watch", study, "--max-seconds", "0.5", "--every", "0.1"]
    text = shown_in_a_terminal(words, tmp_path, **environment())
    for expected in ("budget", "1 x no data", "trial 1 at budget 1 for", "\x1b[?25h"):
        assert expected in text


def test_intervals_are_positive(study):
    assert main(["watch", study, "--every", "0"]) == exits.USAGE
    assert main(["watch", study, "--max-seconds", "-1"]) == exits.USAGE
