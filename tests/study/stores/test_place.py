"""A study file has one name, and its companions are those that a process opened: nothing acknowledged is lost."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import bohb
from bohb.cli.main import main
from bohb.errors import StudyBusy, StudyCorrupt, StudyMismatch, StudyUnavailable
from bohb.exchange import write_csv
from bohb.study import quick_tell
from bohb.study.stores import place, sqlite
from tests.study.common import loss_of, open_new, rows_of

WAYS = {
    "open": bohb.Study.open,
    "create": open_new,
    "tell": lambda path: quick_tell.tell(path, 0, 0.5),
    "command": lambda path: _fail_as(main(["tell", str(path), "0", "--loss", "0.5"])),
}
needs_proc = pytest.mark.skipif(not Path("/proc/self/fdinfo").exists(), reason="needs Linux's /proc")


def _fail_as(code):
    if code:
        raise StudyMismatch(f"exit code {code}")


@pytest.fixture
def target(tmp_path):
    """A study with one pending trial, which nobody has open."""
    with open_new(tmp_path / "s.db") as study:
        study.ask()
    return tmp_path / "s.db"


# One file, one name.


@pytest.mark.parametrize("way", WAYS)
def test_a_second_name_is_refused(target, way):
    """Under each of the two names, until one is gone; and nothing is written."""
    other, before = target.with_name("link.db"), target.read_bytes()
    os.link(target, other)
    for name in (target, other):
        with pytest.raises(StudyMismatch):
            WAYS[way](name)
        assert name.read_bytes() == before
    other.unlink()
    WAYS[way](target)


def test_a_second_name_of_an_open_study_is_noticed_by_both(target):
    """At the next call of whoever had it open, and at the first one of the other."""
    study = bohb.Study.open(target)
    study.tell(study.ask(), 0.25)
    os.link(target, target.with_name("link.db"))
    for act in (study.ask, lambda: study.results, lambda: bohb.Study.open(target.with_name("link.db"))):
        with pytest.raises(StudyMismatch, match="2 names"):
            act()
    target.with_name("link.db").unlink()
    assert [result.loss for result in study.results] == [0.25]
    study.close()


def test_a_draft_that_a_killed_creator_linked_is_no_second_name(target):
    """The creator was killed between giving the file its name and taking the other one away."""
    draft = target.with_name("s.db.new-bcdfghjk")
    draft.mkdir()
    os.link(target, draft / "s.db")
    with bohb.Study.open(target) as study:
        study.tell(0, 0.5)
        draft.mkdir()  # the same for a study that is open
        os.link(target, draft / "s.db")
        study.tell(study.ask(), 0.5)
    assert target.stat().st_nlink == 1
    open_new(target).close()
    assert not draft.exists()


def test_studies_open_at_the_instant_of_their_creation(tmp_path, monkeypatch):
    """Another process may open the file while it has the name of the draft too."""
    opened, publish = [], sqlite._publish

    def publish_and_look(draft, target):
        publish(draft, target)
        opened.append(len(rows_of(target)))

    monkeypatch.setattr(sqlite, "_publish", publish_and_look)
    open_new(tmp_path / "s.db").close()
    assert opened == [1]


@needs_proc
@pytest.mark.parametrize("way", WAYS)
def test_a_mount_of_the_single_file_is_refused(target, way, monkeypatch):
    mounts = {str(target): "mnt_id:\t1", str(target.parent): "mnt_id:\t2"}
    monkeypatch.setattr(place, "_mount_of", mounts.get)
    with pytest.raises(StudyMismatch):
        WAYS[way](target)
    monkeypatch.setattr(place, "_mount_of", lambda path: "mnt_id:\t1")
    WAYS[way](target)


@needs_proc
def test_a_real_mount_is_seen(target):
    """A control of the test above, where this user may mount."""
    other = target.parent / "other"
    other.mkdir()
    (other / "s.db").touch()
    code = "import sys; from bohb.study.stores import place; place.check_mount(sys.argv[1])"
    run = 'mount --bind "$1" "$2/s.db" && ! "$3" -c "$4" "$2/s.db" && umount "$2/s.db" && '
    run += 'mount --bind . "$2" && exec "$3" -c "$4" "$2/s.db"'
    words = ["unshare", "-m", "sh", "-c", run, "sh", str(target), str(other), sys.executable, code]
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("this user may not mount")
    done = subprocess.run(words, cwd=target.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "mount the folder" in done.stderr


# The files that were opened.


def _replace(path):
    path.with_name("new").write_bytes(path.read_bytes())
    path.with_name("new").replace(path)


@pytest.mark.parametrize("change", [Path.unlink, _replace])
@pytest.mark.parametrize("end", ["-wal", "-shm"])
def test_other_companions_are_an_error_before_anything_is_acknowledged(target, end, change):
    """What was acknowledged before is there afterwards."""
    study = bohb.Study.open(target)
    study.tell(0, 0.25)
    change(target.with_name(f"s.db{end}"))
    with pytest.raises(StudyCorrupt, match="replaced or deleted"):
        study.ask()
    assert [result.loss for result in study.results] == [0.25]
    study.close()


def test_a_change_within_a_call_is_an_error_of_this_call(target):
    """A commit to a file that nobody will open again is not acknowledged."""
    log = sqlite.SQLiteLog(str(target))
    with pytest.raises(StudyCorrupt, match="replaced or deleted"), log.transaction(write=True):
        target.with_name("s.db-wal").unlink()
    log.close()


def test_a_replaced_file_is_an_error_also_if_it_is_newer(target):
    study = bohb.Study.open(target)
    study.close()
    copy = target.with_name("copy.db")
    shutil.copy(target, copy)
    with bohb.Study.open(copy) as newer:
        newer.tell(0, 0.5)
    study.tell(study.ask(), 0.25)
    copy.replace(target)
    with pytest.raises(StudyCorrupt, match="replaced or deleted"):
        study.ask()


def test_rows_are_never_written_outside_of_their_transaction(target):
    """Whatever comes in place of the file in between."""
    log = sqlite.SQLiteLog(str(target))
    copy = target.with_name("copy.db")
    shutil.copy(target, copy)
    with pytest.raises(StudyCorrupt), log.transaction(write=True) as moment:
        connection = log._connection
        copy.replace(target)
        log.append([sqlite.Row(moment.last.seq + 1, "told", "{}", 0.0)])
        assert log._connection is connection
    log.close()


def _leave(target):
    """Let a process tell, and be killed before anything of it is in the file itself."""
    pid = os.fork()
    if pid == 0:
        study = bohb.Study.open(target)
        study.tell(0, 0.25)
        study.tell(study.ask(), 0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.mark.parametrize("way", [bohb.Study.open, lambda path: quick_tell.tell(path, 0, 0.5)])
def test_a_wal_that_was_deleted_after_a_crash_is_missed(target, way):
    """As long as the `-shm` is there, which says that there was more."""
    _leave(target)
    wal, kept = target.with_name("s.db-wal"), target.with_name("kept")
    wal.rename(kept)
    with pytest.raises(StudyCorrupt, match="latest events"):
        way(target)
    assert main(["verify", str(target)]) == 65
    kept.rename(wal)
    with bohb.Study.open(target) as study:
        assert [result.loss for result in study.results] == [0.25, 0.5]
    assert main(["verify", str(target)]) == 0


def test_a_closed_study_may_have_a_stale_shm(target):
    """A process that closed the file was killed between deleting its companions."""
    with bohb.Study.open(target) as study:
        study.tell(0, 0.25)
        log = study._transactions._log
        with log.transaction(write=False):
            log._connection.execute("COMMIT")
            log._connection.execute("PRAGMA wal_checkpoint")
            kept = target.with_name("s.db-shm").read_bytes()
            log._connection.execute("BEGIN")
    target.with_name("s.db-shm").write_bytes(kept)
    with bohb.Study.open(target) as study:
        assert len(study.results) == 1


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs Linux's /proc")
def test_a_file_that_moved_while_it_was_open_waits_for_its_user(target, monkeypatch):
    """Its latest events are in a companion that stayed behind."""
    monkeypatch.setattr(sqlite, "LOCK_SECONDS", 0.1)
    study = bohb.Study.open(target)
    study.tell(0, 0.25)
    away = target.with_name("away.db")
    target.rename(away)
    code = "import sys, bohb, bohb.study.stores.sqlite as s; s.LOCK_SECONDS = 0.1; bohb.Study.open(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(away)], capture_output=True, text=True)
    assert StudyBusy.__name__ in done.stderr
    with pytest.raises(StudyUnavailable, match="gone"):
        study.ask()
    away.rename(target)
    assert [result.loss for result in study.results] == [0.25]
    study.tell(trial := study.ask(), loss_of(trial))
    study.close()


# Drafts.


def test_the_drafts_of_killed_creates_are_cleaned_up(tmp_path):
    """By the next create, at whatever moment the first one was killed; and a create that is under way keeps its own."""
    target = tmp_path / "s.db"
    code = "import os, sys, signal, bohb\nfrom bohb.study.stores import sqlite\n"
    code += "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\nsetattr(sqlite, sys.argv[2], die)\n"
    code += "bohb.Study.open(sys.argv[1], {'x': (0.0, 1.0)}, [1, 3], preset='fast')"
    for moment in ("_insert", "_publish"):
        done = subprocess.run([sys.executable, "-c", code, str(target), moment], capture_output=True)
        assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("s.db.new-*"))) == 1  # the second one cleaned up after the first
    open_new(target).close()
    assert {path.name for path in tmp_path.iterdir()} <= {"s.db", "s.db-queue"}


@pytest.mark.parametrize("end", ["20261129", "20261129123456", "0", "deadbeef", "original", "backup"])
def test_a_folder_of_the_user_is_kept(tmp_path, end):
    """What is deleted is a draft, and not a folder with a date."""
    kept = [tmp_path / f"s.db.new-{end}" / "precious", tmp_path / f".bohb-{end}" / "precious"]
    for path in kept:
        path.parent.mkdir()
        path.touch()
    with open_new(tmp_path / "s.db") as study:
        write_csv(study, tmp_path / "s.csv")
    assert all(path.exists() for path in kept)


def test_a_draft_in_use_is_kept(tmp_path):
    def first(at):
        open_new(tmp_path / "s.db").close()  # somebody else is faster
        raise StudyUnavailable("no row")

    with pytest.raises(StudyUnavailable, match="no row"):
        sqlite.create(str(tmp_path / "s.db"), first)
    assert {path.name for path in tmp_path.iterdir()} <= {"s.db", "s.db-queue"}
