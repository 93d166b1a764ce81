"""What a training saves that goes on in place: `python -m benchmarks.inside`.

The same search on the handwritten digits, once with a function that trains up to the budget of each trial, and once
with a generator that goes on in place. With checkpoints, the function saves start-up and loading only where the
generator does: in a process of its own for each training, as with GPUs, it imports scikit-learn again. Without
checkpoints, it trains again from the start. Every figure is the CPU time of all processes, with one BLAS thread.
"""

import os
import resource
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import bohb
from benchmarks.problems.digits import Digits
from benchmarks.targets import Target, show
from bohb.runner import FolderTrial, ProcessExecutor

NUM_TRIALS, NUM_FRESH = 100, 16
"""How many trials a search has, and how many if every training has a process of its own."""


@dataclass(frozen=True)
class Training:
    """The objective.

    Attributes:
        saves: Whether it writes checkpoints, and resumes from them.
        starts: A file to which every call adds a character.
    """

    saves: bool
    starts: Path

    def __call__(self, trial: FolderTrial) -> Generator[dict[str, Any], FolderTrial, None]:
        """Train without an end, and yield the loss where a trial ends."""
        import joblib

        with self.starts.open("a") as file:
            file.write("s")
        problem, done = Digits(), 0
        network = problem.network(trial.config, seed=0)
        if self.saves and trial.checkpoint is not None:
            network, done = joblib.load(trial.checkpoint)
        for epoch in count(done + 1):
            problem.train(network)
            reached: dict[str, Any] = {"epoch": epoch, "loss": None}
            if epoch == trial.budget:
                reached["loss"] = problem.loss(network)
                if self.saves:
                    reached["checkpoint"] = trial.folder / f"{epoch}.joblib"
                    joblib.dump((network, epoch), reached["checkpoint"])
            trial = yield reached


@dataclass(frozen=True)
class Function:
    """The same training as a function, which is called anew for each trial."""

    training: Training

    def __call__(self, trial: FolderTrial) -> dict[str, Any]:
        """Train up to the budget of the trial."""
        return next(step for step in self.training(trial) if step["loss"] is not None)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a search spent: epochs, calls of the objective, and seconds of CPU time."""

    epochs: float
    starts: int
    seconds: float


def search(*, in_place: bool, saves: bool, is_fresh: bool) -> Spent:
    """Run a search of the default preset; return what it spent."""
    optimizer = bohb.Optimizer(Digits().space, Digits().ladder, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        training = Training(saves, Path(folder) / "starts")
        objective: Callable[..., Any] = training if in_place else Function(training)
        num_trials = NUM_FRESH if is_fresh else NUM_TRIALS
        begin = _cpu_seconds()
        with ProcessExecutor(1, warm=not is_fresh) as executor:
            report = bohb.run(
                objective, optimizer, executor=executor, max_trials=num_trials, directory=folder, progress=False
            )
        return Spent(report.spent, training.starts.stat().st_size, _cpu_seconds() - begin)


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of its children that have ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def measure() -> Iterator[Target]:
    """Yield the targets: what a generator spends, divided by what a function spends."""
    for saves, is_fresh, limit in ((False, False, 1.0), (True, False, 1.05), (True, True, 1.0)):
        before, now = (search(in_place=in_place, saves=saves, is_fresh=is_fresh) for in_place in (False, True))
        name = f"{'with' if saves else 'without'} checkpoints, {'fresh' if is_fresh else 'warm'} processes"
        print(f"{name}: a function {before}, a generator {now}", flush=True)
        yield Target(f"{name}, epochs", now.epochs / before.epochs, 1.0, "x")
        yield Target(f"{name}, starts", now.starts / before.starts, 1.0, "x")
        yield Target(f"{name}, CPU time", now.seconds / before.seconds, limit, "x")


if __name__ == "__main__":
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"  # for the workers; sklearn is loaded there alone
    sys.exit(show(measure()))
