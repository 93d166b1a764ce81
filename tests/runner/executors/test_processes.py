"""The contract on `ProcessExecutor`, and its own promises: reuse, devices, threads, and no process left behind."""

import fcntl
import os
import random
import select
import signal
import subprocess
import sys
import termios
import textwrap
import threading
import time
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path

import psutil
import pytest

import bohb
from bohb.runner import ProcessExecutor
from bohb.runner.workers import devices
from bohb.testing.executor_runs import HOUR
from bohb.testing.executors import ExecutorContract
from bohb.testing.processes import is_first, is_running, pids


def make_optimizer(seed: int = 0) -> bohb.Optimizer:
    return bohb.Optimizer({"x": (0.0, 1.0)}, budgets=bohb.geometric(1, 9, eta=3), seed=seed, preset="hyperband")


def wait_until(condition) -> None:
    deadline = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < deadline, "waited for ten minutes"
        time.sleep(0.01)


class TestProcessExecutor(ExecutorContract):
    survives = True

    def make(self, workers):
        return ProcessExecutor(workers)


class TestFreshProcesses(ExecutorContract):
    survives = True

    def make(self, workers):
        return ProcessExecutor(workers, warm=False)


# Reuse.


def test_a_warm_worker_is_one_process() -> None:
    """All calls of one warm worker run in one process."""
    with ProcessExecutor(1) as executor:
        assert len({executor.submit(lambda: os.getpid()).result() for _ in range(5)}) == 1


def test_every_call_of_a_fresh_worker_has_a_new_process() -> None:
    with ProcessExecutor(1, warm=False) as executor:
        found = [executor.submit(lambda: os.getpid()).result() for _ in range(3)]
        assert len(set(found)) == 3
        assert not any(is_running(pid) for pid in found)


