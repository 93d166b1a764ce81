"""A call in a process of its own with a time limit, for executors that cannot end their own workers.

It works inside a worker of any executor: a thread, a process of a pool, a daemon. It takes the time to start a process.
"""

import pickle
from collections.abc import Callable
from typing import Any

from bohb.runner.workers.worker import GRACE_SECONDS, WorkerProcess


def call(fn: Callable[..., Any], *args: Any, seconds: float, grace: float = GRACE_SECONDS) -> Any:
    """Make a call in a new process; return what it returns, or raise what it raises.

    Args:
        fn: The function; it is pickled.
        args: Its arguments.
        seconds: After how many seconds to end the call and every process it started.
        grace: Seconds between SIGTERM and SIGKILL.

    Raises:
        TimeoutError: If it took longer.
        WorkerLost: If the process died.
    """
    process = WorkerProcess(grace=grace)
    try:
        process.send(0, pickle.dumps(fn), pickle.dumps((args, {})))
        reply = process.receive(timeout=seconds)
        if reply is None:
            process.interrupt()
            process.wait_for_end()
            raise TimeoutError(f"the trial took longer than {seconds} s")
    finally:
        process.kill()
    kind, value, _ = reply
    if kind == "error":
        raise value
    return value
