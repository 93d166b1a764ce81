"""Pickling what goes to a worker, by a pipe and never to a file; what cannot go is refused with advice."""

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
    import cloudpickle

    try:
        packed: bytes = cloudpickle.dumps(value)
    except SettingError:
        raise  # what is inside has said so already
    except Exception as error:  # whatever a user's __reduce__ raises
        raise SettingError(
            f"expected {what} that can be sent to another process, got {value!r:.200}, which cannot be pickled "
            f"({type(error).__name__}: {error}); create locks, open files and connections inside it, or stay in this "
            "process with executor=bohb.runner.SerialExecutor()"
        ) from error
    return packed
