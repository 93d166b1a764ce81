"""The steps of trainings: from the result that a trial resumed to its own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bohb.models.observations import Observations


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a training that succeeded before and after.

    Attributes:
        trial_id: The trial that made it.
        batch: Steps that were told between two asks are a batch. Batches have ascending numbers.
        config_id: The configuration with which it was made.
        level: The level that it led to.
        before: The loss before, which may be that of another configuration.
        after: The loss after.
    """

    trial_id: int
    batch: int
    config_id: int
    level: int
    before: float
    after: float


class _Steps:
    """The steps so far, which grow with the results."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._losses: dict[int, float] = {}  # by trial
        self._num_results = 0

    def catch_up(self, observations: Observations) -> None:
        """Take the results since the last time."""
        new, batches = observations.results_since(self._num_results), observations.batches_since(self._num_results)
        for (level, result), batch in zip(new, batches, strict=True):
            trial = result.trial
            self._losses[trial.id] = result.loss
            before = math.inf if trial.previous is None else self._losses.get(trial.previous, math.inf)
            if math.isfinite(before) and math.isfinite(result.loss):
                self.steps.append(Step(trial.id, batch, trial.config_id, level, before, result.loss))
        self._num_results += len(batches)


def steps_of(observations: Observations) -> Sequence[Step]:
    """Return the steps of all trainings, in the order of telling."""
    steps: _Steps = observations.remember("training steps", _Steps, as_of=0)
    steps.catch_up(observations)
    return steps.steps
