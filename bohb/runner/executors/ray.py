"""Run each trial as a Ray task, on any node of the cluster with free CPUs and GPUs.

The task starts a process for the trial and waits for it. So a trial can be ended with all it started, which Ray alone
does not do, and its memory is freed, on devices too.
"""

import contextlib
import importlib.util
import math
import pickle
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from bohb.errors import SettingError, WorkerLost
from bohb.runner.workers.pickling import pack
from bohb.runner.workers.worker import WorkerProcess

SECONDS_TO_NOTICE = 0.2
"""How long a cancelled task may take to notice."""


class RayExecutor(Executor):
    """A PEP 3148 executor over a Ray cluster.

    A worker or a node that dies costs the trials that ran there: they end with `WorkerLost`, and
    `run(retries=...)` asks them again. Ray's own retries are off.

    Args:
        num_cpus: How many CPUs a trial reserves; fractions are allowed, as Ray allows them.
        num_gpus: How many GPUs a trial reserves; it sees them through `CUDA_VISIBLE_DEVICES`.
        workers: How many trials run at the same time; by default as many as the cluster has room for now.
        address: Which cluster to connect to, as for `ray.init`; None for the one of `RAY_ADDRESS`, or else a new one on
            this machine. If Ray is connected already, that connection is used.

    Raises:
        SettingError: If Ray is not installed, a setting is not valid, or the cluster has no room for one trial.
    """

    def __init__(
        self,
        *,
        num_cpus: float = 1,
        num_gpus: float = 0,
        workers: int | None = None,
        address: str | None = None,
    ) -> None:
        if importlib.util.find_spec("ray") is None:
            raise SettingError("expected Ray, which is not installed; install it with pip install 'bohb[ray]'")
        needs = {"CPU": _amount("num_cpus", num_cpus), "GPU": _amount("num_gpus", num_gpus)}
        import ray

        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            ray.init(address=address, include_dashboard=False, log_to_driver=False)
        self._ray: Any = ray
        self.workers = workers or _room(needs, ray.cluster_resources())
        self._task: Any = ray.remote(_run).options(
            num_cpus=num_cpus, num_gpus=num_gpus, max_retries=0, name="bohb trial"
        )
        self._references: dict[Future[Any], Any] = {}
        self._is_shut = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Schedule a call in the cluster.

        Raises:
            SettingError: If the call cannot be pickled.
            RuntimeError: If the executor was shut down.
        """
        if self._is_shut:
            raise RuntimeError("expected an executor that is open, got one that was shut down; make a new one")
        future: Future[Any] = Future()
        # Only Ray knows what runs and what waits. A running future can be ended and waited for, but not cancelled.
        future.set_running_or_notify_cancel()
        reference = self._task.remote(pack((fn, args, kwargs), "a call"))
        self._references[future] = reference
        future.add_done_callback(lambda settled: self._references.pop(settled, None))
        reference.future().add_done_callback(lambda theirs: _pass_on(theirs, future))
        return future

    def end(self, future: Future[Any]) -> None:
        """End a call with every process it started; its future is done soon after."""
        reference = self._references.get(future)
        if reference is not None:
            self._ray.cancel(reference, force=False)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls; with `cancel_futures` end all calls, and shut Ray down if it was started here."""
        self._is_shut = True
        for future in list(self._references) if cancel_futures else []:
            self.end(future)
        if wait:
            for future in list(self._references):
                with contextlib.suppress(BaseException):  # the caller reads the outcome
                    future.exception()
            if self._is_ours:
                self._is_ours = False
                self._ray.shutdown()


def _run(packed: bytes) -> Any:
    """Make the call in a process of its own; this runs in a Ray worker."""
    process = WorkerProcess()
    try:
        process.send(0, pickle.dumps(_call), pickle.dumps(((packed,), {})))
        # Ray cancels by an interrupt that does not wake a system call, so the wait returns regularly.
        while (reply := process.receive(timeout=SECONDS_TO_NOTICE)) is None:
            pass
    except KeyboardInterrupt:
        process.interrupt()
        process.wait_for_end()
        raise
    finally:
        process.kill()
    kind, value, _ = reply
    if kind == "error":
        raise value
    return value


def _call(packed: bytes) -> Any:
    fn, args, kwargs = pickle.loads(packed)  # noqa: S301  (from the program that submitted it)
    return fn(*args, **kwargs)


def _pass_on(theirs: Future[Any], ours: Future[Any]) -> None:
    """Copy the outcome of Ray's future to ours."""
    from ray.exceptions import RayError, RayTaskError

    error = theirs.exception()
    if error is None:
        ours.set_result(theirs.result())
    elif isinstance(error, RayTaskError):
        ours.set_exception(error.cause)
    elif isinstance(error, RayError):
        ours.set_exception(WorkerLost(f"Ray lost the worker of the trial: {' '.join(str(error).split())[:500]}"))
    else:
        ours.set_exception(error)


def _amount(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise SettingError(f"expected a number from 0 as {name}, got {value!r}")
    return float(value)


def _room(needs: dict[str, float], resources: dict[str, float]) -> int:
    """Return how many trials the cluster has room for."""
    rooms = [int(resources.get(name, 0) / amount) for name, amount in needs.items() if amount > 0]
    if rooms and min(rooms) < 1:
        has = {name: resources.get(name, 0) for name in needs}
        raise SettingError(
            f"expected room for a trial that needs {needs}, got a cluster with {has}; pass workers= if it will grow"
        )
    return min(rooms, default=1)
