"""Writers wait in a queue: first come, first served, and nobody who dies or gives up stays in it."""

import errno
import multiprocessing
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from bohb.errors import StudyBusy
from bohb.study.stores import queue
from bohb.study.stores.queue import Queue
from bohb.study.stores.sqlite import SQLiteLog
from tests.study.common import loss_of, most_inside, open_new

pytestmark = pytest.mark.skipif(not queue.HAS_QUEUES, reason="the queue needs flock")
FORK = multiprocessing.get_context("fork")
LONG = 60


class TooLate(Exception):
    """What a queue raises here."""


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "s.db-queue")


@pytest.fixture
def wait(path):
    """A wait in a place of its own, as in another process."""

    def waiting(seconds=LONG):
        return Queue(path, TooLate).wait(time.monotonic() + seconds)

    return waiting


def blocked(path):
    """How many wait for the lock of a file, as the kernel tells."""
    inode, locks = Path(path).stat().st_ino, Path("/proc/locks").read_text().splitlines()
    return sum("->" in line and f":{inode} " in line for line in locks)


def until(condition):
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_waiters_get_the_turn_in_the_order_in_which_they_came(path, wait):
    order = []

    def come(number):
        with wait():
            order.append(number)

    threads = [threading.Thread(target=come, args=(number,)) for number in range(6)]
    with wait():
        for number, thread in enumerate(threads):
            thread.start()
            until(lambda number=number: blocked(path) == number + 1)
    for thread in threads:
        thread.join()
    assert order == list(range(6))


def test_only_one_is_first(wait):
    assert most_inside(wait, num_threads=4, num_turns=50) == 1


def test_one_place_serves_turn_after_turn(path):
    """Also after it was closed."""
    own = Queue(path, TooLate)
    for _ in range(3):
        with own.wait(time.monotonic()):
            pass
        own.close()
        own.close()
    with own.wait(time.monotonic()), pytest.raises(TooLate), Queue(path, TooLate).wait(time.monotonic()):
        pass


def test_whoever_gives_up_leaves(path, wait):
    """The place serves again, and those behind move up."""
    own = Queue(path, TooLate)
    with wait():
        for _ in range(3):
            with pytest.raises(TooLate), own.wait(time.monotonic() + 0.01):
                pass
    with own.wait(time.monotonic() + LONG):
        pass
    with wait():
        pass


def test_an_interrupted_wait_leaves(path, wait):
    """As by Ctrl-C."""
    own = Queue(path, TooLate)

    def interrupt():
        until(lambda: blocked(path))
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    with wait():
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt), own.wait(time.monotonic() + LONG):
            pass
        thread.join()
    with wait(), pytest.raises(TooLate), own.wait(time.monotonic() + 0.01):
        pass
    with own.wait(time.monotonic() + LONG):
        pass


def stay(path, ready):
    with Queue(path, TooLate).wait(time.monotonic() + LONG):
        ready.set()
        time.sleep(10 * LONG)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_killed_process_leaves(path, wait, is_first):
    """Whether it was first or waited."""
    ready = FORK.Event()
    worker = FORK.Process(target=stay, args=(path, ready))
    if is_first:
        worker.start()
        ready.wait()
    else:
        with wait():
            worker.start()
            until(lambda: blocked(path) == 1)
            os.kill(worker.pid, signal.SIGKILL)
            worker.join()
    if is_first:
        os.kill(worker.pid, signal.SIGKILL)
    with wait():
        assert not blocked(path)
    worker.join()


@pytest.mark.parametrize("missing", ["system", "file system", "folder"])
def test_where_there_is_no_queue_nobody_waits_for_one(tmp_path, path, monkeypatch, missing):
    def refuse(*_):
        raise OSError(errno.ENOTSUP, "not supported")

    if missing == "system":
        monkeypatch.setattr(queue, "HAS_QUEUES", False)
    if missing == "file system":
        monkeypatch.setattr(queue.fcntl, "flock", refuse)
    if missing == "folder":
        path = str(tmp_path / "none" / "s.db-queue")
    with Queue(path, TooLate).wait(time.monotonic()), Queue(path, TooLate).wait(time.monotonic()):
        pass


def test_a_writer_that_holds_the_lock_has_left_the_queue(tmp_path):
    """So the next one is ready when the lock becomes free, and those behind it do not try."""
    target = str(tmp_path / "s.db")
    with open_new(target) as study:
        study.ask()
        with study._transactions._log.transaction(write=True), Queue(f"{target}-queue", TooLate).wait(time.monotonic()):
            pass


def test_readers_do_not_queue(tmp_path):
    target = str(tmp_path / "s.db")
    with open_new(target) as study:
        study.ask()
        with Queue(f"{target}-queue", TooLate).wait(time.monotonic()):
            assert len(study.pending) == 1


def test_a_queue_that_does_not_move_is_study_busy(tmp_path, monkeypatch):
    monkeypatch.setattr("bohb.study.stores.sqlite.LOCK_SECONDS", 0.05)
    target = str(tmp_path / "s.db")
    with open_new(target) as study:
        study.ask()
        with (
            Queue(f"{target}-queue", TooLate).wait(time.monotonic()),
            pytest.raises(StudyBusy, match="another process holds it"),
        ):
            study.ask()
        assert study.ask().id == 1


def test_the_file_may_be_deleted_at_any_time(tmp_path):
    """It is empty, and a new study of the same name does not mind an old one."""
    target = tmp_path / "s.db"
    for _ in range(2):
        with open_new(target) as study, open_new(target) as other:
            study.tell(study.ask(), 0.0)
            (tmp_path / "s.db-queue").unlink()
            for one in (study, other, study):
                one.tell(trial := one.ask(), loss_of(trial))
            assert len(study.results) == 4
            assert (tmp_path / "s.db-queue").stat().st_size == 0
        target.unlink()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_closed_log_keeps_no_file_open(tmp_path):
    def opened():
        """The files of the study that this process has open, and none that the collector may close meanwhile."""
        links = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]  # noqa: PTH115
        return sorted(Path(link).name for link in links if link.startswith(str(tmp_path)))

    open_new(tmp_path / "s.db").close()
    log = SQLiteLog(str(tmp_path / "s.db"))
    with log.transaction(write=True):
        pass
    assert {"s.db", "s.db-queue"} <= set(opened())
    log.close()
    assert opened() == []


def test_an_interrupt_at_any_line_leaves_the_queue_to_others(path):
    """As Ctrl-C in a notebook, whose process goes on without another call."""
    with open_new(path.removesuffix("-queue")) as study:
        number = 1
        while is_interrupted(number, study.ask):
            other = Queue(path, TooLate)
            assert other.take(), number
            other.close()
            number += 1
    assert number > 5


def is_interrupted(number, call):
    """Interrupt a call before a line of the queue; return whether it comes to so many lines."""
    left = number

    def trace(frame, event, _):
        nonlocal left
        if Path(frame.f_code.co_filename).name != Path(queue.__file__).name:
            return None
        left -= event == "line"
        if left == 0:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False