def test_a_worker_has_the_arguments_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with `multiprocessing`: an objective may read what its script was called with."""
    monkeypatch.setattr(sys, "argv", ["tune.py", "--seed", "3"])
    with ProcessExecutor(1) as executor:
        assert executor.submit(lambda: sys.argv).result() == ["tune.py", "--seed", "3"]


def test_workers_with_gpus_are_fresh() -> None:
    """A process rarely frees the memory of a device before it ends."""
    with ProcessExecutor(gpus_per_trial=1, gpus=[0]) as executor:
        assert len({executor.submit(lambda: os.getpid()).result() for _ in range(2)}) == 2


def test_processes_that_a_call_left_running_are_ended_with_the_worker() -> None:
    def litter():
        return os.getpid(), subprocess.Popen(["sleep", "3600"]).pid

    with ProcessExecutor(1) as executor:
        worker, left = executor.submit(litter).result()
        assert not is_running(worker)
        assert not is_running(left)
        assert executor.submit(lambda: os.getpid()).result() != worker


def test_a_worker_that_dies_while_idle_loses_no_call() -> None:
    with ProcessExecutor(1) as executor:
        pid = executor.submit(lambda: os.getpid()).result()
        end = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        select.select([end], [], [])  # wait for all its threads, too
        os.close(end)
        assert executor.submit(lambda: os.getpid()).result() != pid


# Calls.


def test_exceptions_arrive() -> None:
    """Also for exceptions, results and arguments that cannot be pickled."""

    class Awkward(Exception):
        def __init__(self, one, two):
            super().__init__(one + two)

    def awkward():
        raise Awkward(1, 2)

    with ProcessExecutor(1) as executor:
        with pytest.raises(ZeroDivisionError):
            executor.submit(lambda: 1 / 0).result()
        with pytest.raises(RuntimeError, match=r"(?s)error of the call cannot be pickled.*Awkward"):
            executor.submit(awkward).result()
        with pytest.raises(RuntimeError, match="result of the call cannot be pickled"):
            executor.submit(threading.Lock).result()
        with pytest.raises(bohb.SettingError, match="cannot be pickled"):
            executor.submit(print, threading.Lock())
        assert executor.submit(sum, [1, 2], start=3).result() == 6


def test_large_arguments_and_results_arrive() -> None:
    with ProcessExecutor(1) as executor:
        assert executor.submit(lambda data: data * 2, b"x" * 5_000_000).result() == b"x" * 10_000_000


def test_a_function_is_pickled_once() -> None:
    """An objective that carries data is pickled once for all calls."""

    class Heavy:
        def __init__(self):
            self.pickled = 0

        def __reduce__(self):
            self.pickled += 1
            return (lambda: lambda: os.getpid()), ()

    heavy = Heavy()
    with ProcessExecutor(2) as executor:
        wait([executor.submit(heavy) for _ in range(10)])
    assert heavy.pickled == 1


def test_waiting_calls_are_cancelled_and_running_ones_ended() -> None:
    with ProcessExecutor(1) as executor:
        running: Future[None] = executor.submit(time.sleep, HOUR)
        waiting = [executor.submit(time.sleep, HOUR) for _ in range(3)]
        wait_until(running.running)
        assert not running.cancel()
        executor.end(waiting[0])
        assert waiting[0].cancelled()
        assert waiting[1].cancel()
        executor.shutdown(wait=False, cancel_futures=True)
        executor.end(running)
        with pytest.raises(bohb.WorkerLost, match="was killed by SIGTERM"):
            running.result()
        with pytest.raises(CancelledError):
            waiting[2].result()
    with pytest.raises(RuntimeError, match="was shut down"):
        executor.submit(print)


def test_a_lost_worker_says_how_it_ended() -> None:
    with ProcessExecutor(1) as executor:
        with pytest.raises(bohb.WorkerLost, match="exited with status 7"):
            executor.submit(os._exit, 7).result()
        with pytest.raises(bohb.WorkerLost, match="killed by SIGSEGV"):
            executor.submit(lambda: os.kill(os.getpid(), signal.SIGSEGV)).result()


# No process is left.


@pytest.mark.slow
def test_a_time_limit_also_ends_processes_in_other_sessions(tmp_path: Path) -> None:
    """A child process in a session of its own that ignores SIGTERM is found and ended."""

    class Patient(ProcessExecutor):
        """The time of the trial is over once its child is there, however long that takes."""

        def seconds_of(self, future):
            return HOUR if pids(tmp_path) else None

    def objective(trial):
        code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(3600)"
        child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE)
        child.stdout.readline()
        (tmp_path / f"child.{child.pid}").touch()
        child.wait()

    optimizer = make_optimizer()
    with Patient(1, grace=0.5) as executor:
        bohb.run(objective, optimizer, executor=executor, max_trials=1, trial_seconds=0.1, progress=False)
    assert optimizer.results[0].info["error"].startswith("TimeoutError")
    (child,) = pids(tmp_path)
    assert not is_running(child)


SCRIPT = """
    import os, pathlib, time
    import bohb

    SCALE = 2.0                         # a global of the main script

    class Loss:                         # a class of the main script
        def __init__(self, value): self.value = value
        def __float__(self): return self.value * SCALE

    def objective(trial):
        {body}
        return Loss(trial.config["x"])

    optimizer = bohb.Optimizer({{"x": (0.0, 1.0)}}, budgets=[1, 3], seed=0)
    report = bohb.run(objective, optimizer, workers=2, max_trials=6, progress=False)
    print(report.stopped_by, report.num_trials, report.num_failures, len(optimizer.pending), flush=True)
    assert all(result.loss == 2 * result.trial.config["x"] for result in optimizer.results)
