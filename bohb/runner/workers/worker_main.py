"""What a worker process runs: wait for a call, make it, send the reply.

Before the first call only the standard library and a few small modules of `bohb` are loaded. The environment is set
before the process starts, so variables that numpy or CUDA read at import have their effect. The other end is
`worker.WorkerProcess`.

    parent                                  worker (a process group of its own)
    send(token, packed, args) --- pipe -->  load the function once per token, and call it
                              <-- pipe ---  ("result", value, left processes?) or ("error", exception, ...)
    the parent dies           -- closes ->  kill the whole group, and all descendants
"""

import contextlib
import os
import pickle
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bohb.runner.workers import process_tree, streams
from bohb.runner.workers.pickling import pack_reply
from bohb.runner.workers.watchdog import call_when_closed

OUTPUT_SUFFIX_VARIABLE = "BOHB_OUTPUT_SUFFIX"
"""The variable with the end of the names of output files, which tells the ranks of a trial apart."""
_is_worker = False
_default_output: Path | None = None


def main(pipe: Connection, output: str | None) -> None:
    """Serve calls until the parent sends None or is gone."""
    global _is_worker, _default_output
    _is_worker, _default_output = True, None if output is None else Path(output)
    for number in (signal.SIGTTIN, signal.SIGTTOU):  # a prompt at the terminal is an error, not a halt
        signal.signal(number, signal.SIG_IGN)
    process_tree.adopt_orphans()
    call_when_closed(pipe.fileno(), _die, is_silent=False)
    # What a trial starts must not hold our end open, or write to it.
    os.set_inheritable(pipe.fileno(), False)
    # A fork must not hold our end open: the parent would not see that this process is gone.
    os.register_at_fork(after_in_child=pipe.close)
    loaded: tuple[int, Any] = (-1, None)
    while (message := _receive(pipe)) is not None:
        token, packed, arguments = message
        streams.repair()  # the call before may have closed them
        try:
            if packed is not None:
                loaded = (token, pickle.loads(packed))  # noqa: S301  (from our parent, by a pipe)
            assert token == loaded[0], "the function is sent with its first call"
            args, kwargs = pickle.loads(arguments)  # noqa: S301
            reply = ("result", loaded[1](*args, **kwargs))
        except BaseException as error:  # also SystemExit: the future reports it
            reply = ("error", error)
        _, packed_reply = pack_reply(*reply, _has_children())
        pipe.send_bytes(packed_reply)
    if _has_children():  # the parent ends those in our group; of others it knows only those that it saw
        process_tree.kill_all(_outsiders)
    for stream in _streams:
        stream.clean()


@contextlib.contextmanager
def output_kept(folder: Path | None, name: str) -> Iterator[None]:
    """Redirect stdout and stderr, also of C code and of child processes, to `<name>.out` and `<name>.err`.

    This works only in a worker process, which runs one call at a time; in others it does nothing, since other threads
    may write to the same streams.
    """
    folder = folder or _default_output
    if not _is_worker or folder is None:
        yield
        return
    suffix = os.environ.get(OUTPUT_SUFFIX_VARIABLE, "")
    for stream in _streams:
        stream.begin(f"{folder}/{name}{suffix}.{stream.ending}")
    try:
        yield
    finally:
        for stream in _streams:
            stream.end()


class OutputStream:
    """Stdout or stderr, and the file it is redirected to.

    A file that stayed empty is renamed for the next call. Making and deleting one for every call would take most of the
    time of a very short trial.

    Args:
        descriptor: 1 or 2.
        ending: The ending of the file's name.
    """

    def __init__(self, descriptor: int, ending: str) -> None:
        self.ending = ending
        self._descriptor = descriptor
        self._empty: str | None = None
        self._identity: tuple[int, int] | None = None

    def begin(self, path: str) -> None:
        """Redirect the stream to a new file."""
        if self._empty is not None:
            try:
                os.rename(self._empty, path)  # noqa: PTH104  (called for every trial: no path objects)
            except OSError:  # another process removed it, or the folder is on another device
                self._empty = None
        if self._empty is None:
            self._open(path)
        self._empty = path

    def end(self) -> None:
        """Flush what Python still holds; what is written later goes to the same file.

        The call may have closed or redirected the stream; then the next one gets a new file.
        """
        streams.flush(self._descriptor)
        if not self._is_ours() or os.fstat(self._descriptor).st_size > 0:
            self._empty = None

    def _is_ours(self) -> bool:
        """Whether the descriptor still is the file that was opened for it."""
        if not streams.is_open(self._descriptor):
            return False
        found = os.fstat(self._descriptor)
        return (found.st_dev, found.st_ino) == self._identity

    def clean(self) -> None:
        """Remove the file if it is empty."""
        if self._empty is not None:
            Path(self._empty).unlink(missing_ok=True)

    def _open(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND  # no link is followed, no other file truncated
        Path(path).unlink(missing_ok=True)
        try:
            file = os.open(path, flags, 0o666)
        except FileNotFoundError:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, flags, 0o666)
        if file != self._descriptor:
            os.dup2(file, self._descriptor)
            os.close(file)
        found = os.fstat(self._descriptor)
        self._identity = found.st_dev, found.st_ino


_streams = (OutputStream(1, "out"), OutputStream(2, "err"))


def _receive(pipe: Connection) -> tuple[int, bytes | None, bytes] | None:
    try:
        message: tuple[int, bytes | None, bytes] | None = pickle.loads(pipe.recv_bytes())  # noqa: S301
    except EOFError:
        return None
    return message


def _has_children() -> bool:
    """Whether the call left processes running; those that ended are reaped, whoever started them."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return False
    return True


def _die() -> None:
    """End everything that this process started, and itself: the parent is gone."""
    process_tree.kill_all(_descendants)
    os.killpg(0, signal.SIGKILL)


def _descendants() -> list[process_tree.ProcessInfo]:
    return process_tree.descendants(os.getpid())


def _outsiders() -> list[process_tree.ProcessInfo]:
    return [process for process in _descendants() if process.group != os.getpgrp()]
