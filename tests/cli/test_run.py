"""`bohb run`: commands and Python objectives as trials, their failures, and workers that are stopped and killed."""

import os
import signal
import sys
import time

import pytest

import bohb
from bohb.cli import exits
from bohb.runner.workers.process_tree import marked
from bohb.testing.processes import is_running
from tests.cli.shell import CONDITIONAL, lines, make, start, wait_for
from tests.cli.shell import bohb as shell
from tests.study.common import rows_of

PYTHON = sys.executable


def run(study, *command, code=0, options=("--max-trials", "1"), **more):
    """Runs a worker with --json; returns what it printed for each trial."""
    return lines(shell("run", study, "--json", *options, "--", *command, code=code, **more).stdout)


def script(folder, text):
    path = folder / "script.py"
    path.write_text(text)
    return str(path)


@pytest.fixture
def study(tmp_path):
    return make(tmp_path, space=CONDITIONAL)


def test_a_command_gets_a_trial_and_returns_its_outcome(tmp_path, study):
    text = """
import json, os, sys
given = json.load(sys.stdin)
assert given == json.loads(os.environ["BOHB_TRIAL"])
assert sys.argv[1:4] == [str(given["trial"]), str(given["budget"]), repr(given["config"]["x"])], sys.argv
print("noise")
more = {"checkpoint": f"c{given['trial']}", "info": {"resumed": given["checkpoint"]}}
print(json.dumps({"loss": given["config"]["x"], **more}))
"""
    words = [PYTHON, script(tmp_path, text), "{trial}", "{budget}", "{x}"]
    found = run(study, *words, options=["--max-trials", "14", "--workers", "2"])
    assert len(found) == 14
    assert all(one["status"] == "ok" and one["loss"] == one["config"]["x"] for one in found), found
    promoted = [one for one in found if one["origin"] == "promoted"]
    assert promoted
    assert all(one["info"]["resumed"] == f"c{one['previous']}" for one in promoted)


@pytest.mark.parametrize("out", ["nan", "-inf", '{"loss": null}', '{"loss": NaN}'])
def test_a_loss_that_is_not_finite_is_a_failure(study, out):
    (found,) = run(study, "echo", out.replace("{", "{{").replace("}", "}}"), code=exits.NO)
    assert found["loss"] is None
    assert found["status"] in ("nan", "infinite")


def test_a_failure_keeps_its_stderr(study):
    command = "echo first >&2; seq 1 20000 >&2; echo 'the reason' >&2; echo 0.5; exit 7"
    (found,) = run(study, "sh", "-c", command, code=exits.NO)
    assert (found["status"], found["loss"], found["info"]["exit_status"]) == ("error", None, 7)
    assert found["info"]["stderr"].endswith("the reason\n")
    assert len(found["info"]["stderr"]) < 20_000
    assert found["info"]["error"] == "exit status 7: the reason"


def test_a_worker_without_a_success_says_why_and_does_not_look_like_one(study):
    """It stops after a few failures of one kind, and the exit code is that of a command whose answer is no."""
    failing = ["--", "sh", "-c", "echo 'Traceback ...' >&2; echo 'no such file' >&2; exit 2"]
    done = shell("run", study, *failing, code=exits.NO)
    assert "trial 0: failed (exit status 2: no such file) at budget 1" in done.stdout
    assert "the first 8 trials all failed with exit status 2\n" in done.stdout
    assert done.stdout.endswith("Traceback ...\nno such file\n")
    assert "no such file" in shell("trials", study).stdout
    shell("run", study, "--max-failures", 2, *failing, code=exits.NO)
    shell("retry", study, "--failed")
    assert len(run(study, "echo", "0.5", options=["--max-trials", "3"])) == 3
    shell("run", study, "--max-trials", 1, *failing, code=exits.NO)
    mixed = ["--", "sh", "-c", "test $0 -ge 14 && echo 0.5", "{trial}"]
    shell("run", study, "--max-trials", 4, *mixed, code=exits.OK)


def test_a_worker_stops_when_the_loss_is_good_enough(study):
    found = run(study, "echo", "-0.5", options=["--target", "-0.5", "--patience", "100"])
    assert [one["budget"] for one in found].count(9) == 1
    assert run(study, "echo", "-0.5", options=["--target", "-5e-1"]) == []
    assert " patience\n" in shell("run", study, "--patience", 1, "--", "echo", "0").stdout


def test_an_unknown_placeholder_or_command_runs_nothing(study, tmp_path):
    for words in (["touch", f"{tmp_path}/ran", "{nme}"], ["no-such-command", "{x}"]):
        shell("run", study, "--max-trials", 1, "--", *words, code=exits.USAGE)
    assert not (tmp_path / "ran").exists()
    assert lines(shell("status", study, "--json").stdout)[0]["pending"] == []


