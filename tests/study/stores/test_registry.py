"""Which store a target means."""

import os
import subprocess
import sys

import pytest

import bohb
from bohb._secrets import shown
from bohb.errors import SettingError, StudyMismatch, StudyUnavailable
from bohb.study import quick_tell
from bohb.study.stores import register, registry, sqlite
from bohb.study.stores.registry import canonical


class Renamed:
    """The SQLite store under a scheme: what follows `://` is the path."""

    def open_log(self, target):
        return sqlite.open_log(target.partition("://")[2])

    def create(self, target, first):
        sqlite.create(target.partition("://")[2], first)


@pytest.fixture
def scheme(monkeypatch):
    monkeypatch.setattr(registry, "_stores", dict(registry._stores))
    register("test+files", Renamed())
    return "test+files"


def test_a_registered_scheme_is_a_target_everywhere(tmp_path, scheme):
    target = f"{scheme}://{tmp_path}/s.db"
    with bohb.Study.open(target, {"x": (0.0, 1.0)}, [1, 3], seed=0) as study:
        trial = study.ask()
        assert quick_tell.tell(target, trial.id, 0.5).loss == 0.5
        assert study.results[0].loss == 0.5
        assert study.target == canonical(target) == target
    with bohb.Study.open(tmp_path / "s.db") as study:
        assert len(study.results) == 1


def test_an_unknown_scheme_lists_the_registered_ones(scheme):
    with pytest.raises(StudyMismatch, match=r"postgres://, postgresql://, test\+files://.*got 'redis://host'"):
        bohb.Study.open("redis://host")


@pytest.mark.parametrize("target", ["", "a\0b", b"bytes.db"])
def test_a_target_is_a_path_or_a_url(target):
    with pytest.raises(StudyMismatch, match="expected a path"):
        canonical(target)


def test_a_path_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert canonical("s.db") == os.path.join(tmp_path, "s.db")  # noqa: PTH118


@pytest.mark.parametrize("scheme", ["", "Redis", "redis://", "1st", None])
def test_an_invalid_scheme_is_refused(scheme):
    with pytest.raises(SettingError, match="expected a scheme"):
        register(scheme, Renamed())


def test_a_store_without_its_functions_is_refused():
    with pytest.raises(SettingError, match="without open_log and create"):
        register("nothing", object())


def test_a_url_is_shown_without_its_password():
    assert shown("postgresql://me:secret@host/db") == "host/db"
    assert shown("/home/me@work/s.db") == "/home/me@work/s.db"


def test_a_missing_study_is_reported_without_the_password(monkeypatch, scheme):
    monkeypatch.setattr(Renamed, "open_log", lambda self, target: None)
    for act in (bohb.Study.open, lambda target: quick_tell.tell(target, 0, 1.0)):
        with pytest.raises(StudyUnavailable, match="host/db") as caught:
            act(f"{scheme}://me:secret@host/db")
        assert "secret" not in str(caught.value)


def test_a_store_is_loaded_when_a_target_needs_it():
    code = (
        "import sys; from bohb.study.stores.registry import open_log; open_log('/no/study.db'); "
        "print(sorted(name for name in sys.modules if name.startswith('bohb.study.stores.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "sqlite" in done.stdout
    assert "postgres" not in done.stdout


def test_the_url_of_a_file_is_the_file(tmp_path, monkeypatch):
    """As SQLAlchemy and Optuna write it: three slashes before a relative path, four before an absolute one."""
    monkeypatch.chdir(tmp_path)
    with bohb.Study.open("sqlite:///s.db", {"x": (0.0, 1.0)}, [1, 3], seed=0) as study:
        trial = study.ask()
    assert (tmp_path / "s.db").exists()
    assert quick_tell.tell(f"sqlite:///{tmp_path}/s.db", trial.id, 0.5).loss == 0.5
    with bohb.Study.open(tmp_path / "s.db") as study:
        assert len(study.results) == 1
    for nothing in ("sqlite:///", "sqlite://", "sqlite://host/s.db"):
        with pytest.raises(StudyMismatch, match="expected a path"):
            canonical(nothing)


def test_a_process_whose_folder_was_deleted_is_told_so(tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(StudyUnavailable, match=r"(?s)s\.db.*folder in which this process works was deleted"):
        canonical("s.db")
    assert canonical(f"{tmp_path}/s.db") == f"{tmp_path}/s.db"
