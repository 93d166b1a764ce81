"""Run each trial as a Spark job, on any executor of the application with a free slot.

The Python worker of the task starts a process for the trial and waits for it. So a trial that is killed costs itself
only, and its memory is freed, on devices too. A thread of this process submits each job and waits for its outcome.

Spark's own retries cannot be turned off for one job. A task that starts a second time therefore says at once that the
first one was lost.

    submit -> thread: job group, job -> Spark task: `_evaluate` -> process: the call
    submit -> thread: job group, barrier job -> one Spark task a rank: `RankTask` -> process: `Rank` -> the call
"""

import contextlib
import importlib.util
import pickle
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from typing import Any

from bohb._checks import positive_integer
from bohb.errors import SettingError, WorkerLost
from bohb.runner.ranks.reports import Rank, ReportCollector
from bohb.runner.workers.pickling import pack, pack_reply, unpack_reply
from bohb.runner.workers.worker import WorkerProcess
from bohb.runner.workers.worker_main import OUTPUT_SUFFIX_VARIABLE
from bohb.trials import Trial

SECONDS_TO_REGISTER = 30.0
"""How long to wait for executors of an application that has just started, until there is room for a trial."""
SECONDS_TO_CANCEL = 30.0
"""How long a cancelled job may take to end its tasks; Spark gives a Python worker two seconds, then it kills it."""
DRIVER_VARIABLE = "BOHB_SPARK_DRIVER"
"""The environment variable in which a rank finds the host of the driver."""
UNUSABLE = ("ModuleNotFoundError", "ImportError", "PYTHON_VERSION_MISMATCH", "Cannot run program")
"""What Spark says if the Python of its executors cannot load what the driver sent; the objective's errors are data."""
ADVICE = "install bohb in their Python, and name it with PYSPARK_PYTHON before the session starts"
MAX_MESSAGE = 1000
"""How much of Spark's explanation to keep."""


