"""What is pending and what was told, by budget.

A tell changes one place: the record of its level. Everything else that depends on it, such as the ranking of a rung,
is a view that reads what is new when somebody looks.
"""

from collections.abc import Sequence

from bohb.record.pending import PendingTrials
from bohb.trials import Result


class LevelRecord:
    """What was told at one budget.

    Attributes:
        results: The result of each configuration that was told here, by id.
        order: The ids of these configurations, in the order of telling.
    """

    __slots__ = ("order", "results")

    def __init__(self) -> None:
        self.results: dict[int, Result] = {}
        self.order: list[int] = []

    def entry(self, config_id: int) -> tuple[float, int]:
        """Return the (loss, id) by which a told configuration is ranked; the loss of a failure is infinite."""
        return self.results[config_id].loss, config_id

    def since(self, number: int) -> Sequence[int]:
        """Return the ids of the configurations told after the first `number` ones."""
        return self.order[number:]


class Record:
    """What is pending and what was told.

    Args:
        costs: What an evaluation costs at each level, ascending.

    Attributes:
        levels: What was told at each budget, cheapest first.
        results: Every result that counts, in the order of telling.
        order: The (level, configuration id) of each of these results.
        pending: The trials without a result.
    """

    def __init__(self, costs: Sequence[float]) -> None:
        self.levels = tuple(LevelRecord() for _ in costs)
        self.results: list[Result] = []
        self.order: list[tuple[int, int]] = []
        self.pending = PendingTrials(costs)

    def is_taken(self, level: int, config_id: int) -> bool:
        """Whether the configuration is evaluated or pending at this level."""
        return config_id in self.levels[level].results or self.pending.has(level, config_id)

    def num_taken(self, level: int) -> int:
        """Return how many configurations are evaluated or pending at this level."""
        return len(self.levels[level].results) + self.pending.count(level)

    def tell(self, level: int, result: Result) -> None:
        """Record the first result of a configuration at a level. It is pending there no more."""
        config_id = result.trial.config_id
        self.pending.settle(level, config_id)
        here = self.levels[level]
        here.results[config_id] = result
        here.order.append(config_id)
        self.results.append(result)
        self.order.append((level, config_id))
