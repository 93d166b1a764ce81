"""Syne Tune's MOBSTER, HyperTune and DyHPO, which its releases after 0.13 no longer have, as its tuner calls them.

A trial that is neither stopped nor paused at a rung continues on the worker that has just become free. Steps are
counted in smallest budgets, because its resources are integers. DyHPO's own rungs are all odd steps; here it has those
of the ladder, as every other does, because budgets between them cannot be trained.

Oddities: it has no conditions, so every parameter is always proposed, and inactive ones are dropped afterwards. A lost
worker is an error of the trial, as in its tuner.
"""

import contextlib
import datetime as dt
import io
import math
from typing import Any

from benchmarks.peers.synetune_space import domain
from benchmarks.peers.task import Asked, Task

with contextlib.redirect_stdout(io.StringIO()):  # what it lacks for other parts of it
    from syne_tune.backend.trial_status import Trial
    from syne_tune.optimizer.baselines import MOBSTER, DyHPO, HyperTune
    from syne_tune.optimizer.scheduler import SchedulerDecision

METRIC, STEP = "loss", "step"


class SyneTuneModel:
    """A scheduler and the trials under way.

    Args:
        task: The search.
        scheduler: The class of the scheduler.
    """

    def __init__(self, task: Task, scheduler: Any) -> None:
        self.task = task
        eta = round(task.eta)
        self.steps = [eta**level for level in range(len(task.budgets))]
        self.scheduler = scheduler(
            {name: domain(parameter) for name, parameter in task.space.items()},
            metric=METRIC,
            resource_attr=STEP,
            max_t=self.steps[-1],
            grace_period=1,
            reduction_factor=eta,
            mode="min",
            random_seed=task.seed,
            search_options={"debug_log": False},
        )
        self.trials: dict[int, Trial] = {}
        self.levels: dict[int, int] = {}
        self.runs: list[tuple[int, int]] = []
        self.waiting: list[int] = []

    def ask(self) -> Asked | None:
        """Return the next rung of a trial that continues, else what the scheduler suggests; None if it has nothing."""
        trial_id = self.waiting.pop(0) if self.waiting else self._suggested()
        if trial_id is None:
            return None
        level = self.levels[trial_id]
        self.runs.append((trial_id, level))
        return Asked(len(self.runs) - 1, self.trials[trial_id].config, self.task.budgets[level])

    def tell(self, key: int, loss: float) -> None:
        """Report the step, and carry out the decision of the scheduler."""
        trial_id, level = self.runs[key]
        trial, result = self.trials[trial_id], {METRIC: loss, STEP: self.steps[level]}
        if math.isnan(loss):
            self.scheduler.on_trial_error(trial)
            return
        decision = self.scheduler.on_trial_result(trial, result)
        self.levels[trial_id] = level + 1
        if decision != SchedulerDecision.CONTINUE:  # also its decision at the last step
            self.scheduler.on_trial_remove(trial)
        elif level == len(self.steps) - 1:
            self.scheduler.on_trial_complete(trial, result)
        else:
            self.waiting.append(trial_id)

    def lose(self, key: int) -> None:
        """Report a lost worker as a failure."""
        self.tell(key, math.nan)

    def _suggested(self) -> int | None:
        suggestion = self.scheduler.suggest(trial_id=len(self.trials))
        if suggestion is None:
            return None
        if not suggestion.spawn_new_trial_id:
            return int(suggestion.checkpoint_trial_id)
        trial = Trial(len(self.trials), suggestion.config, dt.datetime.now(dt.UTC))
        self.trials[trial.trial_id], self.levels[trial.trial_id] = trial, 0
        self.scheduler.on_trial_add(trial)
        return int(trial.trial_id)


def make_mobster(task: Task) -> SyneTuneModel:
    """A Gaussian process over steps, and asynchronous halving."""
    return SyneTuneModel(task, MOBSTER)


def make_hypertune(task: Task) -> SyneTuneModel:
    """MOBSTER with several brackets, and an ensemble over rungs."""
    return SyneTuneModel(task, HyperTune)


def make_dyhpo(task: Task) -> SyneTuneModel:
    """A Gaussian process that chooses what to resume."""
    return SyneTuneModel(task, DyHPO)