class SparkExecutor(Executor):
    """A PEP 3148 executor over a Spark application.

    Each trial is a Spark job in a job group of its own; what it reserves is set as for any Spark job, with
    `spark.task.cpus` and `spark.task.resource.gpu.amount`. It sees its GPUs through `CUDA_VISIBLE_DEVICES`.

    An executor or a node that dies costs the trials that ran there: they end with `WorkerLost`, and `run(retries=...)`
    asks them again. Spark's own retries do not run a trial again.

    With `ranks_per_trial`, a trial is a barrier job: every rank calls the objective with the same trial, and what
    rank 0 returns counts. The ranks find each other as under `torchrun`, by `RANK`, `WORLD_SIZE`, `LOCAL_RANK`,
    `MASTER_ADDR` and `MASTER_PORT`. Failures and lost ranks are as with `HorovodExecutor`.

    Args:
        session: A `SparkSession`; by default the running one, or else a new one, which `shutdown` stops.
        ranks_per_trial: How many Spark tasks a trial has.
        workers: How many trials run at the same time; by default as many as the application has room for now.

    Raises:
        SettingError: If PySpark is not installed, a setting is not valid, the session is one of Spark Connect, or the
            application has no room for one trial.
    """

    def __init__(self, session: Any = None, *, ranks_per_trial: int = 1, workers: int | None = None) -> None:
        if importlib.util.find_spec("pyspark") is None:
            raise SettingError("expected PySpark, which is not installed; install it with pip install 'bohb[spark]'")
        self._ranks = positive_integer("ranks_per_trial", ranks_per_trial)
        if workers is not None:
            positive_integer("workers", workers)
        self._session, self._is_ours = _open(session)
        self._context = _context(self._session)
        _check_speculation(self._context.getConf())
        self.workers = workers or _room(self._context, self._ranks)
        self._groups: dict[Future[Any], str] = {}
        self._is_shut = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a Spark job for a call.

        Raises:
            SettingError: If the call cannot be pickled.
            RuntimeError: If the executor was shut down; `BrokenExecutor` if the application has ended.
        """
        from pyspark import InheritableThread

        if self._is_shut:
            raise RuntimeError("expected an executor that is open, got one that was shut down; make a new one")
        if not self._is_running():
            raise BrokenExecutor("the Spark application has ended")
        packed = pack((fn, args, kwargs), "a call")
        future: Future[Any] = Future()
        # Only Spark knows what runs and what waits. A running future can be ended and waited for, but not cancelled.
        future.set_running_or_notify_cancel()
        name = f"bohb trial {args[0].id}" if args and isinstance(args[0], Trial) else "bohb call"
        self._groups[future] = f"bohb-{uuid.uuid4().hex}"
        # The job inherits the settings of this thread, such as its scheduler pool.
        InheritableThread(target=self._make, args=(future, packed, name), daemon=True).start()
        return future

    def end(self, future: Future[Any]) -> None:
        """End a call with every process it started; its future is done soon after."""
        group = self._groups.get(future)
        if group is not None and self._is_running():
            self._cancel(group)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls; with `cancel_futures` end all calls, and stop the session if it was started here."""
        self._is_shut = True
        waiting = list(self._groups)
        for future in waiting if cancel_futures else []:
            self.end(future)
        if wait:
            for future in waiting:
                future.exception()
            if self._is_ours:
                self._is_ours = False
                self._session.stop()

    def _make(self, future: Future[Any], packed: bytes, name: str) -> None:
        """Make a call and settle its future: the body of a thread."""
        from py4j.protocol import Py4JError

        group = self._groups[future]
        try:
            self._context.setJobGroup(group, name, interruptOnCancel=True)
            kind, value = self._on_ranks(packed, group) if self._ranks > 1 else self._on_one(packed)
        except Exception as error:
            kind, value = "error", self._explained(error)
        with contextlib.suppress(Py4JError, OSError, AttributeError):  # Spark was stopped, and its tasks with it
            self._wait_for_tasks(group)
        del self._groups[future]
        if kind == "error":
            future.set_exception(value)
        else:
            future.set_result(value)

    def _on_one(self, packed: bytes) -> tuple[str, Any]:
        (reply,) = self._context.parallelize([packed], 1).mapPartitions(_evaluate).collect()
        kind, value = unpack_reply(reply)
        return kind, value

    def _on_ranks(self, packed: bytes, group: str) -> tuple[str, Any]:
        has_failed = threading.Event()

        def cancel() -> None:  # Spark would start the failed stage again
            has_failed.set()
            self._cancel(group)

        is_local = self._context.master.startswith("local")
        with ReportCollector(self._ranks, is_local=is_local, on_failure=cancel) as reports:
            rank = reports.rank(packed, rank_variable="RANK", host_variable=DRIVER_VARIABLE)
            error = self._start(RankTask(rank, self._context.getConf().get("spark.driver.host", "")))
            return "result", reports.verdict(RuntimeError("Spark ended the others") if has_failed.is_set() else error)

    def _start(self, task: "RankTask") -> Exception | None:
        """Run a barrier job; return what ended it before all its tasks had."""
        try:
            self._context.parallelize(range(self._ranks), self._ranks).barrier().mapPartitions(task).collect()
        except Exception as error:
            explained = self._explained(error)
            if isinstance(explained, BrokenExecutor):
                raise explained from error
            return explained
        return None

    def _cancel(self, group: str) -> None:
        self._context._jsc.sc().cancelJobGroupAndFutureJobs(group)  # noqa: SLF001  (PySpark has no name for it)

    def _wait_for_tasks(self, group: str) -> None:
        """Wait until no task of a job group runs: a job that is cancelled ends before its tasks do."""
        tracker = self._context.statusTracker()
        until = time.monotonic() + SECONDS_TO_CANCEL
        while _num_tasks(tracker, group) > 0 and time.monotonic() < until:
            time.sleep(0.1)

    def _explained(self, error: Exception) -> Exception:
        """Return what an exception of Spark means for the trial, or for the executor."""
        from py4j.protocol import Py4JJavaError
        from pyspark.errors import PySparkException

        if isinstance(error, WorkerLost | BrokenExecutor):
            return error
        if isinstance(error, Py4JJavaError | PySparkException) and self._is_running():
            said = error.java_exception.getMessage() if isinstance(error, Py4JJavaError) else error
            text = " ".join(str(said).split())
            if any(name in text for name in UNUSABLE):
                said = _shortened(text)
                return BrokenExecutor(
                    f"the Python of Spark's executors cannot run a trial; {ADVICE}. Spark says: {said}"
                )
            return WorkerLost(f"Spark ended the job of the trial: {_shortened(text)}")
        if self._is_running():
            return error
        return BrokenExecutor(f"the Spark application has ended: {type(error).__name__}: {error}"[:MAX_MESSAGE])

    def _is_running(self) -> bool:
        from py4j.protocol import Py4JError

        try:
            return self._context._jsc is not None and not self._context._jsc.sc().isStopped()  # noqa: SLF001
        except (Py4JError, OSError):  # the JVM is gone
            return False


@dataclass(frozen=True, slots=True)
class RankTask:
    """What the Spark task of a rank does: run the rank in a process of its own.

    Attributes:
        rank: What to run.
        driver: The host of the driver.
    """

    rank: Rank
    driver: str

    def __call__(self, _: Iterator[Any]) -> Iterator[Any]:
        """Run the rank; it reports to the driver by itself.

        Raises:
            WorkerLost: If the rank failed or died, so that Spark ends the other ranks.
        """
        from pyspark import BarrierTaskContext

        context = BarrierTaskContext.get()
        places = {**_torchrun_variables(context), DRIVER_VARIABLE: self.driver}
        suffix = f".rank-{context.partitionId()}" if context.partitionId() else ""
        kind, value = _in_process(self.rank, (), {**_devices(context), **places, OUTPUT_SUFFIX_VARIABLE: suffix})
        if kind == "error":
            raise value
        return iter(())


