"""Run each trial as a Ray task, on any node of the cluster with free CPUs and GPUs.

The task starts a process for the trial and waits for it. So a trial can be ended with all it started, which Ray alone
does not do, and its memory is freed, on devices too.

A task may wait for long: for other trials, or for a node that an autoscaler starts. It notes in the cluster when it
begins, so that its time is counted from then on.

Ray reports outcomes on a thread of its own, on which nothing may wait for Ray. So a thread of ours passes them on.
"""

import contextlib
import importlib.util
import math
import os
import pickle
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bohb._checks import positive_integer, real
from bohb._text import brief
from bohb.errors import SettingError, WorkerLost
from bohb.runner.workers.pickling import pack, pack_reply, unpack_reply
from bohb.runner.workers.temporary import TemporaryFolder, folder_path
from bohb.runner.workers.worker import WorkerProcess

SECONDS_TO_NOTICE = 0.2
"""How long a cancelled task may take to notice."""
GROUP_VARIABLE = "BOHB_PLACEMENT_GROUP"
"""The variable with the id of the placement group of a trial."""
MOST_OUTPUT = 2**20
"""How many bytes of what a trial prints are sent from another node, from the end."""


@dataclass(frozen=True, slots=True)
class RayCall:
    """What a task is asked to do.

    Attributes:
        packed: The call.
        token: The name of the call in the cluster.
        output: The folder of the program for what trials print.
        mark: The name of a file in that folder, by which another node sees whether it shares the folder.
        group: The id of the placement group of the trial, or an empty text.
    """

    packed: bytes
    token: str
    output: str
    mark: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A call that has no outcome yet, with its task and its placement group."""

    call: RayCall
    reference: Any
    group: Any


class RayExecutor(Executor):
    """A PEP 3148 executor over a Ray cluster.

    A worker or a node that dies costs the trials that ran there: they end with `WorkerLost`, and
    `run(retries=...)` asks them again. Ray's own retries are off. In a trial, `ray.init()` connects to the cluster.

    Args:
        num_cpus: How many CPUs a trial reserves; fractions are allowed, as Ray allows them.
        num_gpus: How many GPUs a trial reserves; it sees them through `CUDA_VISIBLE_DEVICES`.
        bundles: The resources of a trial of several workers, as for `ray.util.placement_group`. Each trial gets a group
            of its own. The trial itself takes the first bundle, instead of `num_cpus` and `num_gpus`; the others are
            for the tasks and actors that it starts, with `placement_group`.
        strategy: How the bundles are placed: `"PACK"`, `"SPREAD"`, `"STRICT_PACK"` or `"STRICT_SPREAD"`.
        workers: How many trials run at the same time; by default as many as the cluster has room for now.
        address: Which cluster to connect to, as for `ray.init`; None for the one of `RAY_ADDRESS`, or else a new one on
            this machine. If Ray is connected already, that connection is used.
        output: The folder for what trials print, `trial-<id>.out` and `trial-<id>.err`; by default a temporary folder.
            `run` uses `output` in its directory instead, if it has one. A node that does not share the folder sends the
            last megabyte when the trial has ended.
        runtime_env: The environment of each trial, as for Ray's own tasks, such as `{"env_vars": {...}}`.

    Raises:
        SettingError: If Ray is not installed, a setting is not valid, or the cluster has no room for one trial.
    """

    def __init__(
        self,
        *,
        num_cpus: float = 1,
        num_gpus: float = 0,
        bundles: Sequence[Mapping[str, float]] | None = None,
        strategy: str = "PACK",
        workers: int | None = None,
        address: str | None = None,
        output: str | Path | None = None,
        runtime_env: Mapping[str, Any] | None = None,
    ) -> None:
        if importlib.util.find_spec("ray") is None:
            raise SettingError("expected Ray, which is not installed; install it with pip install 'bohb[ray]'")
        amounts = {"CPU": _amount("num_cpus", num_cpus), "GPU": _amount("num_gpus", num_gpus)}
        self._bundles, self._strategy = None if bundles is None else _checked(bundles, strategy), strategy
        import ray

        most = None if workers is None else positive_integer("workers", workers)
        environment = {} if runtime_env is None else {"runtime_env": _checked_environment(runtime_env)}
        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            ray.init(address=address, include_dashboard=False, log_to_driver=False)
        self._ray: Any = ray
        self.workers = most or _room(_total(self._bundles or [amounts]), ray.cluster_resources())
        self._task: Any = ray.remote(_run)
        bundle = (self._bundles or [amounts])[0]
        self._options = {"max_retries": 0, "name": "bohb trial", **_options(bundle), **environment}
        self._temporary = TemporaryFolder("bohb-output-") if output is None else None
        self._output = self._temporary.path if self._temporary is not None else folder_path("output", output)
        self._mark = f".bohb-{secrets.token_hex(8)}"
        self._sent: dict[Future[Any], Sent] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bohb-ray")
        self._is_shut = False

    @property
    def output(self) -> Path:
        """The folder for what trials print if the run has no directory."""
        return self._output

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
        packed = pack((fn, args, kwargs), "a call")
        group = None if self._bundles is None else _group(self._bundles, self._strategy)
        call = replace(self._call(packed), group="" if group is None else group.id.hex())
        reference = self._task.options(**self._options, **_place(group)).remote(call)
        self._sent[future] = Sent(call, reference, group)
        future.add_done_callback(self._forget)
        pass_on = partial(_pass_on, ours=future, output=self._output)
        reference.future().add_done_callback(lambda theirs: self._thread.submit(pass_on, theirs))
        return future

    def _call(self, packed: bytes) -> RayCall:
        mark = self._output / self._mark
        if not mark.exists():
            try:
                self._output.mkdir(parents=True, exist_ok=True)
                mark.touch()
            except OSError as error:
                raise SettingError(f"expected a folder that can be written as output, got: {error}") from error
        return RayCall(packed, secrets.token_hex(8), str(self._output), self._mark)

    def _forget(self, future: Future[Any]) -> None:
        """Leave nothing of a call in the cluster. What still runs in its placement group ends with the group."""
        from ray.experimental.internal_kv import _internal_kv_del
        from ray.util import remove_placement_group

        sent = self._sent.pop(future)
        if not self._ray.is_initialized():
            return
        if sent.group is not None:
            remove_placement_group(sent.group)
        _internal_kv_del(_key(sent.call))

    @staticmethod
    def placement_group() -> Any:
        """Return the placement group of the trial that calls this, from `bundles`; connect to the cluster if need be.

        Start tasks and actors in it with `ray.util.scheduling_strategies.PlacementGroupSchedulingStrategy`. Bundle 0 is
        taken by the trial itself.

        Raises:
            SettingError: If no trial of an executor with `bundles` calls this.
        """
        if not os.environ.get(GROUP_VARIABLE):
            raise SettingError("expected a trial of RayExecutor(bundles=...), got a process without a placement group")
        import ray
        from ray.util.placement_group import PlacementGroup

        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=True)
        return PlacementGroup(ray.PlacementGroupID.from_hex(os.environ[GROUP_VARIABLE]))

    def seconds_of(self, future: Future[Any]) -> float | None:
        """Return how long a call has run; None while it waits for resources."""
        from ray.experimental.internal_kv import _internal_kv_get

        sent = self._sent.get(future)
        began = None if sent is None else _internal_kv_get(_key(sent.call))
        return None if began is None else max(0.0, time.time() - float(began))

    def end(self, future: Future[Any]) -> None:
        """End a call with every process it started; its future is done soon after."""
        sent = self._sent.get(future)
        if sent is not None:
            self._ray.cancel(sent.reference, force=False)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls; with `cancel_futures` end all calls, and shut Ray down if it was started here."""
        self._is_shut = True
        for future in list(self._sent) if cancel_futures else []:
            self.end(future)
        if wait:
            for future in list(self._sent):
                with contextlib.suppress(BaseException):  # the caller reads the outcome
                    future.exception()
            self._thread.shutdown()
            if self._is_ours:
                self._is_ours = False
                self._ray.shutdown()
            with contextlib.suppress(OSError):  # it was never written
                (self._output / self._mark).unlink()
            if self._temporary is not None:
                self._temporary.delete_if_empty()


