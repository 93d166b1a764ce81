"""A call in a process of its own with a time limit, for engines whose own workers cannot be ended.

It runs inside a worker of any engine: a thread, a pool's process, a daemon. The start of the process is its price.
"""

import pickle
from collections.abc import Callable
from typing import Any

from bohb.runner.workers.worker import GRACE_SECONDS, Child


def call(fn: Callable[..., Any], *args: Any, seconds: float, grace: float = GRACE_SECONDS) -> Any:
    """Returns what the call returns, or raises what it raises.

    Args:
        fn: What to call; it is pickled.
        args: With what.
        seconds: After how many seconds to end the call and every process it started.
        grace: Seconds between SIGTERM and SIGKILL.

    Raises:
        TimeoutError: If it took longer.
        WorkerLost: If the process died.
    """
    child = Child(grace=grace)
    try:
        child.send(0, pickle.dumps(fn), pickle.dumps((args, {})))
        reply = child.receive(timeout=seconds)
        if reply is None:
            child.interrupt()
            child.wait_for_end()
            raise TimeoutError(f"the trial took longer than {seconds} s")
    finally:
        child.kill()
    kind, value, _ = reply
    if kind == "error":
        raise value
    return value
