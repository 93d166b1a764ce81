"""What `ProcessExecutor` promises beyond the contract: devices, threads, reuse, and nothing left behind."""

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

HOUR = 3600


def make_optimizer(seed: int = 0) -> bohb.Optimizer:
    return bohb.Optimizer({"x": (0.0, 1.0)}, budgets=bohb.geometric(1, 9, eta=3), seed=seed, preset="hyperband")


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited for a minute"
        time.sleep(0.01)


# Reuse.


def test_warm_workers_are_used_again() -> None:
    """One warm worker is one process for all calls, and loads what it calls once."""
    with ProcessExecutor(1) as executor:
        assert len({executor.submit(lambda: os.getpid()).result() for _ in range(5)}) == 1


def test_fresh_workers_are_not() -> None:
    with ProcessExecutor(1, warm=False) as executor:
        found = [executor.submit(lambda: os.getpid()).result() for _ in range(3)]
        assert len(set(found)) == 3
        assert not any(is_running(pid) for pid in found)


def test_trials_with_gpus_get_fresh_workers() -> None:
    """A process seldom gives back the memory of a device before it ends."""
    with ProcessExecutor(gpus_per_trial=1, gpus=[0]) as executor:
        assert len({executor.submit(lambda: os.getpid()).result() for _ in range(2)}) == 2


def test_a_worker_whose_call_left_processes_behind_is_ended_with_them() -> None:
    def litter():
        return os.getpid(), subprocess.Popen(["sleep", "3600"]).pid

    with ProcessExecutor(1) as executor:
        worker, left = executor.submit(litter).result()
        assert not is_running(worker)
        assert not is_running(left)
        assert executor.submit(lambda: os.getpid()).result() != worker


def test_a_worker_that_dies_idle_costs_nothing() -> None:
    with ProcessExecutor(1) as executor:
        pid = executor.submit(lambda: os.getpid()).result()
        end = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        select.select([end], [], [])  # not before all its threads are gone, too
        os.close(end)
        assert executor.submit(lambda: os.getpid()).result() != pid


# Calls.


def test_what_a_call_raises_is_in_its_future() -> None:
    """Also what cannot be pickled, neither as an exception nor as a result."""

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


def test_a_large_call_and_a_large_result_pass() -> None:
    with ProcessExecutor(1) as executor:
        assert executor.submit(lambda data: data * 2, b"x" * 5_000_000).result() == b"x" * 10_000_000


def test_the_same_function_is_sent_once_per_worker() -> None:
    """An objective that carries data is pickled once, and loaded once in each worker."""

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


def test_what_waits_can_be_cancelled_and_what_runs_ended() -> None:
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


def test_a_dead_worker_is_described() -> None:
    with ProcessExecutor(1) as executor:
        with pytest.raises(bohb.WorkerLost, match="exited with status 7"):
            executor.submit(os._exit, 7).result()
        with pytest.raises(bohb.WorkerLost, match="killed by SIGSEGV"):
            executor.submit(lambda: os.kill(os.getpid(), signal.SIGSEGV)).result()


# Nothing is left behind.


@pytest.mark.slow
def test_a_time_out_also_ends_processes_that_left_the_group(tmp_path: Path) -> None:
    """A child in a session of its own that ignores SIGTERM is found, and ended."""

    def objective(trial):
        code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(3600)"
        child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE)
        child.stdout.readline()
        (tmp_path / "pid").write_text(str(child.pid))
        child.wait()

    optimizer = make_optimizer()
    with ProcessExecutor(1, grace=0.5) as executor:
        bohb.run(objective, optimizer, executor=executor, max_trials=1, trial_seconds=2, progress=False)
    assert optimizer.results[0].info["error"].startswith("TimeoutError")
    assert not is_running(int((tmp_path / "pid").read_text()))


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
def test_it_works_from_everywhere(tmp_path: Path, how: str) -> None:
    """An objective of the main module, without a guard, in a script, in `python -c`, and read from stdin."""
    code = textwrap.dedent(SCRIPT).format(body="pass")
    (tmp_path / "script.py").write_text(code)
    arguments = {"script": ["script.py"], "command": ["-c", code], "stdin": ["-"]}[how]
    command, given = [sys.executable, *arguments], code if how == "stdin" else None
    done = subprocess.run(command, cwd=tmp_path, input=given, capture_output=True, text=True, timeout=120)
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
    nbclient.NotebookClient(notebook, timeout=120).execute()
    shown = notebook.cells[-1].outputs[0].data
    assert "6 (0 failed" in shown["text/html"], shown
