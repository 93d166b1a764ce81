"""A worker process as its parent sees it: start it, send it a call, wait for the reply, end it with all it started.

The process is started with `subprocess` and talks over `multiprocessing.connection`. `multiprocessing.Process` does not
fit. It imports the user's main script again, so it needs `if __name__ == "__main__"` and fails in `python -c` and in
notebooks. It does not work in a worker that is a daemon. And it sets neither the environment nor the process group
before Python starts, which is when BLAS and CUDA read them.

The process has a group of its own but not a session: Linux divides the processor by sessions first, so on a busy
machine a worker in its own session would wait for its turn between any two trials.
"""

import math
import os
import pickle
import secrets
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from bohb.errors import SettingError, WorkerLost
from bohb.runner.signals import name_of
from bohb.runner.workers import process_tree, streams
from bohb.runner.workers.pickling import unpack_reply

GRACE_SECONDS = 3.0
"""Between SIGTERM and SIGKILL."""
WORKER_VARIABLE = "BOHB_WORKER"
"""The variable that a worker and all that it starts have in their environment, with a value for each worker."""
BOOTSTRAP = (
    "import sys; from multiprocessing.connection import Connection; pipe, output = sys.argv[1:]; "
    "pipe = Connection(int(pipe)); sys.path[:], sys.argv[:] = pipe.recv(); "
    "from bohb.runner.workers.worker_main import main; main(pipe, output or None)"
)
"""What a worker runs first: it takes over this program's import path and arguments, as `multiprocessing` does.

They come through the pipe. Everybody can see the arguments of a process, and ours may hold a password.
"""


