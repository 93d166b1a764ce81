"""Syne Tune's BOHB and ASHA, with their default settings, called as its tuner calls them.

Both are stopping rules: a trial that is not stopped at a rung continues on the worker that has just become free.
Steps are counted in smallest budgets, because its resources are integers.

Oddities: it has no conditions, so every parameter is always proposed, and inactive ones are dropped afterwards. Its
BOHB has one model over the last value of every trial, at any budget. Its random configurations come from numpy's global
generator, which gets another seed, because equal seeds would propose configurations twice. A lost worker is an error of
the trial, as in its tuner.
"""

import datetime as dt
import math

import numpy as np
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer.baselines import ASHA, BOHB
from syne_tune.optimizer.scheduler import SchedulerDecision

from benchmarks.peers.synetune_space import domain
from benchmarks.peers.task import Asked, Task

METRIC, STEP = "loss", "step"


class SyneTune:
    """A scheduler and the trials under way.

    Args:
        task: The search.
        scheduler: The class of the scheduler.
    """

    def __init__(self, task: Task, scheduler: type[ASHA] | type[BOHB]) -> None:
        self.task = task
        np.random.seed(np.random.SeedSequence([task.seed, 1]).generate_state(1)[0])  # noqa: NPY002
        eta = round(task.eta)
        self.steps = [eta**level for level in range(len(task.budgets))]
        self.scheduler = scheduler(
            {name: domain(parameter) for name, parameter in task.space.items()},
            metric=METRIC,
            time_attr=STEP,
            max_t=self.steps[-1],
            grace_period=1,
            reduction_factor=eta,
            do_minimize=True,
            random_seed=task.seed,
        )
        self.num_trials = 0
        self.runs: list[tuple[Trial, int]] = []
        self.waiting: list[tuple[Trial, int]] = []

    def ask(self) -> Asked | None:
        """Return the next rung of a trial that continues, else a new trial; None if no configuration is left."""
        run = self.waiting.pop(0) if self.waiting else self._new_trial()
        if run is None:
            return None
        self.runs.append(run)
        trial, level = run
        return Asked(len(self.runs) - 1, trial.config, self.task.budgets[level])

    def tell(self, key: int, loss: float) -> None:
        """Report the step, and carry out the decision of the scheduler."""
        trial, level = self.runs[key]
        if math.isnan(loss):
            self.scheduler.on_trial_error(trial)
            return
        decision = self.scheduler.on_trial_result(trial, {METRIC: loss, STEP: self.steps[level]})
        if decision == SchedulerDecision.STOP:  # also its decision at the last step
            self.scheduler.on_trial_remove(trial)
        else:
            self.waiting.append((trial, level + 1))

    def lose(self, key: int) -> None:
        """Report a lost worker as a failure."""
        self.tell(key, math.nan)

    def _new_trial(self) -> tuple[Trial, int] | None:
        suggestion = self.scheduler.suggest()
        if suggestion is None:
            return None
        trial = Trial(self.num_trials, suggestion.config, dt.datetime.now(dt.UTC))
        self.num_trials += 1
        self.scheduler.on_trial_add(trial)
        return trial, 0


def make_bohb(task: Task) -> SyneTune:
    """Density ratio and asynchronous halving."""
    return SyneTune(task, BOHB)


def make_asha(task: Task) -> SyneTune:
    """Random configurations and asynchronous halving."""
    return SyneTune(task, ASHA)
