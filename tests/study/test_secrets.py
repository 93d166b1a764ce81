"""No secret is shown: a sweep over the public calls and commands, over the places of secrets, and over failures."""

import copy
import logging
import os
import pickle
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bohb
from bohb._secrets import looks_like_address, redacted, refused, shown, without_secrets
from bohb.cli.main import main
from bohb.errors import BohbError, StudyMismatch
from bohb.study import quick_tell
from bohb.study.stores.registry import canonical
from tests.cli.shell import environment
from tests.study.common import BUDGETS, SPACE, open_new

SECRET = "s3cret-Hunter2"  # noqa: S105
TOKENS = st.text("abcXYZ0189-._~", min_size=8, max_size=20)

ADDRESSES = [
    # Each is made to fail: nothing listens at port 1, and most have a form that is not ours.
    f"postgresql://me:{SECRET}@127.0.0.1:1/none",
    f"postgres://{SECRET}@127.0.0.1:1/none",
    f"postgresql://127.0.0.1:1/none?password={SECRET}",
    f"postgresql://127.0.0.1:1/none?user=me&password={SECRET}&sslmode=disable",
    f"postgresql://127.0.0.1:1/none?user={SECRET}",
    f"postgresql://127.0.0.1:1/none?sslpassword={SECRET}",
    f"postgresql://127.0.0.1:1/none?password={SECRET}@more",
    f"postgresql://127.0.0.1:1/none?passwrd={SECRET}",
    f"postgresql://127.0.0.1:1/none?{SECRET}",
    f"postgresql://me:{SECRET}@127.0.0.1:1,127.0.0.1:2/none",
    f"postgresql://me:{SECRET}@[::1]:1/none",
    f"postgresql://me:{SECRET}%40@127.0.0.1:1/none",
    f"postgresql://me:{SECRET}%@127.0.0.1:1/none",
    f"postgresql://me:{SECRET}%zz@127.0.0.1:1/none",
    f"postgresql://me:{SECRET}%00@127.0.0.1:1/none",
    f"postgresql://me:a@{SECRET}@127.0.0.1:1/none",
    f"postgresql://me:a/{SECRET}@127.0.0.1:1/none",
    f"postgresql://me:a?{SECRET}@127.0.0.1:1/none",
    f"postgresql://me:{SECRET}",
    f"postgresql://me:{SECRET}/none",
    f"postgresql://me:my {SECRET}@127.0.0.1:1/none",
    f"postgresql+psycopg://me:{SECRET}@127.0.0.1:1/none",
    f"POSTGRESQL://me:{SECRET}@127.0.0.1:1/none",
    f"Postgres://me:{SECRET}@127.0.0.1:1/none",
    f" postgresql://me:{SECRET}@127.0.0.1:1/none",
    f"postgresql:/me:{SECRET}@127.0.0.1:1/none",
    f"postgresql:me:{SECRET}@127.0.0.1",
    f"jdbc:postgresql://127.0.0.1:1/none?password={SECRET}",
    f"mysql://me:{SECRET}@127.0.0.1/none",
    f"host=127.0.0.1 port=1 password={SECRET}",
    f"host=127.0.0.1 port=1 password='my {SECRET}'",
    f"password = {SECRET} host=127.0.0.1",
    f"dbname=x user=me passfile=/x\npassword={SECRET}",
    Path(f"postgresql://me:{SECRET}@127.0.0.1:1/none"),
]