class WorkerProcess:
    """One worker process, the leader of a process group.

    Call `interrupt` from any thread, and everything else from one thread.

    Args:
        environment: Variables to set in addition to the parent's environment.
        output: The folder for the output of calls that name no other.
        grace: Seconds between SIGTERM and SIGKILL.

    Raises:
        SettingError: If this system has no process groups.
    """

    def __init__(
        self, *, environment: Mapping[str, str] | None = None, output: Path | None = None, grace: float = GRACE_SECONDS
    ) -> None:
        if os.name != "posix":
            raise SettingError(
                "expected a POSIX system, whose process groups end a trial with all it started; on this one pass a "
                "concurrent.futures.ProcessPoolExecutor, without trial_seconds"
            )
        streams.reserve()  # a pipe in place of a closed stdout would receive what trials print
        self._pipe, theirs = Pipe()
        self._mark = secrets.token_hex(8)
        arguments = [str(theirs.fileno()), "" if output is None else str(output)]
        self._process = subprocess.Popen(  # noqa: S603  (this interpreter and our own code)
            [sys.executable, "-c", BOOTSTRAP, *arguments],
            pass_fds=[theirs.fileno()],
            env={**os.environ, **(environment or {}), WORKER_VARIABLE: self._mark},
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        theirs.close()
        with suppress(OSError):  # it ended already, which the first call will see
            self._pipe.send([sys.path, sys.argv])
        self._ended = os.pidfd_open(self._process.pid) if hasattr(os, "pidfd_open") else None
        self._poll = select.poll()
        for descriptor in (self._pipe.fileno(), self._ended):
            if descriptor is not None:
                self._poll.register(descriptor, select.POLLIN)
        self._grace = grace
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._outsiders: list[process_tree.ProcessInfo] = []
        self._is_gone = False
        self._token: int | None = None
        self.is_interrupted = False

    @property
    def pid(self) -> int:
        """The id of the process and of its group."""
        return self._process.pid

    def send(self, token: int, packed: bytes, arguments: bytes) -> None:
        """Send a call; the function is sent once per token.

        Raises:
            WorkerLost: If the process is dead.
        """
        message = (token, None if token == self._token else packed, arguments)
        try:
            self._pipe.send_bytes(pickle.dumps(message))
        except OSError as error:
            raise self._lost() from error
        self._token = token

    def receive(self, *, timeout: float | None = None) -> tuple[str, Any, bool] | None:
        """Return the reply: its kind, its value, and whether the call left processes running; None after the timeout.

        Raises:
            WorkerLost: If the process died instead.
        """
        if not self._wait(timeout):
            return None
        try:
            if not self._pipe.poll():
                raise self._lost()
            packed = self._pipe.recv_bytes()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        kind, value, is_littered = unpack_reply(packed, True)
        return kind, value, is_littered

    def interrupt(self) -> None:
        """Send SIGTERM to the process and all it started, and SIGKILL after the grace; do not wait."""
        with self._lock:
            if self._is_gone or self.is_interrupted:
                return
            self.is_interrupted = True
            # Descendants that left the group can be found only while their parents live.
            self._outsiders = [process for process in process_tree.descendants(self.pid) if process.group != self.pid]
            self._signal(signal.SIGTERM)
            self._timer = threading.Timer(self._grace, self._kill_late)
            self._timer.daemon = True
            self._timer.start()

    def wait_for_end(self) -> None:
        """Wait until an interrupted process is dead, and kill what it left behind."""
        self._is_dead(timeout=self._grace)
        self.kill()

    def stop(self) -> None:
        """Let an idle process exit by itself, and kill what it left behind."""
        with suppress(OSError):
            self._pipe.send_bytes(pickle.dumps(None))
        self._is_dead(timeout=self._grace)
        self.kill()

    def kill(self) -> None:
        """Kill the process and everything it is known to have started; return when they are gone."""
        with self._lock:
            if self._is_gone:
                return
            # The group is signalled before its leader is reaped: until then no other process can have its id.
            self._signal(signal.SIGKILL)
            self._is_gone = True
            if self._process.wait() != 0:  # it could not end what left its group
                process_tree.kill_all(partial(process_tree.marked, WORKER_VARIABLE, self._mark))
        if self._timer is not None:
            self._timer.cancel()
        until = time.monotonic() + process_tree.SECONDS_TO_VANISH
        while self._has_survivors() and time.monotonic() < until:
            time.sleep(0.01)
        self._pipe.close()
        if self._ended is not None:
            os.close(self._ended)

    def _kill_late(self) -> None:
        with self._lock:
            if not self._is_gone:
                self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        process_tree.signal_group(self.pid, number)
        process_tree.signal_processes(self._outsiders, number)

    def _has_survivors(self) -> bool:
        return process_tree.is_group_alive(self.pid) or any(
            process_tree.is_alive(process) for process in self._outsiders
        )

    def _wait(self, timeout: float | None) -> bool:
        """Wait for a reply or for the end of the process; return whether either came."""
        if self._ended is not None:
            return bool(self._poll.poll(None if timeout is None else math.ceil(timeout * 1000)))
        until = None if timeout is None else time.monotonic() + timeout
        while not self._pipe.poll(0.05):
            if self._is_dead(timeout=0):
                return True
            if until is not None and time.monotonic() >= until:
                return False
        return True

    def _is_dead(self, *, timeout: float) -> bool:
        """Whether the process ends in time. It is not reaped, so that its id is not used again."""
        if self._ended is not None:
            return bool(wait([self._ended], timeout))
        until = time.monotonic() + timeout
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        while os.waitid(os.P_PID, self.pid, options) is None:
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)
        return True

    def _lost(self) -> WorkerLost:
        how = "ended"
        if self._is_dead(timeout=1.0):
            found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if found is not None:
                how = _describe(found.si_code, found.si_status)
        return WorkerLost(f"worker process {self.pid} {how} before the trial had a result")


def _describe(code: int, status: int) -> str:
    if code == os.CLD_EXITED:
        return f"exited with status {status}"
    hint = " (out of memory?)" if status == signal.SIGKILL else ""
    return f"was killed by {name_of(status)}{hint}"
