"""Real stores for the tests of the study: files, and a PostgreSQL server that the tests start and stop themselves."""

import os
import time

import pytest

from benchmarks import postgres
from tests.study.common import open_new


@pytest.fixture(scope="session")
def server():
    """The URL of a server on loopback, in a folder of its own."""
    reason = postgres.missing()
    if reason is not None:
        if os.environ.get("BOHB_REQUIRE_POSTGRES") == "1":
            pytest.fail(f"BOHB_REQUIRE_POSTGRES=1, but {reason}")
        pytest.skip(reason)
    with postgres.server() as url:
        yield url


@pytest.fixture
def database(server):
    """The URL of an empty schema on the server."""
    return postgres.new_schema(server)


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
