"""The presets of `bohb`."""

import time
from collections.abc import Mapping
from typing import Any

from ConfigSpace import ConfigurationSpace

import bohb
from benchmarks.optimizers.optimizer import Job


class Preset:
    """One preset of `bohb.Optimizer`.

    Args:
        space: The parameters and their conditions.
        ladder: The budgets.
        seed: The seed of all randomness.
        settings: `preset=...`, `repeats=...`, or `schedule=...` and `model=...`.
    """

    def __init__(self, space: ConfigurationSpace, ladder: bohb.Ladder, seed: int, **settings: Any) -> None:
        self.seconds = 0.0
        self.version: Mapping[str, str] = {"bohb": bohb.__version__}
        self._optimizer = bohb.Optimizer(space, ladder, seed=seed, **settings)

    def ask(self) -> Job | None:
        """Return the next trial, or None when a finite space is used up."""
        start = time.perf_counter()
        try:
            trial = self._optimizer.ask()
        except bohb.SpaceExhausted:
            return None
        finally:
            self.seconds += time.perf_counter() - start
        return Job(trial, trial.config, trial.budget)

    def tell(self, job: Job, loss: float) -> None:
        """Tell the loss; NaN counts as a failure."""
        start = time.perf_counter()
        self._optimizer.tell(job.key, loss)
        self.seconds += time.perf_counter() - start

    def lose(self, job: Job) -> None:
        """Forget the trial: the same configuration is asked again."""
        self._optimizer.forget(job.key)

    def recommend(self) -> Mapping[str, Any] | None:
        """Return the configuration to use."""
        found = self._optimizer.recommend()
        return None if found is None else found.config

    def close(self) -> None:
        """Do nothing: there are no resources to free."""
