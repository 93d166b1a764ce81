"""The reference executor: evaluate in this process, one trial after the other."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class SerialExecutor(Executor):
    """A PEP 3148 executor that makes each call before `submit` returns.

    Attributes:
        workers: One.
        in_process: True; nothing is pickled.
        is_blocking: True; `submit` returns when the call has ended.
    """

    workers = 1
    in_process = True
    is_blocking = True

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Make the call and return its future, which is done. KeyboardInterrupt and SystemExit are raised here."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