"""


@pytest.mark.parametrize("how", ["script", "command", "stdin"])
def test_objectives_of_the_main_module_work(tmp_path: Path, how: str) -> None:
    """Without `if __name__ == "__main__"`, in a script, in `python -c`, and read from stdin."""
    code = textwrap.dedent(SCRIPT).format(body="pass")
    (tmp_path / "script.py").write_text(code)
    arguments = {"script": ["script.py"], "command": ["-c", code], "stdin": ["-"]}[how]
    command, given = [sys.executable, *arguments], code if how == "stdin" else None
    done = subprocess.run(command, cwd=tmp_path, input=given, capture_output=True, text=True, timeout=600)
    assert (done.stdout, done.stderr) == ("max_trials 6 0 0\n", "")


NOTEBOOK = """
    import nbclient, nbformat
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in (
        "import bohb; SCALE = 2.0",
        "def objective(trial): return SCALE * trial.config['x']",
        "optimizer = bohb.Optimizer({'x': (0.0, 1.0)}, budgets=[1, 3], seed=0)",
        "bohb.run(objective, optimizer, workers=2, max_trials=6, progress=False)",
    )]
    nbclient.NotebookClient(notebook, timeout=600).execute()
    shown = notebook.cells[-1].outputs[0].data
    assert "6 (0 failed" in shown["text/html"], shown
"""


@pytest.mark.slow
def test_objectives_of_a_notebook_work(tmp_path: Path) -> None:
    """In a real kernel, with a global of another cell; the report is shown as a table."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(NOTEBOOK)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


