"""Where the searches keep what they know: a new place in each store, and what is missing to have one."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import postgres
from tests.campaign import searches
from tests.campaign.searches import Careless, Optunas, Ours, Search


class Place(NamedTuple):
    """A new place in a store.

    Attributes:
        search: Makes a search there. Whoever opens it first creates it.
        prefix: What the files begin with that belong to it; "socket:" if that is a connection.
    """

    search: Callable[[], Search]
    prefix: str


class Store(NamedTuple):
    """A kind of place.

    Attributes:
        make: Makes a search, given a path or a URL.
        scheme: What the URL begins with, if it is a database; else "", and it is a file.
    """

    make: Callable[[str], Search]
    scheme: str = ""

    @property
    def is_served(self) -> bool:
        """Whether a server keeps it."""
        return self.scheme.startswith("postgresql")


STORES = {
    "bohb, SQLite": Store(Ours),
    "bohb, PostgreSQL": Store(Ours, "postgresql"),
    "Optuna, SQLite": Store(Optunas, "sqlite"),
    "Optuna, journal": Store(Optunas),
    "Optuna, PostgreSQL": Store(Optunas, "postgresql+psycopg"),
    "control, a JSON file": Store(Careless),
}


def missing(store: Store) -> str | None:
    """Return why there can be no such place here, or None."""
    reasons = [searches.missing() if store.make is Optunas else None, postgres.missing() if store.is_served else None]
    return next(filter(None, reasons), None)


@contextmanager
def new_place(store: Store, server: str | None) -> Iterator[Place]:
    """Make a place, and remove it afterwards."""
    with ExitStack() as stack:
        if store.is_served:
            assert server is not None
            url = stack.enter_context(_schema(server)).replace("postgresql", store.scheme, 1)
            yield Place(partial(store.make, url), "socket:")
            return
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bohb-campaign-"))
        path = f"{folder}/s.db"
        yield Place(partial(store.make, f"{store.scheme}:///{path}" if store.scheme else path), folder)


@contextmanager
def _schema(server: str) -> Iterator[str]:
    import psycopg

    url = postgres.new_schema(server)
    yield url
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {url.rpartition('%3D')[2]} CASCADE")


def restart(server: str) -> None:
    """Restart a PostgreSQL server of ours, without letting anybody finish."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        found = connection.execute("SHOW data_directory").fetchone()
    assert found is not None
    binaries = postgres.BINARIES[-1] if postgres.BINARIES else Path()
    command = postgres._as_owner(binaries / "pg_ctl", "-D", found[0], "-m", "immediate", "-w", "restart")
    subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
