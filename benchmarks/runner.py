"""The overhead of the runner: `python -m benchmarks.runner`. It compares in one run, and asserts nothing.

* The loop itself: a no-op trial, beyond the engine's own `submit` and the optimizer's own ask and tell.
* Idle time: how much of the time 64 simulated slow workers are busy.
* Warm workers: no-op calls a second, `ProcessExecutor` and the standard library's pool in turns.
* Starts: what a fresh worker costs.
* Checkpoints: what resuming saves.
"""

import argparse
import heapq
import math
import queue
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import bohb
from bohb.runner import FolderTrial, ProcessExecutor, SerialExecutor
from bohb.runner.evaluation import Evaluation
from bohb.trials import Trial

SPACE = {"x": (0.0, 1.0)}


def main() -> None:
    """Print one section after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000, help="no-op trials per measurement")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to keep the simulated workers busy")
    arguments = parser.parse_args()
    loop_overhead(arguments.trials)
    idle_time(arguments.seconds)
    warm_workers(arguments.trials)
    starts()
    checkpoints()


def make_optimizer(*, preset: str = "hyperband") -> bohb.Optimizer:
    """Return a search over one parameter; by default one that costs next to nothing itself."""
    return bohb.Optimizer(SPACE, budgets=bohb.geometric(1, 81, eta=3), seed=0, preset=preset)


def no_op(_: Trial) -> float:
    """Evaluate nothing."""
    return 0.5


def seconds_of(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


# The loop.


def loop_overhead(num_trials: int) -> None:
    """Print what a trial costs beyond submit, ask and tell, with one worker."""
    print(f"loop: {num_trials} no-op trials, one worker; ms a trial (target: at most 1 beyond submit)")
    print(f"  {'engine':<22}{'run':>8}{'submit':>8}{'ask+tell':>10}{'loop':>8}")
    engines: list[Callable[[], Executor]] = [
        SerialExecutor,
        partial(ThreadPoolExecutor, 1),
        partial(ProcessPoolExecutor, 1),
        partial(ProcessExecutor, 1),
    ]
    for make in engines:
        with make() as executor:
            submits(executor, 10, in_flight=1)
            alone = statistics.median(submits(executor, num_trials, in_flight=1) for _ in range(3))
            own = statistics.median(seconds_of(lambda: ask_and_tell(num_trials)) for _ in range(3))
            whole = statistics.median(seconds_of(partial(run_no_ops, executor, num_trials, 1)) for _ in range(3))
        figures = [1000 * seconds / num_trials for seconds in (whole, alone, own, whole - alone - own)]
        name = type(executor).__name__
        print(f"  {name:<22}{figures[0]:>8.3f}{figures[1]:>8.3f}{figures[2]:>10.3f}{figures[3]:>8.3f}")


def run_no_ops(executor: Executor, num_trials: int, workers: int) -> None:
    """Run a search over no-op trials."""
    optimizer = make_optimizer()
    bohb.run(no_op, optimizer, executor=executor, workers=workers, max_trials=num_trials, progress=False)


def ask_and_tell(num_trials: int) -> None:
    """Run the same search without a runner."""
    optimizer = make_optimizer()
    for _ in range(num_trials):
        optimizer.tell(optimizer.ask(), 0.5)


def submits(executor: Executor, number: int, *, in_flight: int) -> float:
    """Return the seconds that `number` evaluations take, with `in_flight` of them at once."""
    evaluation, trial = Evaluation(no_op), make_optimizer().ask()
    done: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
    begin = time.perf_counter()
    for i in range(number + in_flight):
        if i >= in_flight:
            done.get().result()
        if i < number:
            executor.submit(evaluation, trial).add_done_callback(done.put)
    return time.perf_counter() - begin


# Idle time.


class SimulatedWorkers(Executor):
    """An executor whose trials only wait; it records for how long.

    Args:
        draw: Returns how many seconds the next trial lasts.
    """

    in_process = True

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._heap: list[tuple[float, int, Future[Any], Any]] = []
        self._changed = threading.Condition()
        self._is_shut = False
        self.spans: list[tuple[float, float]] = []
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a simulated trial."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        begin, end = time.monotonic(), time.monotonic() + self._draw()
        self.spans.append((begin, end))
        with self._changed:
            heapq.heappush(self._heap, (end, len(self.spans), future, fn(*args, **kwargs)))
            self._changed.notify()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the thread."""
        del cancel_futures
        with self._changed:
            self._is_shut = True
            self._changed.notify()
        if wait:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                due = self._heap[0][0] if self._heap else math.inf
                if self._is_shut:
                    return
                if time.monotonic() < due:
                    self._changed.wait(min(due - time.monotonic(), 60.0))
                    continue
                _, _, future, value = heapq.heappop(self._heap)
            future.set_result(value)


