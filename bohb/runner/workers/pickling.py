"""Pickling what goes to a worker, by a pipe and never to a file; what cannot go is refused with advice."""

import io
from functools import cache
from types import CodeType
from typing import Any

from bohb.errors import SettingError


def pack(value: Any, what: str) -> bytes:
    """Returns a value as bytes; functions and classes of the main module, and lambdas, travel by value.

    Args:
        value: What to pickle.
        what: What it is, for the message.

    Raises:
        SettingError: If it cannot be pickled.
    """
    try:
        return _dumps(value)
    except SettingError:
        raise  # what is inside has said so already
    except Exception as error:  # whatever a user's __reduce__ raises
        raise SettingError(
            f"expected {what} that can be sent to another process, got {value!r:.200}, which cannot be pickled "
            f"({type(error).__name__}: {error}); create locks, open files and connections inside it, or stay in this "
            "process with executor=bohb.runner.SerialExecutor()"
        ) from error


def _dumps(value: Any) -> bytes:
    """Returns the pickle of a value."""
    buffer = io.BytesIO()
    _pickler()(buffer).dump(value)
    return buffer.getvalue()


@cache
def _pickler() -> Any:
    """Returns cloudpickle's pickler, but every function remembers its file, so that tracebacks show its lines.

    cloudpickle forgets it from 3.1.3 on. It is a class made here because cloudpickle loads on first use.
    """
    import cloudpickle

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]  # which has no types
        def reducer_override(self, obj: Any) -> Any:
            if not isinstance(obj, CodeType):
                return super().reducer_override(obj)
            make, arguments = self.dispatch_table[CodeType](obj)
            return make, tuple(obj.co_filename if part == "<dynamic-code>" else part for part in arguments)

    return Pickler