def _run(call: RayCall) -> tuple[bytes, dict[str, bytes]]:
    """Make the call in a process of its own; this runs in a Ray worker.

    Return the reply, and what was printed if the program cannot see it, also of a call that was lost or ended.
    """
    import ray
    from ray.experimental.internal_kv import _internal_kv_put

    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as where a script started Ray in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # by which Ray cancels
    _internal_kv_put(_key(call), repr(time.time()).encode())
    is_shared = Path(call.output, call.mark).exists()
    folder = Path(call.output if is_shared else tempfile.mkdtemp(prefix="bohb-output-"))
    address = {"RAY_ADDRESS": ray.get_runtime_context().gcs_address, GROUP_VARIABLE: call.group}
    try:
        reply = _reply(call, folder, address)
        return reply, {} if is_shared else _printed(folder)
    finally:
        if not is_shared:
            shutil.rmtree(folder)


def _reply(call: RayCall, output: Path, environment: Mapping[str, str]) -> bytes:
    process = WorkerProcess(environment=environment, output=output)
    try:
        process.send(0, pickle.dumps(_call), pickle.dumps(((call.packed,), {})))
        # Ray cancels by an interrupt that does not wake a system call, so the wait returns regularly.
        while (reply := process.receive(timeout=SECONDS_TO_NOTICE)) is None:
            pass
        return pack_reply(reply[0], reply[1])[1]
    except WorkerLost as error:
        return pack_reply("error", error)[1]
    except KeyboardInterrupt:
        process.interrupt()
        process.wait_for_end()
        return pack_reply("error", WorkerLost("the trial was ended before it had a result"))[1]
    finally:
        process.kill()