CALLS = {
    "open": bohb.Study.open,
    "create": lambda target: bohb.Study.open(target, SPACE, BUDGETS, seed=0),
    "quick tell": lambda target: quick_tell.tell(target, 0, 1.0),
    "canonical": lambda target: canonical(target) and bohb.Study.open(target),
}
COMMANDS = [
    ("create", "STUDY", "--space", "space.json", "--budgets", "1,3"),
    ("create", "STUDY", "--space", "space.json", "--budgets", "1,3", "--json"),
    *((name, "STUDY") for name in ("ask", "status", "best", "trials", "plan", "health", "report", "verify")),
    ("status", "STUDY", "--json"),
    ("tell", "STUDY", "0", "--loss", "1"),
    ("fail", "STUDY", "0"),
    ("heartbeat", "STUDY", "0"),
    ("release", "STUDY", "0"),
    ("explain", "STUDY", "0"),
    ("enqueue", "STUDY", "--config", "{}"),
    ("observe", "STUDY", "--config", "{}", "--budget", "1", "--loss", "1"),
    ("run", "STUDY", "--max-trials", "1", "--", "echo", "1"),
    ("import", "STUDY", "--hpbandster", "."),
    ("export", "STUDY", "--csv", "out.csv"),
    # In the wrong place:
    ("STUDY",),
    ("tell", "STUDY", "STUDY", "--loss", "1"),
    ("tell", "s.db", "0", "--loss", "STUDY"),
    ("run", "s.db", "STUDY"),
    ("create", "s.db", "--space", "STUDY", "--budgets", "1,3"),
    ("create", "s.db", "--space", "space.json", "--budgets", "STUDY"),
    ("export", "STUDY", "--json", "STUDY"),
    ("ask", "s.db", "--study=STUDY"),
]


def code_of(words):
    try:
        return main(words)
    except SystemExit as end:
        return end.code


def chain(error):
    """An error and all that it came from."""
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen


def everything(error):
    """All that an error shows, in whatever way it is looked at."""
    texts = ["".join(traceback.format_exception(error))]
    for one in chain(error):
        texts += [str(one), repr(one), repr(one.args), repr(vars(one)), repr(getattr(one, "pgconn", None))]
        texts.append(repr(getattr(getattr(one, "pgconn", None), "info", None)))
        texts.append(pickle.dumps(one).decode("latin-1"))
    return without_source("\n".join(texts))


