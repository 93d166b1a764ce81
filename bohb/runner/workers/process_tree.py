"""The descendants of a process: which of them are alive, and how to signal them all.

A process group covers what a trial usually starts. Descendants that left the group (`setsid`) are found through Linux's
/proc while their parents live; other systems have the group only. A daemon that detached itself twice is not found.
"""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


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