"""


@pytest.mark.slow
def test_it_works_from_a_notebook(tmp_path: Path) -> None:
    """An objective of one cell that needs a global of another, in a real kernel; the report is shown as a table."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(NOTEBOOK)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr


def start_script(folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """Starts a script whose trials run for an hour and ignore SIGTERM; returns it and the processes of two trials."""
    body = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"os.fork(); pathlib.Path({str(folder)!r}, f'pid.{{os.getpid()}}').touch(); time.sleep(3600)"
    )
    script = folder / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).format(body=body))
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, start_new_session=True)
    wait_until(lambda: len(list(folder.glob("pid.*"))) == 4)
    return process, [int(path.suffix[1:]) for path in folder.glob("pid.*")]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_program_that_is_interrupted_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    """Also if the signal comes twice, goes to the whole group, and the trials fork and ignore it."""
    process, trials = start_script(tmp_path)
    for _ in range(2):
        os.killpg(process.pid, number)
    output, _ = process.communicate(timeout=30)
    name = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}[number]
    assert (process.returncode, output) == (0, f"{name} 0 0 0\n")
    assert not any(is_running(pid) for pid in trials)


@pytest.mark.slow
def test_workers_end_when_the_program_is_killed(tmp_path: Path) -> None:
    """SIGKILL leaves nobody to clean up: the workers notice by themselves."""
    process, trials = start_script(tmp_path)
    process.kill()
    process.communicate()
    wait_until(lambda: not any(is_running(pid) for pid in trials))


@pytest.mark.slow
def test_a_signal_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """Interrupted again and again while short trials run: every trial asked is told or given back."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import bohb
        optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, budgets=[1, 3], seed=0, preset="hyperband")
        def objective(trial): return trial.config["x"]
        print("ready", flush=True)
        report = bohb.run(objective, optimizer, workers=2, max_seconds=60, progress=False)
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
        time.sleep(0.1 + rng.random())
        workers = psutil.Process(process.pid).children()
        process.send_signal(rng.choice([signal.SIGINT, signal.SIGTERM]))
        output, _ = process.communicate(timeout=30)
        assert (process.returncode, output.strip() in {"interrupted", "terminated"}) == (0, True)
        assert not any(is_running(worker.pid) for worker in workers)


# Devices and threads.


def test_threads_are_shared_out_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers get their share of the cores; what the user set stays; numpy is not loaded by us."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "17")

    def look():
        return os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"], "numpy" in sys.modules

    with ProcessExecutor(1) as executor:
        assert executor.submit(look).result() == (str(devices.num_cores()), "17", False)
    with ProcessExecutor(1000) as executor:
        assert executor.submit(look).result()[0] == "1"


def test_the_devices_of_a_worker_are_the_users_own_names() -> None:
    uuids = ["GPU-8f1c", "GPU-77aa", "MIG-0b"]

    def look():
        return os.environ["CUDA_VISIBLE_DEVICES"]

    with ProcessExecutor(gpus_per_trial=1, gpus=uuids) as executor:
        assert executor.workers == 3
        assert executor.submit(look).result() in uuids
    with ProcessExecutor(1, gpus_per_trial=2, gpus=[4, 6, 7]) as executor:
        assert executor.submit(look).result() == "4,6"


def test_the_devices_are_those_that_cuda_would_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-1,-1,5")
    assert devices.visible_gpus() == ["3", "GPU-1"]
    assert ProcessExecutor(gpus_per_trial=2).workers == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(bohb.SettingError, match=r"expected 1 x 1 GPUs, .*got 0"):
        ProcessExecutor(gpus_per_trial=1)


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
def test_a_setting_that_makes_no_sense_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(bohb.SettingError, match="expected"):
        ProcessExecutor(**arguments)


@pytest.mark.slow
@pytest.mark.parametrize("warm", [True, False])
def test_no_two_live_trials_share_a_device(tmp_path: Path, warm: bool) -> None:
    """Also while workers are killed, and while what a killed trial forked still holds the device."""
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
        tried = Path(folder, f"tried-{trial.config_id}-{trial.budget}")
        if not tried.exists():
            tried.touch()
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


def test_a_trial_that_asks_at_the_terminal_fails_and_does_not_stand_still() -> None:
    """As `ssh` does for a password: a process in the background of a terminal would be stopped by that, for ever."""
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
        timeout=60,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),
    )
    os.close(ours)
    os.close(theirs)
    assert ended.stdout == "OSError: [Errno 5] Input/output error\n", ended.stderr
