"""Pickle what goes to a worker and back, through a pipe and never to a file."""

import io
import pickle
from functools import cache
from types import CodeType
from typing import Any

from bohb._text import traceback_of
from bohb.errors import SettingError


def pack(value: Any, what: str) -> bytes:
    """Return a value as bytes. Lambdas, and functions and classes of the main module, travel by value.

    Args:
        value: What to pickle.
        what: What it is, for the error message.

    Raises:
        SettingError: If it cannot be pickled.
    """
    try:
        return _dumps(value)
    except SettingError:
        raise  # a part of the value has explained it already
    except Exception as error:  # a user's __reduce__ may raise anything
        raise SettingError(
            f"expected {what} that can be sent to another process, got {value!r:.200}, which cannot be pickled "
            f"({type(error).__name__}: {error}); create locks, open files and connections inside it, or stay in this "
            "process with executor=bohb.runner.SerialExecutor()"
        ) from error


def pack_reply(kind: str, value: Any, *more: Any) -> tuple[str, bytes]:
    """Return the kind of a reply, and the reply `(kind, value, *more)` as bytes.

    A value that cannot be sent is replaced by an error that says so; the kind returned is `"error"` then.

    Args:
        kind: `"result"` or `"error"`.
        value: What the call returned or raised.
        more: What else to send.
    """
    try:
        packed = pickle.dumps((kind, value, *more))
        if kind == "error":
            pickle.loads(packed)  # noqa: S301  (many exceptions can be pickled but not unpickled)
    except Exception as refusal:
        cause = refusal if kind == "result" else value
        text = traceback_of(cause, cause.__traceback__)
        error = RuntimeError(f"the {kind} of the call cannot be pickled:\n{text}")
        return "error", pickle.dumps(("error", error, *more))
    return kind, packed


def unpack_reply(packed: bytes, *more: Any) -> tuple[Any, ...]:
    """Return a reply from its bytes.

    A reply that cannot be loaded here is replaced by an error that says so.

    Args:
        packed: What `pack_reply` returned.
        more: What to return in place of what else was sent, if the reply cannot be loaded.
    """
    try:
        reply: tuple[Any, ...] = pickle.loads(packed)  # noqa: S301  (from our own worker)
    except Exception as refusal:  # a user's own code may raise anything
        text = traceback_of(refusal, refusal.__traceback__)
        return "error", RuntimeError(f"the result of the call cannot be unpickled:\n{text}"), *more
    return reply


def _dumps(value: Any) -> bytes:
    buffer = io.BytesIO()
    _pickler()(buffer).dump(value)
    return buffer.getvalue()


@cache
def _pickler() -> Any:
    """Return cloudpickle's pickler, with functions that remember their file, so that tracebacks show their lines.

    cloudpickle forgets the file from 3.1.3 on. The class is made here because cloudpickle loads on first use.
    """
    import cloudpickle

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]  # which has no types
        def reducer_override(self, obj: Any) -> Any:
            if not isinstance(obj, CodeType):
                return super().reducer_override(obj)
            make, arguments = self.dispatch_table[CodeType](obj)
            return make, tuple(obj.co_filename if part == "<dynamic-code>" else part for part in arguments)

    return Pickler
