"""The reference executor: evaluates in this process, at once, one after the other."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class SerialExecutor(Executor):
    """A PEP 3148 executor that runs what is submitted before `submit` returns.

    Attributes:
        workers: One.
        in_process: What is submitted need not be picklable.
        is_blocking: `submit` returns when the call has ended.
    """

    workers = 1
    in_process = True
    is_blocking = True

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Returns a future that is done. What the call raised is in it; KeyboardInterrupt and the like pass through."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
