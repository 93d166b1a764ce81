"""What holds on every executor: the laws, each a test of one engine. `test_contract.py` runs them on all.

Objectives are defined inside functions, so that they travel to the workers by value: no worker can import the tests.
What happened in a worker is read from files in a folder.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import bohb
from bohb import Status
from bohb.optimizer.events import Asked
from tests.runner.engines import Engine

SPACE = {"x": (0.0, 1.0)}
HOUR = 3600


def make_optimizer() -> bohb.Optimizer:
    return bohb.Optimizer(SPACE, budgets=bohb.geometric(1, 9, eta=3), seed=3, preset="hyperband")


def run(objective, optimizer, engine: Engine, *, workers: int = 2, **arguments):
    with engine.make(workers) as executor:
        return bohb.run(objective, optimizer, executor=executor, workers=workers, progress=False, **arguments)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def pids(folder: Path) -> list[int]:
    return [int(path.suffix[1:]) for path in folder.glob("*.[0-9]*")]


def test_results_arrive_whole(engine: Engine) -> None:
    """Loss, checkpoint and info are told as the objective returned them; nothing stays pending."""

    def objective(trial):
        return {"loss": trial.config["x"] / trial.budget, "checkpoint": f"c{trial.id}", "info": {"seen": trial.id}}

    optimizer = make_optimizer()
    number = engine.trials(20, few=4)
    report = run(objective, optimizer, engine, max_trials=number)
    assert report.num_trials == len(optimizer.results) == number
    assert not optimizer.pending
    for result in optimizer.results:
        trial = result.trial
        assert result.loss == trial.config["x"] / trial.budget
        assert (result.checkpoint, result.info) == (f"c{trial.id}", {"seen": trial.id})


def test_an_exception_fails_the_configuration_with_its_traceback(engine: Engine) -> None:
    """What the objective raises is told once, never retried, and the traceback names the line."""

    def objective(trial):
        if trial.id % 3 == 1:
            raise ValueError(f"diverged in trial {trial.id}")
        return 0.5

    optimizer = make_optimizer()
    number = engine.trials(12, few=5)
    report = run(objective, optimizer, engine, max_trials=number, retries=5)
    failures = [result for result in optimizer.results if result.status is Status.ERROR]
    assert [result.trial.id for result in sorted(failures, key=lambda result: result.trial.id)] == [
        *range(1, number, 3)
    ]
    assert (report.num_failures, report.num_lost) == (len(failures), 0)
    for result in failures:
        assert result.info["error"] == f"ValueError: diverged in trial {result.trial.id}"
        assert 'raise ValueError(f"diverged in trial {trial.id}")' in result.info["traceback"]


@pytest.mark.parametrize("text", ["None", "'0.5'", "{'lost': 1}", "{'loss': 1, 'info': {'x': object()}}", "[0, 1]"])
def test_nonsense_is_a_failure_too(engine: Engine, text: str) -> None:
    """What is no loss fails the configuration, with an error that says what is wrong, and the run goes on."""
    if engine.is_slow and text != "None":
        pytest.skip("an outcome is read by the same code on every engine: one case is enough for a slow one")

    def objective(trial):
        return eval(text)  # noqa: S307  (made in the worker, since some of it cannot be sent there)

    optimizer = make_optimizer()
    report = run(objective, optimizer, engine, workers=1, max_trials=2)
    assert report.num_failures == 2
    assert optimizer.results[0].info["error"].startswith("OutcomeError: expected")


def test_leaving_python_is_a_failure(engine: Engine) -> None:
    """`sys.exit` in the objective ends the trial, not the worker."""

    def objective(trial):
        raise SystemExit(3)

    optimizer = make_optimizer()
    assert run(objective, optimizer, engine, workers=1, max_trials=2).num_failures == 2
    assert optimizer.results[0].info["error"] == "SystemExit: 3"


def test_one_worker_gives_the_same_trials_in_the_same_order(engine: Engine) -> None:
    """With one worker, every engine does what the plain loop of ask and tell does."""

    def loss(trial):
        return (trial.config["x"] - 0.3) ** 2 + 1 / trial.budget

    plain = bohb.Optimizer(SPACE, budgets=bohb.geometric(1, 9, eta=3), seed=5)
    number = engine.trials(25, few=6)
    for _ in range(number):
        trial = plain.ask()
        plain.tell(trial, loss(trial))
    optimizer = bohb.Optimizer(SPACE, budgets=bohb.geometric(1, 9, eta=3), seed=5)
    run(loss, optimizer, engine, workers=1, max_trials=number)
    assert optimizer.results == plain.results


def test_an_unpicklable_objective_is_refused_before_anything_runs(engine: Engine) -> None:
    """Engines that pickle refuse at once, with advice; the others need no pickle."""
    lock = threading.Lock()

    def objective(trial):
        with lock:
            return 0.5

    optimizer = make_optimizer()
    if not engine.pickles:
        assert run(objective, optimizer, engine, max_trials=2).num_trials == 2
        return
    with pytest.raises(bohb.SettingError, match=r"cannot be pickled .*lock.*; create locks"):
        run(objective, optimizer, engine, max_trials=2)
    assert not optimizer.events


@pytest.mark.slow
def test_a_killed_worker_costs_one_trial(engine: Engine, tmp_path: Path) -> None:
    """A worker that is killed under a trial is no failure of the configuration, if retries are left.

    Under a time limit that holds on every engine: the trial has a process of its own then.
    """
    folder = str(tmp_path)

    def objective(trial):
        marker = Path(folder) / "killed"
        if trial.config_id == 2 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 0.5

    optimizer = make_optimizer()
    number = engine.trials(8, few=4)
    report = run(objective, optimizer, engine, max_trials=number, retries=1, trial_seconds=HOUR)
    assert (report.num_trials, report.num_failures, report.num_lost) == (number, 0, 1)
    assert not optimizer.pending


@pytest.mark.slow
def test_without_retries_a_killed_worker_is_a_failure(engine: Engine) -> None:
    """A configuration that kills every worker is told as a failure in the end."""

    def objective(trial):
        if trial.config_id == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0.5

    optimizer = make_optimizer()
    report = run(objective, optimizer, engine, max_trials=engine.trials(4, few=2), trial_seconds=HOUR)
    assert (report.num_failures, report.num_lost) == (1, 1)
    (failure,) = (result for result in optimizer.results if result.status is Status.ERROR)
    assert failure.info["error"].startswith("WorkerLost: ")
    assert "SIGKILL" in failure.info["error"]


@pytest.mark.slow
def test_a_pool_that_breaks_says_so_and_loses_nothing(engine: Engine, tmp_path: Path) -> None:
    """Where one dead worker takes the whole pool along, the run stops with advice; a new pool goes on."""
    if engine.is_local or engine.survives or engine.is_permanent:
        pytest.skip("a worker of this engine is not lost, or lost alone, or with the whole program")
    folder = str(tmp_path)

    def objective(trial):
        marker = Path(folder) / "killed"
        if trial.config_id == 3 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 0.5

    optimizer = make_optimizer()
    with pytest.raises(bohb.ExecutorBroken, match="make a new executor"):
        run(objective, optimizer, engine, max_trials=10, retries=1)
    assert not optimizer.pending
    report = run(objective, optimizer, engine, max_trials=10 - len(optimizer.results))
    assert report.num_failures == 0
    assert {result.trial.config_id for result in optimizer.results} >= set(range(4))


@pytest.mark.slow
def test_a_time_out_ends_the_whole_tree(engine: Engine, tmp_path: Path) -> None:
    """A trial that forks and ignores SIGTERM is ended with all its processes, and is a failure; the others are not."""
    folder = str(tmp_path)

    def objective(trial):
        if trial.id != 1:
            return 0.5
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.fork()
        Path(folder, f"pid.{os.getpid()}").touch()
        time.sleep(HOUR)
        return 0.5

    optimizer = make_optimizer()
    report = run(objective, optimizer, engine, max_trials=5, trial_seconds=engine.trials(3, few=30))
    assert (report.num_trials, report.num_failures, report.num_lost) == (5, 1, 0)
    (failure,) = (result for result in optimizer.results if result.status is Status.ERROR)
    assert failure.trial.id == 1
    assert failure.info["error"].startswith("TimeoutError")
    assert len(pids(tmp_path)) == 2
    assert not any(is_running(pid) for pid in pids(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_cleanly(engine: Engine, tmp_path: Path, number: signal.Signals) -> None:
    """On Ctrl-C and SIGTERM what has ended is told, what runs is given back, and no process is left."""
    folder, seconds = str(tmp_path), HOUR if engine.can_end else 2

    def objective(trial):
        if trial.id < 2:
            return 0.5
        Path(folder, f"pid.{os.getpid()}").touch()
        time.sleep(seconds)
        return 0.5

    def interrupt() -> None:
        while not pids(tmp_path):
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    optimizer = make_optimizer()
    threading.Thread(target=interrupt, daemon=True).start()
    report = run(objective, optimizer, engine, max_trials=100)
    assert report.stopped_by == {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}[number]
    assert report.num_trials == len(optimizer.results) >= 1
    assert not optimizer.pending
    assert engine.is_local or engine.is_permanent or not any(is_running(pid) for pid in pids(tmp_path))
    told = {result.trial.config_id for result in optimizer.results}
    asked = {event.trial.config_id for event in optimizer.events if isinstance(event, Asked)}
    assert optimizer.ask().config_id in asked - told  # what was given back comes first


@pytest.mark.slow
def test_a_storm_of_kills_loses_nothing(engine: Engine, tmp_path: Path) -> None:
    """200 trials over 4 workers, one worker killed every half second: all are told, none failed, none was lost.

    An engine whose workers may not be killed has a time limit, and so a process for each trial below its workers.
    """
    usual, trial_seconds = (200, None) if engine.survives else (40, HOUR)
    num_trials = engine.trials(usual, few=8)
    folder, is_over, kills = str(tmp_path), threading.Event(), Counter()
    pause = engine.trials(0.1, few=0.4)  # so that about every other one of a few is hit

    def objective(trial):
        mark = Path(folder, f"{trial.config_id}-{trial.id}.{os.getpid()}")
        mark.touch()
        time.sleep(pause)
        mark.unlink()
        return 0.5

    optimizer = make_optimizer()
    thread = threading.Thread(target=kill_workers, args=(tmp_path, kills, is_over, engine.trials(3, few=1)))
    thread.start()
    try:
        report = run(
            objective, optimizer, engine, workers=4, max_trials=num_trials, retries=20, trial_seconds=trial_seconds
        )
    finally:
        is_over.set()
        thread.join()
    assert (report.num_trials, report.num_failures) == (num_trials, 0)
    assert len(optimizer.results) == num_trials
    assert not optimizer.pending
    # Siblings are untouched: no more trials were lost than workers were killed (a worker may be killed between trials).
    assert engine.reruns or report.num_lost > 0
    assert report.num_lost <= kills.total()


def kill_workers(folder: Path, kills: Counter[str], is_over: threading.Event, most: int) -> None:
    """Kills a worker that is at a trial, and half a second later the next; counts the kills by configuration.

    No configuration is hit more often than `most` times. The last one in a run is alone, and whatever is killed at
    fixed intervals and begins anew at once may be killed for ever, always at the same moment of its life.
    """
    rng, killed = random.Random(0), set()
    while not is_over.wait(0.5):
        while not (alive := [mark for mark in at_work(folder, killed) if kills[config_of(mark)] < most]):
            if is_over.wait(0.01):
                return
        mark = rng.choice(alive)
        kills[config_of(mark)] += 1
        killed.add(pid := int(mark.suffix[1:]))
        with suppress(ProcessLookupError):  # it ended in this moment
            os.kill(pid, signal.SIGKILL)


def at_work(folder: Path, killed: set[int]) -> list[Path]:
    """Returns the marks of the workers that are at a trial."""
    marks = sorted(folder.glob("*.[0-9]*"))
    return [mark for mark in marks if (pid := int(mark.suffix[1:])) not in killed and is_running(pid)]


def config_of(mark: Path) -> str:
    return mark.name.partition("-")[0]
