"""A PostgreSQL server of one's own on loopback, in a folder of its own, for as long as it is needed."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
NUM_TRIES = 9
"""How many ports are tried."""


def missing() -> str | None:
    """Return why there is no PostgreSQL here, or None."""
    if not BINARIES and shutil.which("initdb") is None:
        return "PostgreSQL is not installed (apt-get install postgresql)"
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        return f"psycopg is not installed ({error})"
    return None


@contextmanager
def server() -> Iterator[str]:
    """Start a server and yield the URL of its database; stop it afterwards."""
    binaries = BINARIES[-1] if BINARIES else Path(shutil.which("initdb") or "").parent
    folder = Path(tempfile.mkdtemp(prefix="bohb-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    data = folder / "data"

    def run(*command: object) -> None:
        subprocess.run(_as_owner(*command), check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=600)

    def start() -> int:
        """Start the server, and return its port. A socket of Unix would not fit into a folder with a long name."""
        for tries_left in reversed(range(NUM_TRIES)):
            port, log = _free_port(), folder / f"log-{tries_left}"
            options = f"-h 127.0.0.1 -p {port} -c unix_socket_directories= -c max_connections=100"
            try:
                run(binaries / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "-t", "500", "start")
            except subprocess.CalledProcessError:
                if not tries_left or "Address already in use" not in log.read_text():
                    raise
            else:
                return port
        raise AssertionError("the last try returns or raises")

    try:
        # The locale of the user may be one that the host lacks, or may not go with the encoding.
        run(binaries / "initdb", "-D", data, "-A", "trust", "-U", "bohb", "-E", "UTF8", "--no-locale")
        port = start()
        try:
            yield f"postgresql://bohb@127.0.0.1:{port}/postgres"
        finally:
            run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "-t", "500", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    """Return a free port. Another process may take it before the caller does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def new_schema(url: str) -> str:
    """Make an empty schema in the database, and return its URL."""
    import psycopg

    schema = f"s{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return f"{url}?options=-csearch_path%3D{schema}"


def _as_owner(*command: object) -> list[str]:
    """Return the command as a user that the server accepts: it refuses root."""
    words = [str(word) for word in command]
    return ["runuser", "-u", "postgres", "--", *words] if os.geteuid() == 0 else words
