"""The descendants of a process: which of them are alive, and how to signal them all.

A process group covers what a trial usually starts. On Linux, descendants that left the group (`setsid`) are found too:
through /proc while their parents live. A worker adopts the orphans among its descendants, as init would, so that it can
end them. Once the worker is dead, they are known by a variable in their environment. Other systems have the group only.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
SECONDS_TO_VANISH = 5.0
"""How long to wait for killed processes to disappear; the kernel may be busy freeing a device."""
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A process at one moment; `started` distinguishes it from a later one with the same id."""

    pid: int
    parent: int
    group: int
    started: int
    is_zombie: bool


def processes() -> list[ProcessInfo]:
    """Return every visible process; an empty list on systems without /proc."""
    if not (PROC / "self" / "stat").exists():
        return []
    found = (_read(int(path.name)) for path in PROC.iterdir() if path.name.isdecimal())
    return [process for process in found if process is not None]


def descendants(pid: int) -> list[ProcessInfo]:
    """Return the children of a process, their children, and so on."""
    by_parent: dict[int, list[ProcessInfo]] = {}
    for process in processes():
        by_parent.setdefault(process.parent, []).append(process)
    found, front = [], [pid]
    while front:
        children = [child for parent in front for child in by_parent.get(parent, ())]
        found += children
        front = [child.pid for child in children]
    return found


def adopt_orphans() -> None:
    """Become the parent of every descendant whose parent ends, on Linux; elsewhere that is init."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def marked(variable: str, value: str) -> list[ProcessInfo]:
    """Return the processes of this user that began with this variable in their environment; none without /proc."""
    mark = f"\0{variable}={value}\0".encode()
    return [process for process in processes() if mark in _environment(process.pid)]


def kill_all(find: Callable[[], Iterable[ProcessInfo]]) -> None:
    """Kill the processes that `find` returns, and those that they start meanwhile, until there are none."""
    until = time.monotonic() + SECONDS_TO_VANISH
    while (found := [one for one in find() if not one.is_zombie]) and time.monotonic() < until:
        signal_processes(found, signal.SIGKILL)
        time.sleep(0.005)


def signal_group(group: int, number: signal.Signals) -> None:
    """Signal every process of a group, if there is one."""
    with suppress(ProcessLookupError, PermissionError):  # PermissionError: on macOS, a group of zombies
        os.killpg(group, number)


def signal_processes(known: Iterable[ProcessInfo], number: signal.Signals) -> None:
    """Signal processes that were seen before and are still alive."""
    for process in known:
        if is_alive(process):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, number)


def is_alive(known: ProcessInfo) -> bool:
    """Whether a process that was seen before still runs."""
    now = _read(known.pid)
    return now is not None and now.started == known.started and not now.is_zombie


def is_group_alive(group: int) -> bool:
    """Whether a process of the group still runs. A zombie does not, and may never be reaped."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    visible = processes()
    return not visible or any(process.group == group and not process.is_zombie for process in visible)


def _read(pid: int) -> ProcessInfo | None:
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:  # it ended in the meantime
        return None
    # The name, in parentheses, may hold anything; the fields after it are numbered as in proc(5), from 3 = state.
    fields = text.rpartition(")")[2].split()
    return ProcessInfo(pid, int(fields[1]), int(fields[2]), int(fields[19]), fields[0] in "ZX")


def _environment(pid: int) -> bytes:
    try:
        return b"\0" + (PROC / str(pid) / "environ").read_bytes()
    except OSError:  # it ended in the meantime, or is another user's
        return b""
