"""One virtual environment per peer, because their requirements conflict with one another and with ours.

An environment is created once, under `${XDG_CACHE_HOME:-~/.cache}/bohb/peers`. Its name depends on its requirements, so
changed requirements give a new environment.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

CONFIG_SPACE = "ConfigSpace==1.2.2"

REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    # On numpy 2 HpBandSter's own network breaks; the parts driven here would run, but not as its authors ran them.
    "hpbandster": ("hpbandster==0.7.4", "numpy==1.26.4", "statsmodels==0.15.0", CONFIG_SPACE),
    "optuna": ("optuna==5.0.0", CONFIG_SPACE),
    "optuna-gp": ("optuna==5.0.0", "torch==2.13.0", "scipy==1.17.1", CONFIG_SPACE),
    "smac": ("smac==2.4.1", CONFIG_SPACE),
    "dehb": ("DEHB==0.1.2", "numpy==1.26.4", CONFIG_SPACE),
    "syne-tune": ("syne-tune==0.16.0", CONFIG_SPACE),
    "blackboxopt": ("blackboxopt[bohb]==5.3.8", CONFIG_SPACE),
    # Not a peer of the protocol: benchmarks.population trains in it, with both libraries.
    "population": (
        "torch==2.13.0",
        "ray[tune]==2.60.0",
        "gymnasium==1.4.0",
        "scikit-learn==1.9.1",
        "scipy==1.17.1",
        CONFIG_SPACE,
    ),
    # Nor is this one: benchmarks.trainings trains in it.
    "trainings": ("torch==2.13.0", "scikit-learn==1.9.1", "scipy==1.17.1", "statsmodels==0.15.0", CONFIG_SPACE),
    "neps": ("neural-pipeline-search==0.17.0", "torch==2.13.0", CONFIG_SPACE),
    "ax": ("ax-platform==1.3.1", "torch==2.13.0", CONFIG_SPACE),
    # It needs numpy below 1.25. The rest is pinned because pip does not find versions that fit in fifteen minutes.
    "hebo": (
        *("HEBO==0.3.6", "torch==2.13.0", "numpy==1.24.4", "scipy==1.11.4", "scikit-learn==1.4.2", "pandas==2.2.3"),
        *("matplotlib==3.8.4", "GPy==1.13.2", CONFIG_SPACE),
    ),
    # The last release with model-based schedulers for several budgets.
    "syne-tune-0.13": ("syne-tune[gpsearchers]==0.13.0", CONFIG_SPACE),
}
"""The requirements of each environment."""


class EnvironmentFailed(RuntimeError):
    """A peer could not be installed. The message ends with the output of pip."""


def python_of(name: str) -> Path:
    """Return where the interpreter of an environment is, or will be."""
    return _directory(name) / "bin" / "python"


def is_ready(name: str) -> bool:
    """Return whether the environment is complete."""
    return _freeze(name).exists()


def ensure(name: str) -> Path:
    """Create the environment if it does not exist; a second process waits for the first.

    Args:
        name: One of `REQUIREMENTS`.

    Returns:
        Its interpreter.

    Raises:
        ValueError: If there is no such environment.
        EnvironmentFailed: If it cannot be created.
    """
    directory = _directory(name)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_ready(name):
            _make(name, directory)
    return python_of(name)


def _make(name: str, directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)  # an unfinished one, left by a process that died
    python = str(python_of(name))
    _run(name, [sys.executable, "-m", "venv", str(directory)])
    _run(name, [python, "-m", "pip", "install", "--quiet", "--no-input", *REQUIREMENTS[name]])
    _freeze(name).write_text(_run(name, [python, "-m", "pip", "freeze"]), encoding="utf-8")


def _run(name: str, command: list[str]) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise EnvironmentFailed(
            f"the environment of {name} cannot be created: {' '.join(command)}\n{done.stderr[-4000:]}"
        )
    return done.stdout


def _freeze(name: str) -> Path:
    """Return the file that is written last: everything installed, with versions."""
    return _directory(name) / "installed.txt"


def _directory(name: str) -> Path:
    if name not in REQUIREMENTS:
        raise ValueError(f"expected the environment of a peer, one of {', '.join(REQUIREMENTS)}, got {name!r}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    wanted = "\n".join((platform.python_version(), *REQUIREMENTS[name]))
    key = hashlib.blake2b(wanted.encode(), digest_size=5).hexdigest()
    return cache / "bohb" / "peers" / f"{name}-{key}"


def main() -> None:
    """Create the named environments, or all of them, and print one line for each."""
    for name in sys.argv[1:] or REQUIREMENTS:
        try:
            sys.stdout.write(f"{name}: {ensure(name)}\n")
        except EnvironmentFailed as error:
            sys.stdout.write(f"{name}: {error}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