def test_no_shell_sees_a_value(tmp_path):
    study = make(tmp_path, space={"text": ["$(touch hacked); `touch hacked` | 'x'\n\"y\" *"]}, budgets="1")
    text = "import sys; print(len(sys.argv)); open('seen', 'w').write(sys.argv[1]); print(1.0)"
    (found,) = run(study, PYTHON, "-c", text, "{text}", folder=tmp_path)
    assert (tmp_path / "seen").read_text() == found["config"]["text"]
    assert not (tmp_path / "hacked").exists()


def test_much_output_does_not_block(study):
    """The command reads nothing, and writes more than pipes hold."""
    (found,) = run(study, "sh", "-c", "seq 1 200000; seq 1 200000 >&2; echo 0.25")
    assert found["loss"] == 0.25


def test_leftover_processes_are_ended(study, tmp_path):
    (found,) = run(study, "sh", "-c", f"sleep 300 & echo $! > {tmp_path}/pid; echo 0.5")
    assert found["loss"] == 0.5
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not is_running(pid))


def test_a_timeout_ends_the_process_tree(study, tmp_path):
    """The processes are known by a variable: on a busy machine the time may be over before they can say their ids."""
    options = ["--max-trials", "1", "--trial-seconds", "2", "--grace", "0.5"]
    (found,) = run(study, "sh", "-c", "sleep 300 & sleep 300", options=options, code=exits.NO, MARK=str(tmp_path))
    assert (found["status"], found["info"]["error"][:12]) == ("error", "TimeoutError")
    wait_for(lambda: all(process.is_zombie for process in marked("MARK", str(tmp_path))))


def test_a_killed_command_is_retried_once(study):
    (found,) = run(study, "sh", "-c", "echo dying >&2; kill -KILL $$", code=exits.NO)
    assert (found["trial"], found["status"]) == (1, "error")
    assert "SIGKILL" in found["info"]["error"]
    assert "dying" in found["info"]["error"]


def test_limits(study):
    assert len(run(study, "echo", "1", options=["--total-trials", "3"])) == 3
    assert len(run(study, "echo", "1", options=["--total-trials", "3"])) == 0
    done = shell("run", study, "--total-trials", "4", "--", "echo", "1").stdout
    assert "total_trials" in done
    assert run(study, "echo", "1", options=["--max-budget", "2"])
    shell("run", study, "--max-trials", "0", "--", "echo", "1", code=exits.USAGE)
    shell("run", study, "--workers", "0", "--", "echo", "1", code=exits.USAGE)
    shell("run", study, "--lease", "0", "--", "echo", "1", code=exits.USAGE)


def test_a_worker_ends_with_the_space(tmp_path):
    study = make(tmp_path, space={"kind": ["a", "b"]}, budgets="1")
    assert len(run(study, "echo", "1", options=[])) == 2


def test_output_is_kept_in_the_directory(study, tmp_path):
    run(
        study,
        "sh",
        "-c",
        "echo heard; echo seen >&2; echo 0.5",
        options=["--max-trials", "1", "--directory", str(tmp_path / "d")],
    )
    assert (tmp_path / "d" / "output" / "trial-0.out").read_text() == "heard\n0.5\n"
    assert (tmp_path / "d" / "output" / "trial-0.err").read_text() == "seen\n"


def test_a_python_objective(tmp_path, study):
    (tmp_path / "my_part.py").write_text("def square(x):\n    return x * x\n")
    text = "from my_part import square\ndef objective(trial):\n    return {'loss': square(trial.config['x'])}\n"
    (tmp_path / "my_script.py").write_text(text)
    done = shell("run", study, f"{tmp_path}/my_script.py:objective", "--max-trials", "3", "--workers", "2", "--json")
    found = lines(done.stdout)
    assert [one["loss"] for one in found] == [one["config"]["x"] ** 2 for one in found]
    assert len(found) == 3
    shell("run", study, f"{tmp_path}/my_script.py:nothing", code=exits.USAGE)
    shell("run", study, f"{tmp_path}/my_script.py:__name__", code=exits.USAGE)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, exits.TERMINATED), (signal.SIGINT, exits.INTERRUPTED)])