def without_source(text):
    """A text without this file's own lines, which a traceback shows."""
    return "\n".join(line for line in text.splitlines() if "SECRET" not in line)


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.json").write_text('{"x": {"range": [0, 1]}}')
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("act", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("target", ADDRESSES, ids=range(len(ADDRESSES)))
def test_no_call_shows_a_secret(target, act, tmp_path, capfd, caplog):
    pytest.importorskip("psycopg")
    before = set(tmp_path.iterdir())
    with pytest.raises(BohbError) as caught:
        act(target)
    assert SECRET not in everything(caught.value)
    assert SECRET not in caplog.text
    assert SECRET not in "".join(capfd.readouterr())
    assert set(tmp_path.iterdir()) == before, "an address is no file name"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_shows_a_secret(words, tmp_path, capfd, caplog):
    pytest.importorskip("psycopg")
    for target in map(str, ADDRESSES):
        assert code_of([word.replace("STUDY", target) for word in words]) != 0
        printed = capfd.readouterr()
        assert SECRET not in printed.out + printed.err, target
        assert "bohb" in printed.err
        assert SECRET not in caplog.text


@pytest.fixture
def refusing(server, monkeypatch, tmp_path):
    """Targets at a real server that refuses each in another way, with the secret wherever libpq reads one."""
    import psycopg

    address = server.removeprefix("postgresql://bohb@")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bohb_events")
        connection.execute("CREATE TABLE bohb_events (other int)")
    monkeypatch.setenv("PGPASSWORD", SECRET)
    (tmp_path / "services").write_text(f"[mine]\nuser=nobody\npassword={SECRET}\n[broken\npassword={SECRET}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    host = address.partition("/")[0]
    yield [
        f"postgresql://{SECRET}@{address}",  # no such role
        f"postgresql://bohb:{SECRET}@{host}/nothing",  # no such database
        f"postgresql://bohb:{SECRET}@{address}",  # another table
        f"postgresql://{address}?user={SECRET}&password={SECRET}",
        f"postgresql://{address}?service=mine",
        f"postgresql://{address}?service=broken",
        f"postgresql://{address}?service=missing",
        f"postgresql://bohb:{SECRET}@{address}?sslmode=nonsense",
        f"postgresql://bohb:{SECRET}@{address}?sslmode=require",
        f"postgresql://bohb:{SECRET}@{address}?options=-cnonsense%3D1",
    ]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP TABLE bohb_events")


def test_no_secret_comes_back_from_a_server(refusing, capfd, caplog):
    for target in refusing:
        for act in CALLS.values():
            with pytest.raises(BohbError) as caught:
                act(target)
            assert SECRET not in everything(caught.value), target
        assert main(["status", target]) != 0
        assert SECRET not in "".join(capfd.readouterr()), target
        assert SECRET not in caplog.text, target


def test_a_study_shows_no_secret_while_it_works(database, capfd, caplog):
    import psycopg

    target = database.replace("bohb@", f"bohb:{SECRET}@")
    with open_new(target) as study:
        trial = study.ask()
        for text in (repr(study), study.target, pickle.dumps(study).decode("latin-1"), str(study.snapshot())):
            assert SECRET not in text
        for again in (pickle.loads(pickle.dumps(study)), copy.deepcopy(study)):
            assert again.heartbeat(trial) is True
            again.close()
        assert main(["status", target]) == main(["status", target, "--json"]) == 0
        assert main(["create", target, "--space", "space.json", "--budgets", "1,3"]) != 0
        with psycopg.connect(database, autocommit=True) as connection:
            others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
            connection.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
        with pytest.raises(BohbError) as caught:
            study.tell(trial, 0.5)
        assert SECRET not in everything(caught.value)
    assert SECRET not in "".join(capfd.readouterr())
    assert SECRET not in caplog.text


def test_no_process_of_a_run_shows_its_arguments(tmp_path):
    """`ps` shows the arguments of all processes to everybody."""
    code = (
        "import bohb, pathlib; study = bohb.Optimizer({'x': (0.0, 1.0)}, [1], seed=0); "
        "shown = lambda trial: {'loss': 1, 'info': {'shown': pathlib.Path('/proc/self/cmdline').read_text()}}; "
        "bohb.run(shown, study, workers=2, max_trials=1, progress=False); print(study.results[0].info['shown'])"
    )
    words = [sys.executable, "-c", code, f"postgresql://me:{SECRET}@host/x"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=environment(), timeout=600)
    assert done.returncode == 0, done.stderr
    assert "worker_main" in done.stdout
    assert SECRET not in done.stdout


def test_an_unexpected_error_shows_no_secret(monkeypatch, capsys):
    def fail(*_, **__):
        raise RuntimeError(f"cannot reach postgresql://me:{SECRET}@host/x with password='{SECRET}'")

    monkeypatch.setattr(bohb.Study, "open", fail)
    assert main(["status", "s.db"]) == 70
    assert SECRET not in without_source(capsys.readouterr().err)


@given(TOKENS, TOKENS)
def test_a_url_is_shown_without_its_secrets(user, password):
    url = f"postgresql://{user}:{password}@host:5432/db?options=-csearch_path%3Dmine&password={password}"
    assert shown(url) == "host:5432/db?options=-csearch_path%3Dmine"
    assert without_secrets(url) == f"postgresql://{user}@host:5432/db?options=-csearch_path%3Dmine"
    assert password not in redacted(f"it is {url}!")


@given(st.text(max_size=40))
def test_every_text_has_a_form_to_show(text):
    assert isinstance(shown(text), str)
    assert isinstance(refused(text), str)
    assert without_secrets(without_secrets(text)) == without_secrets(text)
    assert isinstance(redacted(text), str)


@pytest.mark.parametrize("name", ["s.db", "host.db", "a=b.db", "lr=0.1/s.db", "./user=me.db", "C:\\s.db", "12:30.db"])
def test_the_name_of_a_file_is_no_address(name):
    assert not looks_like_address(name)
    assert canonical(name) == os.path.abspath(name)  # noqa: PTH100


def test_a_file_that_is_named_like_an_address_needs_a_folder():
    with pytest.raises(StudyMismatch, match=r"\./ before the name"):
        canonical("user=me.db")