def _evaluate(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Make a call in a process of its own; this runs in a Python worker of Spark."""
    from pyspark import TaskContext

    context: Any = TaskContext.get()
    packed = next(parts)
    if context.attemptNumber() > 0:
        lost = WorkerLost("Spark lost the executor of the trial, or its Python worker, before it had a result")
        yield pack_reply("error", lost)[1]
    else:
        yield pack_reply(*_in_process(_call, (packed,), _devices(context)))[1]


def _call(packed: bytes) -> Any:
    fn, args, kwargs = pickle.loads(packed)  # noqa: S301  (from the program that submitted it)
    return fn(*args, **kwargs)


def _in_process(fn: Callable[..., Any], args: tuple[Any, ...], environment: Mapping[str, str]) -> tuple[str, Any]:
    """Return the kind and the value of the reply of a new process."""
    process = WorkerProcess(environment=environment)
    try:
        process.send(0, pickle.dumps(fn), pickle.dumps((args, {})))
        reply = process.receive()
        assert reply is not None, "there is no time limit"
        return reply[0], reply[1]
    except WorkerLost as error:
        return "error", error
    finally:
        process.kill()


def _devices(context: Any) -> dict[str, str]:
    """Return the variable that shows a task the GPUs that Spark gave it."""
    gpus = context.resources().get("gpu")
    return {} if gpus is None else {"CUDA_VISIBLE_DEVICES": ",".join(gpus.addresses)}


def _torchrun_variables(context: Any) -> dict[str, str]:
    """Return the variables by which the ranks of a barrier stage find each other; it waits for all of them."""
    number = context.partitionId()
    hosts = [info.address.rpartition(":")[0] or info.address for info in context.getTaskInfos()]
    ports = context.allGather(str(_free_port()))
    return {
        "RANK": str(number),
        "WORLD_SIZE": str(len(hosts)),
        "LOCAL_RANK": str(hosts[:number].count(hosts[number])),
        "LOCAL_WORLD_SIZE": str(hosts.count(hosts[number])),
        "MASTER_ADDR": hosts[0],
        "MASTER_PORT": ports[0],
    }


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("", 0))
        port: int = listening.getsockname()[1]
        return port


def _open(session: Any) -> tuple[Any, bool]:
    """Return the session to use, and whether it was started here."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if session is not None:
        return session, False
    is_ours = SparkContext._active_spark_context is None  # noqa: SLF001  (PySpark has no name for it)
    return SparkSession.builder.getOrCreate(), is_ours


def _context(session: Any) -> Any:
    context = getattr(session, "sparkContext", None)
    if context is None:
        raise SettingError(
            f"expected a SparkSession with a SparkContext, got {type(session).__module__}.{type(session).__name__}; "
            "Spark Connect cannot run jobs of one task, so run the program on the driver of a classic session"
        )
    return context


def _check_speculation(conf: Any) -> None:
    """Refuse copies of running tasks, which look like tasks that start again because the first one was lost."""
    threshold = "spark.speculation.task.duration.threshold"
    if conf.get("spark.speculation", "false") == "true" and conf.get(threshold):
        raise SettingError(
            f"expected no speculation for jobs of one task, got {threshold}={conf.get(threshold)}; unset it"
        )


def _room(context: Any, ranks: int) -> int:
    """Return how many trials the application has room for, once the number of its slots stays the same."""
    until, before = time.monotonic() + SECONDS_TO_REGISTER, 0
    while (slots := _num_slots(context)) != before or (slots < ranks and time.monotonic() < until):
        before = slots
        time.sleep(1.0)
    if slots < ranks:
        raise SettingError(
            f"expected room for a trial of {ranks} Spark tasks, got an application with {slots} slots; give it more "
            "executors, or pass workers= if it will grow"
        )
    return slots // ranks


def _num_slots(context: Any) -> int:
    """Return how many tasks can run at the same time, by their CPUs and other resources."""
    scheduler = context._jsc.sc()  # noqa: SLF001  (PySpark has no name for it)
    return int(scheduler.maxNumConcurrentTasks(scheduler.resourceProfileManager().defaultResourceProfile()))


def _num_tasks(tracker: Any, group: str) -> int:
    jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(group)]
    stages = [tracker.getStageInfo(stage) for job in jobs if job is not None for stage in job.stageIds]
    return sum(stage.numActiveTasks for stage in stages if stage is not None)


def _shortened(text: str) -> str:
    """Return both ends of a long text: Spark says at the beginning which task failed, and Python at the end why."""
    half = MAX_MESSAGE // 2
    return text if len(text) <= MAX_MESSAGE else f"{text[:half]} ... {text[-half:]}"
