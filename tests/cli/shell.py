"""The command line as its users have it: as processes, and (where only the answer matters) as a call."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SPACE = {"x": {"range": [0.0, 1.0]}, "n": {"range": [1, 64], "log": True}, "kind": ["a", "b"]}
CONDITIONAL = {**SPACE, "y": {"range": [0.0, 1.0], "when": {"kind": "a"}}}


def environment(**more):
    """The environment in which `bohb` and `python3` are those of the tests, from any folder."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **more}


def bohb(*words, folder=None, code=0, timeout=600, **more):
    """Runs a command as a process; returns what it completed to."""
    done = subprocess.run(
        [sys.executable, "-m", "bohb", *map(str, words)],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def start(*words, folder=None, **options):
    """Starts a command as a process of its own session, as a terminal or a scheduler does."""
    return subprocess.Popen(
        [sys.executable, "-m", "bohb", *map(str, words)],
        cwd=folder,
        env=environment(),
        start_new_session=True,
        # Whoever starts the tests in the background ignores SIGINT, and so would all that they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        **options,
    )


def wait_for(condition, *, seconds=600.0):
    """Waits until a condition holds. The limit is for a test that hangs; a busy machine stays far below it."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def lines(text):
    """The JSON objects of a text, one a line."""
    return [json.loads(line) for line in text.splitlines()]


def make(folder, name="s.db", space=SPACE, budgets="1,3,9", seed=0, **more):
    """Creates a study in a folder; returns its path."""
    import contextlib
    import io

    from bohb.cli.main import main

    (folder / "space.json").write_text(json.dumps(space))
    words = ["create", str(folder / name), "--space", str(folder / "space.json"), "--budgets", budgets]
    words += [word for key, value in more.items() for word in (f"--{key}", str(value))]
    with contextlib.redirect_stdout(io.StringIO()):
        assert main([*words, "--seed", str(seed)]) == 0
    return str(folder / name)
