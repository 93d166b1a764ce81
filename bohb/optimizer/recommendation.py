"""The configuration to use: not that of the lowest loss, which luck favours, but that of the lowest expected loss."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bohb._html import pairs
from bohb._text import config_line, significant
from bohb.models import Model
from bohb.models.repetition import beliefs_of
from bohb.objectives import Goal
from bohb.optimizer.history import History
from bohb.space import Space


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The configuration to use.

    Attributes:
        config: The configuration.
        config_id: Its number.
        budget: The budget at which it was trained: the largest one that has a success.
        metric: The name of your metric, or `"loss"`.
        mean: The value of the metric that it has on average at this budget, as far as the results tell.
        deviation: The standard deviation of this mean: how unsure it is. It is not that of a single training.
        num_results: How often the configuration was trained at this budget.
        trial: The id of the best of these trainings.
    """

    config: Mapping[str, Any]
    config_id: int
    budget: Any
    metric: str
    mean: float
    deviation: float
    num_results: int
    trial: int

    def __str__(self) -> str:
        """Return the recommendation on one line."""
        return f"{self.value_text} at budget {self.budget} ({self.times}); {config_line(self.config)}"

    @property
    def value_text(self) -> str:
        """The mean and its deviation, such as `accuracy 0.93 ± 0.01`; a deviation of 0 is not known."""
        deviation = f" ± {significant(self.deviation)}" if self.deviation > 0 else ""
        return f"{self.metric} {significant(self.mean)}{deviation}"

    @property
    def times(self) -> str:
        """How often it was trained, in words."""
        return "trained once" if self.num_results == 1 else f"trained {self.num_results} times"

    def _repr_html_(self) -> str:
        """Return the recommendation as a table for notebooks."""
        rows = [("expected", self.value_text), ("budget", self.budget), ("results", self.times)]
        return pairs("recommended", [*rows, *self.config.items()])


def recommend(history: History, space: Space, model: Model, goal: Goal) -> Recommendation | None:
    """Return the configuration with the lowest expected loss at the largest budget with a success, or None.

    Between equal expectations the lower loss decides.
    """
    if not history.incumbents:
        return None
    level = history.ladder.level(history.incumbents[-1].budget)
    beliefs, results = beliefs_of(model, history.observations, space, level), history.record.levels[level]
    losses = np.array([results.results[config_id].loss for config_id in beliefs.config_ids])
    best = int(np.lexsort((losses, beliefs.means))[0])
    config_id = beliefs.config_ids[best]
    own = [results.results[config_id], *results.repeats.get(config_id, {}).values()]
    return Recommendation(
        config=dict(history.configs[config_id]),
        config_id=config_id,
        budget=history.ladder[level],
        metric=goal.name,
        mean=goal.value(float(beliefs.losses[best])),
        deviation=float(beliefs.deviations[best]),
        num_results=len(own),
        trial=min(own, key=lambda result: result.loss).trial.id,
    )
