"""What trials print is kept, and no temporary folder is left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import bohb
from bohb.runner import ProcessExecutor

ROOT = Path(bohb.__file__).parents[1]


def make_optimizer() -> bohb.Optimizer:
    return bohb.Optimizer({"x": (0.0, 1.0)}, budgets=bohb.geometric(1, 9, eta=3), seed=0, preset="hyperband")


def test_output_is_kept_for_each_trial(tmp_path: Path) -> None:
    """Also of its child processes, and what it printed before it was killed; empty files are removed."""

    def objective(trial):
        if trial.id == 1:
            return 0.5
        print("from python", trial.id)
        subprocess.run(["sh", "-c", "echo from a child; echo to stderr >&2"], check=True)
        if trial.id == 2:
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return 0.5

    optimizer = make_optimizer()
    bohb.run(objective, optimizer, workers=2, max_trials=4, directory=tmp_path, progress=False)
    kept = {path.name: sorted(path.read_text().splitlines()) for path in (tmp_path / "output").iterdir()}
    assert kept == {
        f"trial-{trial}.{ending}": lines
        for trial in (0, 2, 3)
        for ending, lines in (("out", ["from a child", f"from python {trial}"]), ("err", ["to stderr"]))
    }


def test_output_goes_to_the_folder_of_the_executor(tmp_path: Path) -> None:
    with ProcessExecutor(1, output=tmp_path / "here") as executor:
        bohb.run(
            lambda trial: print(trial.id) or 0.5, make_optimizer(), executor=executor, max_trials=2, progress=False
        )
        assert executor.output == tmp_path / "here"
    assert (tmp_path / "here" / "trial-1.out").read_text() == "1\n"


def test_temporary_output_is_deleted_when_the_program_ends(tmp_path: Path) -> None:
    """It can be read after the run, and a fork that ends earlier does not delete it."""
    text = """
import os, sys, bohb

def objective(trial):
    if trial.id == 1:
        print("before the end", flush=True)
        os.abort()
    return 0.5

optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, budgets=[1, 3, 9], seed=0)
report = bohb.run(objective, optimizer, workers=2, max_trials=3, progress=False)
if os.fork() == 0:
    sys.exit(0)
os.wait()
assert report.num_failures == 1
assert str(report.output) in str(report)
print([(path.name, path.read_text()) for path in report.output.glob("*.out")])
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    arguments = {"capture_output": True, "text": True, "env": environment, "timeout": 60}
    ended = subprocess.run([sys.executable, "-c", text], check=False, **arguments)
    assert ended.stdout == "[('trial-1.out', 'before the end\\n')]\n", ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_empty_temporary_folder_is_deleted_with_the_executor() -> None:
    with ProcessExecutor(1) as executor:
        report = bohb.run(lambda _: 0.5, make_optimizer(), executor=executor, max_trials=2, progress=False)
        assert report.output == executor.output
    assert not executor.output.exists()
    assert bohb.run(lambda _: 0.5, make_optimizer(), workers=2, max_trials=2, progress=False).output is None


def open_in_a_child(_):
    """The number of descriptors beside its streams that a process has which is started with all that it may inherit."""
    code = "import os; print(sum(os.path.exists(f'/proc/self/fd/{number}') for number in range(3, 100)))"
    return int(subprocess.run([sys.executable, "-c", code], close_fds=False, stdout=subprocess.PIPE).stdout)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not show descriptors")
def test_what_a_trial_starts_inherits_nothing_of_the_worker():
    with ProcessExecutor(1) as executor:
        assert executor.submit(open_in_a_child, None).result() == 0
