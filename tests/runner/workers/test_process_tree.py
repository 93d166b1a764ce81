"""The descendants of a process."""

import os
import signal
import subprocess
import sys

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
