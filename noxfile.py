"""The checks of this project, the same for a contributor and for continuous integration.

Every session runs in the environment that nox itself is installed in and installs nothing there: set it up once with
``pip install --editable ".[dev]"``. Only `engines`, `peers` and `release` make environments of their own. What follows
``--`` is passed on: ``nox -s tests -- tests/space``.
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "tests", "docs"]

SUPPORTED = ("3.11", "3.12", "3.13", "3.14")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the fast tests, in parallel and in random order."""
    session.run(sys.executable, "-m", "pytest", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the slow tests."""
    session.run(sys.executable, "-m", "pytest", "-m", "slow and not peers", *session.posargs)


@nox.session
def engines(session: nox.Session) -> None:
    """Run the tests of Horovod, torchrun, MPI, Dask, Ray and the trackers, each in its own environment."""
    session.run(".ci/engines", *session.posargs)


@nox.session
def peers(session: nox.Session) -> None:
    """Run other libraries as optimizers of the benchmarks, each in its own environment."""
    arguments = ("-m", "peers", "tests/benchmarks", *session.posargs)
    # One process: each environment is made once, by the first test that needs it.
    session.run(sys.executable, "-m", "pytest", "-n", "0", *arguments, env={"BOHB_REQUIRE_PEERS": "1"})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and spelling."""
    session.run(sys.executable, "-m", "ruff", "check", ".")
    session.run(sys.executable, "-m", "ruff", "format", "--check", ".")
    tracked = session.run("git", "ls-files", silent=True)
    session.run(sys.executable, "-m", "codespell_lib", *str(tracked).splitlines(), silent=True)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types."""
    session.run(sys.executable, "-m", "mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; warnings are errors."""
    session.run(sys.executable, "-m", "sphinx", "-q", "-W", "-n", "-E", "-b", "html", "docs", "docs/_build/html")


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the fast tests and print which lines and branches of the package they miss."""
    session.run(sys.executable, "-m", "pytest", "--cov", "--cov-report=term-missing:skip-covered", *session.posargs)


@nox.session
def release(session: nox.Session) -> None:
    """Build the package, check the wheel, and use it on every supported Python (or those named) that is installed."""
    with tempfile.TemporaryDirectory() as folder:
        session.run(sys.executable, "-m", "build", "--outdir", f"{folder}/dist", silent=True)
        [wheel] = Path(folder, "dist").glob("*.whl")
        _check_contents(session, wheel)
        for version in session.posargs or SUPPORTED:
            interpreter = _find_interpreter(version)
            if interpreter is None:
                session.warn(f"Python {version} is not installed: left out")
                continue
            home = Path(folder, version)
            session.run(interpreter, "-m", "venv", str(home))
            python, program = home / "bin" / "python", Path(".ci", "use_wheel.py").resolve()
            session.run(str(python), "-m", "pip", "install", "--quiet", str(wheel))
            session.run(str(python), str(program), env={"BOHB_EXPECTED_HOME": str(home)})


def _check_contents(session: nox.Session, wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    foreign = [name for name in names if not name.startswith("bohb/") and ".dist-info/" not in name]
    if foreign:
        session.error(f"expected only the package in the wheel, got also {', '.join(foreign)}")
    for needed in ("bohb/py.typed", "LICENSE", "entry_points.txt"):
        if not any(name.endswith(needed) for name in names):
            session.error(f"expected {needed} in the wheel, got {len(names)} files without it")
    session.log(f"{wheel.name}: {len(names)} files, all of the package")


def _find_interpreter(version: str) -> str | None:
    """Return a Python of this version that runs, from PATH or from pyenv, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [f"python{version}", *map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python")))]
    for candidate in candidates:
        try:
            # A shim of pyenv may be on PATH and fail, and a system's Python may come without venv.
            subprocess.run([candidate, "-c", "import ensurepip, venv"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    return None
