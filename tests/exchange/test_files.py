"""Every writer: all or nothing, never over a study or through a link, and over a file only if told to."""

import errno
import os
import sqlite3
import subprocess
import sys

import pytest

import bohb
from bohb.cli import exits
from bohb.cli.main import main
from bohb.errors import SettingError
from bohb.exchange import files, write_csv, write_hpbandster, write_json, write_optuna
from tests.cli.shell import environment

WRITERS = [write_csv, write_json, write_hpbandster, write_optuna]
TO_FILES = [write_csv, write_json, write_optuna]
OPTIONS = {write_csv: "--csv", write_json: "--json", write_hpbandster: "--hpbandster", write_optuna: "--optuna"}


def contents(folder):
    """Everything below a folder, with the targets of links; reading a study changes its shared memory."""
    return {
        str(path.relative_to(folder)): path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix != ".db-shm"
    }


def place_of(write, path):
    """The path of a file that a writer writes, if it is to write to `path`'s folder."""
    return path / "results.json" if write is write_hpbandster else path


@pytest.fixture
def result():
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0, preset="fast")
    optimizer.tell(optimizer.ask(), 0.5, checkpoint="a\udcff/\ud800")
    return optimizer


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal", "-queue"])
def test_a_study_and_its_companions_are_never_replaced(tmp_path, study, write, force, end):
    with bohb.Study.open(study) as opened:
        opened.tell(opened.ask(), 0.5)  # the companions exist while the study is open
        before = contents(tmp_path)
        with pytest.raises(SettingError, match=r"database|symbolic|folder|exists"):
            write(opened, f"{study}{end}", force=force)
        assert contents(tmp_path) == before


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("force", [False, True])
def test_a_link_is_never_followed(tmp_path, result, write, force):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "folder").mkdir()
    place = place_of(write, tmp_path / "out")
    place.parent.mkdir(exist_ok=True)
    for target in (precious, tmp_path / "nothing", tmp_path / "folder"):
        place.symlink_to(target)
        before = contents(tmp_path)
        with pytest.raises(SettingError, match="symbolic link"):
            write(result, tmp_path / "out", force=force)
        assert contents(tmp_path) == before
        place.unlink()
    if write is write_hpbandster:
        place.parent.rmdir()
        place.parent.symlink_to(tmp_path / "folder")
        with pytest.raises(SettingError, match="symbolic link"):
            write(result, tmp_path / "out", force=force)


@pytest.mark.parametrize("write", WRITERS)
def test_an_existing_file_is_replaced_with_force_only(tmp_path, result, write):
    place = place_of(write, tmp_path / "out")
    place.parent.mkdir(exist_ok=True)
    place.write_text("precious")
    place.chmod(0o640)
    os.link(place, tmp_path / "second name")
    before = contents(tmp_path)
    with pytest.raises(SettingError, match="exists"):
        write(result, tmp_path / "out")
    assert contents(tmp_path) == before
    assert write(result, tmp_path / "out", force=True) == 1
    assert place.read_bytes() != b"precious"
    assert place.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "second name").read_text() == "precious"
    assert not list(tmp_path.rglob(".bohb-*"))


@pytest.mark.parametrize("write", TO_FILES)
def test_a_pipe_or_a_folder_is_refused(tmp_path, result, write):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(SettingError, match="not a plain file"):
            write(result, tmp_path / name, force=True)
    with pytest.raises(SettingError, match="no folder"):
        write(result, tmp_path / "missing" / "out")


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("exists", [False, True])
def test_a_failure_at_every_step_leaves_what_was_there(tmp_path, result, write, exists, monkeypatch):
    place = place_of(write, tmp_path / "out")
    if exists:
        place.parent.mkdir(exist_ok=True)
        place.write_text("precious")
    before = contents(tmp_path)
    for k in range(100):
        calls = iter(range(k + 1))

        def fail_late(path, calls=calls, sync=files._sync):
            if next(calls, None) is None:
                raise OSError(errno.ENOSPC, "no space left")
            sync(path)

        with monkeypatch.context() as patched:
            patched.setattr(files, "_sync", fail_late)
            try:
                write(result, tmp_path / "out", force=True)
            except OSError:
                found = contents(tmp_path)
                assert not [name for name in found if ".bohb-" in name]
                assert place.exists() or found == before
            else:
                return
    raise AssertionError("it never worked")


@pytest.mark.parametrize("write", TO_FILES)
def test_of_many_writers_one_wins(tmp_path, study, write):
    path = tmp_path / "out"
    words = [sys.executable, "-m", "bohb", "export", study, OPTIONS[write], str(path)]
    processes = [subprocess.Popen(words, env=environment(), stderr=subprocess.DEVNULL) for _ in range(4)]
    codes = [process.wait(timeout=600) for process in processes]
    assert sorted(codes) == [exits.OK] + [exits.USAGE] * 3


@pytest.mark.parametrize("write", WRITERS)
def test_the_command_replaces_with_force_only(tmp_path, study, write):
    words = ["export", study, OPTIONS[write], str(tmp_path / "out")]
    assert [main(words), main(words), main([*words, "--force"])] == [exits.OK, exits.USAGE, exits.OK]
    assert main(["export", study, OPTIONS[write], study, "--force"]) == exits.USAGE
    assert main(["status", study]) == exits.OK


def test_a_database_of_another_program_is_not_replaced(tmp_path, result):
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE precious (x)")
    connection.close()
    for write in TO_FILES:
        with pytest.raises(SettingError, match="database"):
            write(result, tmp_path / "other.db", force=True)