def _printed(folder: Path) -> dict[str, bytes]:
    """Return the ends of the files that are not empty."""
    return {path.name: text[-MOST_OUTPUT:] for path in folder.iterdir() if (text := path.read_bytes())}


def _key(call: RayCall) -> bytes:
    """Return the key under which the cluster knows when a call began."""
    return f"bohb-began-{call.token}".encode()


def _call(packed: bytes) -> Any:
    fn, args, kwargs = pickle.loads(packed)  # noqa: S301  (from the program that submitted it)
    return fn(*args, **kwargs)


def _pass_on(theirs: Future[Any], ours: Future[Any], output: Path) -> None:
    """Settle our future as Ray's is."""
    try:
        value = _outcome(theirs, output)
    except BaseException as error:
        ours.set_exception(error)
    else:
        ours.set_result(value)


def _outcome(theirs: Future[Any], output: Path) -> Any:
    """Return the value of Ray's future, or raise its error; keep what was printed where this program cannot see it."""
    from ray.exceptions import RayError, RayTaskError

    raised = theirs.exception()
    error = raised.cause if isinstance(raised, RayTaskError) else raised
    if isinstance(error, RayError):
        raise WorkerLost(f"Ray lost the worker of the trial: {' '.join(str(error).split())[:500]}")
    if error is not None:
        raise error
    packed, printed = theirs.result()
    for name, text in printed.items():
        (output / Path(name).name).write_bytes(text)
    kind, value = unpack_reply(packed)
    if kind == "error":
        raise value
    return value


def _amount(name: str, value: Any) -> float:
    amount = real(value)
    if amount is None or not 0 <= amount < math.inf:
        raise SettingError(f"expected a number from 0 as {name}, got {brief(value)}")
    if name == "num_gpus" and amount > 1 and not amount.is_integer():
        raise SettingError(f"expected a part of one GPU, or whole ones, as {name}, got {brief(value)}")
    return amount


def _checked_environment(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an environment that Ray accepts."""
    from ray.runtime_env import RuntimeEnv

    try:
        RuntimeEnv(**dict(given))
    except (TypeError, ValueError) as error:
        raise SettingError(f"expected a runtime_env as for a task of Ray, got: {error}") from error
    return dict(given)


def _checked(bundles: Sequence[Mapping[str, float]], strategy: str) -> list[dict[str, float]]:
    """Return bundles that Ray accepts."""
    from ray.util.placement_group import validate_placement_group

    try:
        found = [dict(bundle) for bundle in bundles]
        validate_placement_group(found, strategy)
    except (TypeError, ValueError) as error:
        raise SettingError(f"expected bundles and a strategy as for a placement group of Ray, got: {error}") from error
    return found


def _total(bundles: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: sum(bundle.get(name, 0) for bundle in bundles) for bundle in bundles for name in bundle}


def _options(bundle: Mapping[str, float]) -> dict[str, Any]:
    """Return the options of a task that takes a whole bundle."""
    others = dict(bundle)
    cpus, gpus, memory = (others.pop(name, 0) for name in ("CPU", "GPU", "memory"))
    return {"num_cpus": cpus, "num_gpus": gpus, "resources": others} | ({"memory": memory} if memory else {})


def _group(bundles: list[dict[str, float]], strategy: str) -> Any:
    """Return a new placement group. It waits until the cluster has room, and ends with this program at the latest."""
    from ray.util import placement_group

    return placement_group(bundles, strategy=strategy)


def _place(group: Any) -> dict[str, Any]:
    """Return the options of a task in the first bundle of a group."""
    if group is None:
        return {}
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    return {"scheduling_strategy": PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=0)}


def _room(needs: dict[str, float], resources: dict[str, float]) -> int:
    """Return how many trials the cluster has room for."""
    rooms = [int(resources.get(name, 0) / amount) for name, amount in needs.items() if amount > 0]
    if rooms and min(rooms) < 1:
        has = {name: resources.get(name, 0) for name in needs}
        raise SettingError(
            f"expected room for a trial that needs {needs}, got a cluster with {has}; pass workers= if it will grow"
        )
    return min(rooms, default=1)
