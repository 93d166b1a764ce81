"""If the answer of a command cannot be printed, its code says so; there is no traceback, and no trial is lost."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import bohb
from bohb.cli import exits
from bohb.cli.main import main
from tests.cli.shell import bohb as call
from tests.cli.shell import environment, make

COMMANDS = [
    ("ask", "STUDY"),
    ("status", "STUDY"),
    ("status", "STUDY", "--json"),
    ("best", "STUDY"),
    ("trials", "STUDY"),
    ("plan", "STUDY"),
    ("health", "STUDY"),
    ("explain", "STUDY", "0"),
    ("report", "STUDY"),
    ("verify", "STUDY"),
    ("tell", "STUDY", "1", "--loss", "1"),
    ("heartbeat", "STUDY", "1"),
    ("release", "STUDY", "1"),
    ("enqueue", "STUDY", "--config", '{"x": 0.5, "n": 3, "kind": "b"}'),
    ("observe", "STUDY", "--config", '{"x": 0.5, "n": 3, "kind": "b"}', "--budget", "1", "--loss", "1"),
    ("run", "STUDY", "--max-trials", "2", "--", "echo", "1"),
    ("run", "STUDY", "--max-trials", "2", "--json", "--", "echo", "1"),
    ("create", "STUDY", "--space", "space.json", "--budgets", "1,3,9"),
    ("--version",),
    ("--help",),
]
BROKEN = {"closed": ">&-", "full": ">/dev/full", "read by nobody": "> >(exec true)"}


@pytest.fixture
def study(tmp_path):
    target = make(tmp_path, preset="fast")
    with bohb.Study.open(target) as opened:
        opened.tell(opened.ask(), 0.5)
        opened.ask()
    return target


def shell(words, redirection, folder, **more):
    line = " ".join(["exec", sys.executable, "-m", "bohb", '"$@"', redirection])
    return subprocess.run(
        ["bash", "-c", line, "bash", *words],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.mark.parametrize("redirection", [BROKEN["closed"], BROKEN["full"]], ids=["closed", "full"])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_that_cannot_print_says_so(tmp_path, study, words, redirection):
    done = shell([word.replace("STUDY", study) for word in words], redirection, tmp_path)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode == exits.OUTPUT, done.stderr


@pytest.mark.parametrize("redirection", BROKEN.values(), ids=BROKEN)
def test_an_ask_that_nobody_read_is_given_back(tmp_path, study, redirection):
    if redirection == BROKEN["read by nobody"]:
        reader, writer = os.pipe()
        os.close(reader)
        words = [sys.executable, "-m", "bohb", "ask", study]
        done = subprocess.run(words, env=environment(), stdout=writer, stderr=-1, text=True, check=False, timeout=600)
        os.close(writer)
    else:
        done = shell(["ask", study], redirection, tmp_path)
    assert done.returncode == exits.OUTPUT
    with bohb.Study.open(study) as opened:
        assert [trial.id for trial in opened.pending] == [1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["asked", "printing"])
def test_a_signal_before_the_trial_is_printed_gives_it_back(tmp_path, study, number, moment):
    """The reader of a full pipe hangs, or the signal comes between the commit and the first byte."""
    code = f"""
import os, signal, sys, time
from bohb.cli.main import main
from bohb.study.study import Study
def asking(self, *, lease=None, ask=Study.ask):
    trial = ask(self, lease=lease)
    print('asked', file=sys.stderr, flush=True)
    if {moment!r} == 'asked':
        os.kill(os.getpid(), {int(number)})
        time.sleep(0.1)
    return trial
Study.ask = asking
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(['ask', {study!r}]))
"""
    reader, writer = os.pipe()
    if moment == "printing":
        os.set_blocking(writer, False)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        os.set_blocking(writer, True)
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, env=environment(), stdout=writer, stderr=-1, text=True) as process:
        assert process.stderr.readline() == "asked\n"
        if moment == "printing":
            time.sleep(0.5)
            process.send_signal(number)
        err = process.stderr.read()
    assert process.returncode == (exits.INTERRUPTED if number == signal.SIGINT else exits.TERMINATED), err
    os.close(reader)
    os.close(writer)
    with bohb.Study.open(study) as opened:
        assert [trial.id for trial in opened.pending] == [1]


def test_whatever_goes_wrong_gives_the_trial_back(study, monkeypatch):
    for error in (ValueError, RuntimeError, MemoryError, SystemExit):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr("bohb.cli.ask.print_json", fail)
        try:
            assert main(["ask", study]) == exits.BUG
        except SystemExit:
            assert error is SystemExit
        with bohb.Study.open(study) as opened:
            assert [trial.id for trial in opened.pending] == [1]


def test_without_stderr_nothing_else_is_printed_to_stdout(tmp_path, study):
    done = shell(["ask", f"{study}.none"], "2>&-", tmp_path)
    assert (done.returncode, done.stdout) == (exits.UNAVAILABLE, "")
    done = shell(["ask", study], "2>/dev/full", tmp_path)
    assert done.returncode == exits.OK
    assert json.loads(done.stdout)["trial"] == 2


def test_a_run_goes_on_without_a_reader(tmp_path, study):
    for redirection in (BROKEN["closed"], BROKEN["full"]):
        before = len(bohb.Study.open(study).results)
        done = shell(["run", study, "--max-trials", "3", "--", "echo", "1"], redirection, tmp_path)
        assert done.returncode == exits.OUTPUT
        assert done.stderr.count("cannot be printed any more") == 1
        with bohb.Study.open(study) as opened:
            assert len(opened.results) == before + 3


def test_a_terminal_that_lacks_a_letter_loses_no_result(tmp_path):
    space = {"kind": ["\udcff", "é", "日本"]}
    study = make(tmp_path, space=space, budgets="1")
    with bohb.Study.open(study) as opened:
        for _ in range(3):
            opened.tell(opened.ask(), 0.5, checkpoint="日本\udcff")
    for words in (("trials", study), ("report", study), ("best", study), ("status", study)):
        assert call(*words, PYTHONIOENCODING="ascii").stdout.isascii()


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path, study):
    """With stdout and stdin closed, what a command prints reaches neither the study nor the pipe of a worker."""
    done = shell(["run", study, "--max-trials", "4", "--", "sh", "-c", "echo noise; echo 1"], "<&- >&- 2>&-", tmp_path)
    assert done.returncode == exits.OUTPUT
    with bohb.Study.open(study) as opened:
        assert len(opened.results) == 5
        assert not [result for result in opened.results if result.is_failure]
