"""What a worker process runs: wait for a call, make it, send back what came of it.

Only the standard library is loaded before the first call, and the environment is complete before the process starts;
so what must be set before numpy or CUDA is loaded, is. The other end is `children.Child`.

    parent                                         child (a process group of its own)
    Child.call(token, packed, args)  --- pipe -->  main: load what is called once per token, call it
                                     <-- pipe ---  ("result", value, left processes?) or ("error", exception, ...)
    the parent dies                  -- hang-up->  watch: end the whole group
"""

import contextlib
import os
import pickle
import select
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_is_child = False
_default_output: Path | None = None


def main(descriptor: int, output: str | None) -> None:
    """Serves calls until the parent says stop, or is gone."""
    global _is_child, _default_output
    _is_child, _default_output = True, None if output is None else Path(output)
    for number in (signal.SIGTTIN, signal.SIGTTOU):  # who asks at the terminal for a password gets an error, no halt
        signal.signal(number, signal.SIG_IGN)
    pipe = Connection(descriptor)
    threading.Thread(target=_watch, args=(descriptor,), daemon=True).start()
    # What the call forks must not hold our end: the parent would not see that we are gone.
    os.register_at_fork(after_in_child=pipe.close)
    loaded: tuple[int, Any] = (-1, None)
    while (message := _receive(pipe)) is not None:
        token, packed, arguments = message
        try:
            if packed is not None:
                loaded = (token, pickle.loads(packed))  # noqa: S301  (from our parent, by a pipe)
            assert token == loaded[0], "what is called is sent with its first call"
            args, kwargs = pickle.loads(arguments)  # noqa: S301
            reply = ("result", loaded[1](*args, **kwargs))
        except BaseException as error:  # also SystemExit: it travels to the future
            reply = ("error", error)
        pipe.send_bytes(_pack(*reply, _has_children()))
    for stream in _streams:
        stream.clean()


@contextlib.contextmanager
def output_kept(folder: Path | None, name: str) -> Iterator[None]:
    """Sends what is written to stdout and stderr, also by C code and by children, to `<name>.out` and `<name>.err`.

    Only in a worker process that runs one call at a time; elsewhere other threads write to the same two streams.
    """
    folder = folder or _default_output
    if not _is_child or folder is None:
        yield
        return
    for stream in _streams:
        stream.begin(f"{folder}/{name}.{stream.ending}")
    try:
        yield
    finally:
        for stream in _streams:
            stream.end()


class Stream:
    """One of the two streams, and the file it goes to.

    A file that stayed empty is renamed for the next call: that is cheaper than to make and delete one for every call,
    which would be most of the price of a trial that takes no time.

    Args:
        descriptor: 1 or 2.
        ending: Of the file's name.
    """

    def __init__(self, descriptor: int, ending: str) -> None:
        self.ending = ending
        self._descriptor = descriptor
        self._empty: str | None = None

    def begin(self, path: str) -> None:
        """Sends what is written from here on to a new file."""
        if self._empty is not None:
            try:
                os.rename(self._empty, path)  # noqa: PTH104  (called for every trial: no path objects)
            except OSError:  # removed by somebody, or the folder is on another device
                self._empty = None
        if self._empty is None:
            self._open(path)
        self._empty = path

    def end(self) -> None:
        """Writes out what Python still holds; what is written later belongs to the same file."""
        (sys.stdout if self._descriptor == 1 else sys.stderr).flush()
        if os.fstat(self._descriptor).st_size > 0:
            self._empty = None

    def clean(self) -> None:
        """Removes the file if it is empty."""
        if self._empty is not None:
            Path(self._empty).unlink(missing_ok=True)

    def _open(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        try:
            file = os.open(path, flags, 0o666)
        except FileNotFoundError:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, flags, 0o666)
        os.dup2(file, self._descriptor)
        os.close(file)


_streams = (Stream(1, "out"), Stream(2, "err"))


def _receive(pipe: Connection) -> tuple[int, bytes | None, bytes] | None:
    try:
        message: tuple[int, bytes | None, bytes] | None = pickle.loads(pipe.recv_bytes())  # noqa: S301
    except EOFError:
        return None
    return message


def _has_children() -> bool:
    """Whether the call left processes behind."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _pack(kind: str, value: Any, is_littered: bool) -> bytes:
    """Returns a reply as bytes; what cannot be sent is replaced by an error that says so."""
    try:
        packed = pickle.dumps((kind, value, is_littered))
        if kind == "error":
            pickle.loads(packed)  # noqa: S301  (many exceptions can be pickled but not made again)
    except Exception:
        text = traceback.format_exc() if kind == "result" else "".join(traceback.format_exception(value))
        error = RuntimeError(f"the {kind} of the call cannot be pickled:\n{text}")
        packed = pickle.dumps(("error", error, is_littered))
    return packed


def _watch(descriptor: int) -> None:
    """Ends this process and all it started, once the parent's end of the pipe is gone."""
    hangup = select.poll()
    hangup.register(descriptor, 0)  # a hang-up is reported in any case, and nothing else is wanted
    hangup.poll()
    os.killpg(0, signal.SIGKILL)