def idle_time(seconds: float) -> None:
    """Print the share of the time that 64 workers are busy, from the start until no more trials start."""
    print(f"\nidle time: 64 simulated workers, trials of 1 to 5 s, for {seconds:g} s (target: at least 99 % busy)")
    for preset in ("hyperband", "default"):
        rng = random.Random(0)  # noqa: S311  (durations)
        with SimulatedWorkers(partial(rng.uniform, 1.0, 5.0)) as executor:
            optimizer, begin = make_optimizer(preset=preset), time.monotonic()
            bohb.run(no_op, optimizer, executor=executor, workers=64, max_seconds=seconds, progress=False)
            until = begin + seconds
            busy = sum(max(0.0, min(end, until) - start) for start, end in executor.spans)
        print(f"  preset {preset:<10} {busy / (64 * seconds):.2%} busy, {len(executor.spans)} trials")


# Warm workers.


def warm_workers(num_trials: int) -> None:
    """Print no-op calls per second of our workers and of the standard library's, measured in turns."""
    print(f"\nwarm workers: {num_trials} no-op trials in turns of a quarter, calls a second (target: at least 80 %)")
    num_trials //= 4  # short turns, so that other load affects both equally
    for workers in (1, 2, 4):
        with ProcessExecutor(workers) as ours, ProcessPoolExecutor(workers) as theirs:
            for executor in (ours, theirs):
                submits(executor, 20 * workers, in_flight=2 * workers)
            rates = [
                (
                    num_trials / submits(ours, num_trials, in_flight=workers),
                    num_trials / submits(theirs, num_trials, in_flight=workers),
                )
                for _ in range(9)
            ]
            runs = [
                (
                    num_trials / seconds_of(partial(run_no_ops, ours, num_trials, workers)),
                    num_trials / seconds_of(partial(run_no_ops, theirs, num_trials, workers)),
                )
                for _ in range(7)
            ]
        for name, pairs in (("submit", rates), ("run", runs)):
            ratio = statistics.median(own / other for own, other in pairs)
            own, other = (statistics.median(column) for column in zip(*pairs, strict=True))
            rates_text = f"ProcessExecutor {own:6.0f}, ProcessPoolExecutor {other:6.0f}"
            print(f"  {workers} workers, {name:<7} {rates_text}: {ratio:.0%}")


def starts() -> None:
    """Print what a trial costs in a fresh worker, and in a warm one."""
    print("\nstarts: ms a no-op trial, one worker at a time")
    for name, warm in (("fresh", False), ("warm", True)):
        with ProcessExecutor(1, warm=warm) as executor:
            submits(executor, 1, in_flight=1)
            print(f"  {name:<6} {1000 * submits(executor, 20, in_flight=1) / 20:8.2f}")


# Checkpoints.


def train(trial: Trial) -> dict[str, object]:
    """Pay for the epochs that the checkpoint lacks."""
    assert isinstance(trial, FolderTrial), "the run has a directory"
    seen = 0 if trial.checkpoint is None else int(Path(trial.checkpoint).read_text())
    path = trial.folder / f"{trial.id}.epochs"
    path.write_text(str(trial.budget))
    return {"loss": trial.config["x"], "checkpoint": path, "info": {"paid": trial.budget - seen}}


def checkpoints() -> None:
    """Print the epochs that one Hyperband cycle pays with checkpoints and without."""
    print("\ncheckpoints: epochs paid in one cycle of Hyperband (expected to save: about a quarter at S = 5, eta = 3)")
    for largest in (81, 243):
        optimizer = bohb.Optimizer(SPACE, budgets=bohb.geometric(1, largest, eta=3), seed=0, preset="hyperband")
        plan = optimizer.plan()
        with tempfile.TemporaryDirectory() as folder:
            bohb.run(train, optimizer, max_trials=plan.num_trials, directory=folder, progress=False)
        paid = sum(result.info["paid"] for result in optimizer.results)
        afresh = sum(result.trial.budget for result in optimizer.results)
        rungs = len(optimizer.ladder)
        print(f"  {rungs} rungs (S = {rungs - 1}): {paid} resumed, {afresh} afresh: {1 - paid / afresh:.1%} saved")


if __name__ == "__main__":
    main()
