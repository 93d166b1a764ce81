"""The processes of running trials, by the files in which they left their ids; and a killer that follows these files."""

import os
import random
import signal
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from bohb.runner.workers import process_tree


def is_first(mark: Path) -> bool:
    """Whether this call is the first with this path; only one of many processes that call at the same time is."""
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def is_running(pid: int) -> bool:
    """Whether a process runs; a zombie does not, on systems with /proc."""
    visible = process_tree.processes()
    if visible:
        return any(process.pid == pid and not process.is_zombie for process in visible)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def pids(folder: Path) -> list[int]:
    """Return the process ids in the endings of the files of a folder."""
    return [int(path.suffix[1:]) for path in folder.glob("*.[0-9]*")]


def kill_workers(folder: Path, kills: Counter[str], is_over: threading.Event, most: int) -> None:
    """Kill a worker with a running trial every half second, and count the kills by configuration.

    No configuration is hit more than `most` times. Otherwise the last trial of a run could be killed again and again at
    the same moment of its life.
    """
    rng, killed = random.Random(0), set[int]()  # noqa: S311  (no secret)
    while not is_over.wait(0.5):
        while not (alive := [mark for mark in running_trials(folder, killed) if kills[config_of(mark)] < most]):
            if is_over.wait(0.01):
                return
        mark = rng.choice(alive)
        kills[config_of(mark)] += 1
        killed.add(pid := int(mark.suffix[1:]))
        with suppress(ProcessLookupError):  # it ended at this moment
            os.kill(pid, signal.SIGKILL)


def running_trials(folder: Path, killed: set[int]) -> list[Path]:
    """Return the files of the trials that are running."""
    marks = sorted(folder.glob("*.[0-9]*"))
    return [mark for mark in marks if (pid := int(mark.suffix[1:])) not in killed and is_running(pid)]


def config_of(mark: Path) -> str:
    """Return the id of the configuration in the name of a file."""
    return mark.name.partition("-")[0]
