"""Tasks in processes of their own, which may die of them."""

import os
import signal
import traceback
from collections.abc import Callable
from typing import NamedTuple

Say = Callable[[object], None]
"""Sends a line to the parent, at once."""

_BY_SIGNAL: dict[int, str] = {signal.SIGKILL: "killed", signal.SIGALRM: "stuck"}


class End(NamedTuple):
    """How a task ended.

    Attributes:
        how: "done", "killed", "failed" or "stuck".
        lines: What it said. The last line of a task that failed is its error.
    """

    how: str
    lines: list[str]


class Fork:
    """A process that runs a task.

    Args:
        task: What it does.
        seconds: After which it counts as stuck.
    """

    def __init__(self, task: Callable[[Say], None], seconds: int = 120) -> None:
        self.pipe, send = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(send)
        else:
            _play(task, send, seconds)

    def wait(self) -> End:
        """Wait for its end."""
        with os.fdopen(self.pipe, "rb") as pipe:
            text = pipe.read().decode()
        return End(self.ended(), text.split("\n")[:-1])

    def ended(self) -> str:
        """Wait, and return how it ended."""
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            return _BY_SIGNAL.get(os.WTERMSIG(status), "failed")
        return "failed" if status else "done"


def _play(task: Callable[[Say], None], send: int, seconds: int) -> None:
    """Run the task in the child, and leave without what the parent would do at its own end."""
    code = 1
    try:
        signal.alarm(seconds)
        task(lambda line: _write(send, line))
        code = 0
    except BaseException:
        _write(send, traceback.format_exc().replace("\n", " | "))
    finally:
        os._exit(code)


def _write(send: int, line: object) -> None:
    os.write(send, f"{line}\n".encode())