def start_script(folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a script whose trials run for an hour and ignore SIGTERM; return it, and the process ids of two trials."""
    body = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"os.fork(); pathlib.Path({str(folder)!r}, f'pid.{{os.getpid()}}').touch(); time.sleep(3600)"
    )
    script = folder / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).format(body=body))
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, start_new_session=True)
    wait_until(lambda: len(list(folder.glob("pid.*"))) == 4)
    return process, pids(folder)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_program_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    """Also if the signal comes twice and to the whole group, and the trials fork and ignore it."""
    process, trials = start_script(tmp_path)
    for _ in range(2):
        os.killpg(process.pid, number)
    output, _ = process.communicate(timeout=600)
    name = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}[number]
    assert (process.returncode, output) == (0, f"{name} 0 0 0\n")
    assert not any(is_running(pid) for pid in trials)


@pytest.mark.slow
def test_workers_of_a_killed_program_end(tmp_path: Path) -> None:
    """After SIGKILL the workers themselves notice that the program is gone."""
    process, trials = start_script(tmp_path)
    process.kill()
    process.communicate()
    wait_until(lambda: not any(is_running(pid) for pid in trials))


@pytest.mark.slow
def test_a_signal_at_any_moment_loses_no_trial(tmp_path: Path) -> None:
    """Every trial that was asked is told or given back."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import bohb
        optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, budgets=[1, 3], seed=0, preset="hyperband")
        def objective(trial): return trial.config["x"]
        def ready(record):
            if isinstance(record, bohb.runner.TrialEnded) and record.num_trials == 1:
                print("ready", flush=True)
        report = bohb.run(objective, optimizer, workers=2, max_seconds=600, callbacks=[ready], progress=False)
        asked = sum(type(event).__name__ == "Asked" for event in optimizer.events)
        given_back = sum(type(event).__name__ == "Forgotten" for event in optimizer.events)
        assert not optimizer.pending, optimizer.pending
        assert asked == report.num_trials + given_back, (asked, report.num_trials, given_back)
        assert report.num_failures == 0, report
        print(report.stopped_by)
    """)
    )
    rng = random.Random(0)
    for _ in range(12):
        process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.random())  # any moment of the run
        workers = psutil.Process(process.pid).children()
        process.send_signal(rng.choice([signal.SIGINT, signal.SIGTERM]))
        output, _ = process.communicate(timeout=600)
        assert (process.returncode, output.strip() in {"interrupted", "terminated"}) == (0, True)
        assert not any(is_running(worker.pid) for worker in workers)


# Devices and threads.


def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables are set before numpy is loaded; those that the user set stay."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "17")

    def look():
        return os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"], "numpy" in sys.modules

    with ProcessExecutor(1) as executor:
        assert executor.submit(look).result() == (str(devices.num_cores()), "17", False)
    with ProcessExecutor(1000) as executor:
        assert executor.submit(look).result()[0] == "1"


def test_a_worker_sees_the_devices_by_the_users_names() -> None:
    uuids = ["GPU-8f1c", "GPU-77aa", "MIG-0b"]

    def look():
        return os.environ["CUDA_VISIBLE_DEVICES"]

    with ProcessExecutor(gpus_per_trial=1, gpus=uuids) as executor:
        assert executor.workers == 3
        assert executor.submit(look).result() in uuids
    with ProcessExecutor(1, gpus_per_trial=2, gpus=[4, 6, 7]) as executor:
        assert executor.submit(look).result() == "4,6"


@pytest.mark.parametrize(
    "arguments",
    [
        {"workers": 0},
        {"workers": True},
        {"gpus_per_trial": 0.5},
        {"gpus_per_trial": -1},
        {"gpus": [0]},
        {"gpus_per_trial": 1, "gpus": [0, "0"]},
        {"gpus_per_trial": 1, "gpus": ["0,1"]},
        {"gpus_per_trial": 1, "gpus": "0"},
        {"workers": 2, "gpus_per_trial": 2, "gpus": [0, 1, 2]},
    ],
)
def test_invalid_settings_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(bohb.SettingError, match="expected"):
        ProcessExecutor(**arguments)


@pytest.mark.slow
@pytest.mark.parametrize("warm", [True, False])
def test_no_two_live_trials_share_a_device(tmp_path: Path, warm: bool) -> None:
    """Also while workers are killed, and while a fork of a killed trial still holds the device."""
    folder = str(tmp_path)

    def objective(trial):
        claims = []
        for device in os.environ["CUDA_VISIBLE_DEVICES"].split(","):
            for claim in Path(folder).glob(f"{device}.*"):
                if claim.suffix == f".{os.getpid()}":
                    continue
                try:
                    state = Path("/proc", claim.suffix[1:], "stat").read_text().rpartition(")")[2].split()[0]
                except OSError:  # gone
                    continue
                if state not in "ZX":
                    Path(folder, f"shared-{trial.id}").touch()
            claims.append(device)
        forked = os.fork()
        for device in claims:
            Path(folder, f"{device}.{os.getpid()}").touch()
        if forked == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(3600)
        time.sleep(0.02)
        if is_first(Path(folder, f"tried-{trial.config_id}-{trial.budget}")):
            os.kill(os.getpid(), signal.SIGKILL)
        os.kill(forked, signal.SIGKILL)
        os.waitpid(forked, 0)
        return 0.5

    optimizer = make_optimizer()
    with ProcessExecutor(gpus_per_trial=2, gpus=["a", "b", "c", "d", "e", "f"], warm=warm) as executor:
        report = bohb.run(objective, optimizer, executor=executor, max_trials=15, retries=1, progress=False)
    assert (report.num_trials, report.num_failures, report.num_lost) == (15, 0, 15)
    assert not list(tmp_path.glob("shared-*"))


# The terminal.


def test_a_trial_that_reads_the_terminal_fails() -> None:
    """It does not hang: a background process that reads its terminal, as `ssh` does for a password, is stopped."""
    text = """
import bohb

def objective(trial):
    with open("/dev/tty") as terminal:
        return float(terminal.readline())

optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, budgets=[1, 3, 9], seed=0)
bohb.run(objective, optimizer, workers=2, max_trials=1, progress=False)
print(optimizer.results[0].info["error"])
"""
    ours, theirs = os.openpty()
    ended = subprocess.run(
        [sys.executable, "-c", text],
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=600,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),
    )
    os.close(ours)
    os.close(theirs)
    assert ended.stdout == "OSError: [Errno 5] Input/output error\n", ended.stderr
