"""Each trial as a Ray task, wherever in the cluster its CPUs and GPUs are free. The only file that knows Ray.

The task starts a process for the trial and waits for it. So a trial can be ended with all that it started, which a
Ray worker alone cannot, and its memory, on a device too, is given back.
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
from bohb.runner.workers.worker import Child

SECONDS_TO_NOTICE = 0.2
"""How long a cancelled task may take to notice."""


class RayExecutor(Executor):
    """A PEP 3148 executor over a Ray cluster.

    A worker or a node that dies costs the trials that ran there: `WorkerLost`, asked again with `run(retries=...)`.
    Ray's own retries are off: the search decides.

    Args:
        num_cpus: How many CPUs a trial reserves; fractions are allowed, as Ray allows them.
        num_gpus: How many GPUs a trial reserves; it sees them through `CUDA_VISIBLE_DEVICES`.
        workers: How many trials run at the same time; by default as many as the cluster, as it is now, has room for.
        address: Which cluster to connect to, as for `ray.init`; None for the one of `RAY_ADDRESS`, or else a new one on
            this machine. Where Ray is connected already, it is used as it is.

    Raises:
        SettingError: If Ray is not installed, a setting makes no sense, or the cluster has no room for one trial.
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
            raise SettingError("expected Ray to be installed, found none: pip install 'bohb[ray]'")
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
        """Schedules a call in the cluster.

        Raises:
            SettingError: If the call cannot be pickled.
            RuntimeError: If the executor was shut down.
        """
        if self._is_shut:
            raise RuntimeError("expected an executor that is open, got one that was shut down; make a new one")
        future: Future[Any] = Future()
        # Only Ray knows what runs and what waits. As running, it can be ended and waited for, but not just dropped.
        future.set_running_or_notify_cancel()
        reference = self._task.remote(pack((fn, args, kwargs), "a call"))
        self._references[future] = reference
        future.add_done_callback(lambda settled: self._references.pop(settled, None))
        reference.future().add_done_callback(lambda theirs: _pass_on(theirs, future))
        return future

    def end(self, future: Future[Any]) -> None:
        """Ends a call with every process it started; its future is done soon after."""
        reference = self._references.get(future)
        if reference is not None:
            self._ray.cancel(reference, force=False)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls; ends what there is if asked to, and leaves Ray if it was started here."""
        self._is_shut = True
        for future in list(self._references) if cancel_futures else []:
            self.end(future)
        if wait:
            for future in list(self._references):
                with contextlib.suppress(BaseException):  # whatever became of it is the caller's to see
                    future.exception()
            if self._is_ours:
                self._is_ours = False
                self._ray.shutdown()


def _run(packed: bytes) -> Any:
    """What a Ray worker runs: a process that makes the call."""
    child = Child()
    try:
        child.send(0, pickle.dumps(_call), pickle.dumps(((packed,), {})))
        # Ray cancels by an interrupt that does not wake a system call, so this one must end by itself now and then.
        while (reply := child.receive(timeout=SECONDS_TO_NOTICE)) is None:
            pass
    except KeyboardInterrupt:
        child.interrupt()
        child.wait_for_end()
        raise
    finally:
        child.kill()
    kind, value, _ = reply
    if kind == "error":
        raise value
    return value


def _call(packed: bytes) -> Any:
    fn, args, kwargs = pickle.loads(packed)  # noqa: S301  (from the program that submitted it)
    return fn(*args, **kwargs)


def _pass_on(theirs: Future[Any], ours: Future[Any]) -> None:
    """Settles our future as Ray's is."""
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
    """Returns how many trials the cluster has room for."""
    rooms = [int(resources.get(name, 0) / amount) for name, amount in needs.items() if amount > 0]
    if rooms and min(rooms) < 1:
        has = {name: resources.get(name, 0) for name in needs}
        raise SettingError(
            f"expected room for a trial that needs {needs}, the cluster has {has}; say workers= if it grows"
        )
    return min(rooms, default=1)
