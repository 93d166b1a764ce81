"""Real stores for the tests of the study: files, and a PostgreSQL server that the tests start and stop themselves."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.study.common import open_new

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def as_owner(*command: object) -> list[str]:
    """The command as a user that the server accepts: it refuses root."""
    words = [str(word) for word in command]
    return ["runuser", "-u", "postgres", "--", *words] if os.geteuid() == 0 else words


def missing() -> str | None:
    """Why there is no PostgreSQL here, or None."""
    if not BINARIES and shutil.which("initdb") is None:
        return "PostgreSQL is not installed (apt-get install postgresql)"
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        return f"psycopg is not installed ({error})"
    return None


@pytest.fixture(scope="session")
def server():
    """The URL of a server on loopback, in a folder of its own."""
    reason = missing()
    if reason is not None:
        if os.environ.get("BOHB_REQUIRE_POSTGRES") == "1":
            pytest.fail(f"BOHB_REQUIRE_POSTGRES=1, but {reason}")
        pytest.skip(reason)
    binaries = BINARIES[-1] if BINARIES else Path(shutil.which("initdb")).parent
    folder = Path(tempfile.mkdtemp(prefix="bohb-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data, options = folder / "data", f"-h 127.0.0.1 -p {port} -k {folder} -c max_connections=100"

    def run(*command):
        subprocess.run(as_owner(*command), check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=600)

    try:
        run(binaries / "initdb", "-D", data, "-A", "trust", "-U", "bohb", "-E", "UTF8")
        run(binaries / "pg_ctl", "-D", data, "-l", folder / "log", "-o", options, "-w", "start")
        try:
            yield f"postgresql://bohb@127.0.0.1:{port}/postgres"
        finally:
            run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(server):
    """The URL of an empty schema on the server."""
    import psycopg

    schema = f"study_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return f"{server}?options=-csearch_path%3D{schema}"


@pytest.fixture(params=["sqlite", "postgres"])
def target(request, tmp_path):
    """A new target, of either store."""
    return str(tmp_path / "study.db") if request.param == "sqlite" else request.getfixturevalue("database")


@pytest.fixture
def clock(monkeypatch):
    """The clock of the host, which the test sets."""

    class Clock:
        now = time.time()

        def __call__(self):
            return self.now

    hands = Clock()
    monkeypatch.setattr("bohb.study.stores.sqlite.time.time", hands)
    return hands


@pytest.fixture
def study(tmp_path):
    with open_new(tmp_path / "s.db") as one:
        yield one
