"""The descendants of a process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bohb.runner.workers.process_tree import descendants, is_alive, processes, signal_processes

pytestmark = pytest.mark.skipif(not processes(), reason="needs /proc")

CHILD_AND_GRANDCHILD = """
import subprocess, sys
print(subprocess.Popen(["sleep", "3600"], start_new_session=True).pid, flush=True)
sys.stdin.read()
"""


def test_descendants_are_found_in_other_sessions_and_signalled() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD_AND_GRANDCHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    grandchild = int(process.stdout.readline())
    found = descendants(os.getpid())
    assert {process.pid, grandchild} <= {each.pid for each in found}
    mine = [each for each in found if each.pid in (process.pid, grandchild)]
    assert all(is_alive(each) for each in mine)
    signal_processes(mine, signal.SIGKILL)
    process.communicate()
    while any(is_alive(each) for each in mine):
        pass
    assert not descendants(process.pid)


def test_a_later_process_with_the_same_id_is_another_one() -> None:
    mine = next(each for each in processes() if each.pid == os.getpid())
    assert is_alive(mine)
    earlier = type(mine)(mine.pid, mine.parent, mine.group, mine.started - 1, is_zombie=False)
    assert not is_alive(earlier)


# What a worker started ends with it, and with its parent.

SLEEP = ["sleep", "3600"]
LEAVING = {
    "session": "subprocess.Popen({sleep}, start_new_session=True).pid",
    "group": "subprocess.Popen({sleep}, process_group=0).pid",
    "daemon": "int(subprocess.check_output(['sh', '-c', 'setsid sh -c \"sleep 3600 > /dev/null & echo \\$!\"']))",
}
PROGRAM = """
import os, signal, subprocess, sys, time
from pathlib import Path
import bohb

def objective(trial):
    pid = {start}
    Path(sys.argv[1], "pids").write_text(f"{{pid}} {{os.getpid()}} {{os.getppid()}} ")
    {then}
    return 0.5

optimizer = bohb.Optimizer({{"x": (0.0, 1.0)}}, [1], seed=0, preset="random")
bohb.run(objective, optimizer, executor=bohb.runner.ProcessExecutor(1), max_trials=1, retries=0, progress=False)
"""
THEN = {
    "the trial ends": "pass",
    "the worker is killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "the worker exits": "os._exit(3)",
    "the parent is killed": "os.kill(os.getppid(), signal.SIGKILL); time.sleep(3600)",
}


@pytest.mark.parametrize(
    ("way", "then"),
    [*(("daemon", then) for then in THEN), *((way, "the parent is killed") for way in ("session", "group"))],
)
def test_what_left_the_group_of_a_worker_ends_with_it(tmp_path: Path, way: str, then: str) -> None:
    """Also a process whose own parent has ended, and also if nobody had seen it before."""
    program = PROGRAM.format(start=LEAVING[way].format(sleep=SLEEP), then=THEN[then])
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], stderr=subprocess.DEVNULL)
    pid, worker, _ = map(int, (tmp_path / "pids").read_text().split())
    known = {process.pid: process for process in processes()}
    left = [known[one] for one in (pid, worker) if one in known]
    if then != "the parent is killed":
        assert not any(is_alive(one) for one in left)
    while any(is_alive(one) for one in left):  # the worker notices, and ends it
        time.sleep(0.01)