def test_a_stopped_worker_gives_back_its_trials(tmp_path, study, number, code):
    """The command hears SIGTERM, has time to save, and is gone with its own children before the worker is."""
    text = f"""
import os, pathlib, signal, subprocess, sys, time
here = pathlib.Path({str(tmp_path)!r})
def save(*_):
    time.sleep(0.5)
    (here / f"saved-{{os.getpid()}}").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
child = subprocess.Popen(["sleep", "300"])
(here / f"started-{{child.pid}}").touch()
time.sleep(300)
"""
    words = ["run", study, "--workers", "2", "--max-trials", "9", "--", PYTHON, script(tmp_path, text)]
    worker = start(*words, folder=tmp_path)
    wait_for(lambda: len(list(tmp_path.glob("started-*"))) == 2)
    assert len(lines(shell("status", study, "--json").stdout)[0]["pending"]) == 2
    worker.send_signal(number)
    assert worker.wait(600) == code
    assert len(list(tmp_path.glob("saved-*"))) == 2
    for started in tmp_path.glob("started-*"):
        pid = int(started.name.partition("-")[2])
        assert not is_running(pid)
    (status,) = lines(shell("status", study, "--json").stdout)
    assert (status["pending"], status["results"]) == ([], 0)
    again = [lines(shell("ask", study).stdout)[0] for _ in range(2)]
    with bohb.Study.open(study) as opened:
        assert [one["config"] for one in again] == [dict(opened.trial(i).config) for i in range(2)]


def test_the_trial_of_a_killed_worker_is_asked_again(tmp_path, study, monkeypatch):
    text = f"import os, pathlib, time; pathlib.Path({str(tmp_path)!r}, f'pid-{{os.getpid()}}').touch(); time.sleep(300)"
    worker = start("run", study, "--lease", "30", "--max-trials", "1", "--", PYTHON, script(tmp_path, text))
    wait_for(lambda: list(tmp_path.glob("pid-*")))
    (mark,) = tmp_path.glob("pid-*")
    wait_for(lambda: any(row.kind == "renewed" for row in rows_of(study)))  # the worker lives, and says so
    with bohb.Study.open(study) as opened:
        config = dict(opened.trial(0).config)
        assert dict(opened.ask().config) != config
        worker.kill()
        worker.wait(600)
        pid = int(mark.name.partition("-")[2])
        wait_for(lambda: not is_running(pid))
        now = time.time()
        monkeypatch.setattr("bohb.study.stores.sqlite.time.time", lambda: now + 31)
        assert dict(opened.ask().config) == config


def test_a_late_worker_counts_once(tmp_path, study):
    """Its lease was over and another one told: the tell is kept, and changes nothing."""
    (asked,) = lines(shell("ask", study, "--lease", "0.1").stdout)
    time.sleep(0.3)
    (again,) = lines(shell("ask", study).stdout)
    assert again["config"] == asked["config"]
    shell("tell", study, again["trial"], "--loss", "0.5")
    shell("tell", study, asked["trial"], "--loss", "0.7")
    (result,) = lines(shell("trials", study, "--json").stdout)
    assert (result["trial"], result["loss"]) == (again["trial"], 0.5)


@pytest.mark.slow
def test_a_storm_of_killed_workers_loses_nothing(tmp_path):
    """Several `bohb run` at once, SIGKILLed at random moments with no regard to what they do."""
    import random

    draw = random.Random(0)
    study = make(tmp_path, space=CONDITIONAL)
    done = tmp_path / "done"
    done.mkdir()
    text = f"""
import json, os, sys, time
trial = json.load(sys.stdin)
time.sleep(0.25 * trial["budget"])
with open({str(done)!r} + f"/{{trial['trial']}}", "x") as file:
    file.write("ran")
print(trial["config"]["x"] + 1 / trial["budget"])
"""
    words = ["run", study, "--total-trials", "90", "--lease", "4", "--", PYTHON, script(tmp_path, text)]
    workers, kills, ends = [], 0, 0
    until = time.monotonic() + 420
    while time.monotonic() < until:
        ends += sum(worker.poll() == 0 for worker in workers)
        workers = [worker for worker in workers if worker.poll() is None]
        if ends and not workers:
            break
        while len(workers) < 3 and not ends:
            workers.append(start(*words, stdout=-3, stderr=-3))
        time.sleep(draw.uniform(0.2, 2.5))
        if kills < 25 and workers and not ends:
            os.kill(draw.choice(workers).pid, signal.SIGKILL)
            kills += 1
    assert not workers
    assert kills >= 10
    with bohb.Study.open(study) as opened:
        results = opened.results
        keys = [(result.trial.config_id, result.trial.budget) for result in results]
        assert len(results) >= 90
        assert len(set(keys)) == len(keys), "a configuration counted twice at a budget"
        assert all(result.status == "ok" for result in results), "a killed worker is no failure"
        assert all(result.loss == result.trial.config["x"] + 1 / result.trial.budget for result in results)
        assert {result.trial.id for result in results} <= {int(path.name) for path in done.iterdir()}

        def is_all_told():
            if opened.pending:
                opened.tell(opened.ask(), 1.0)
            return not opened.pending

        wait_for(is_all_told)  # what the last kills left behind is asked again once its lease is over
    assert lines(shell("verify", study, "--json").stdout)[0]["differences"] == []
    print(f"{kills} kills, {len(results)} results")
