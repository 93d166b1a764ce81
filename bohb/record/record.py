"""The pending trials and the results, by budget.

A tell changes only the record of its level. Everything that depends on it, such as the ranking of a rung, is a view
that reads the new results when it is read itself.
"""

from collections.abc import Sequence

from bohb.record.lessons import Lessons
from bohb.record.pending import PendingTrials
from bohb.trials import Result


class LevelRecord:
    """The results at one budget.

    Attributes:
        results: The results by configuration id.
        order: The ids of these configurations, in the order of telling.
    """

    __slots__ = ("order", "results")

    def __init__(self) -> None:
        self.results: dict[int, Result] = {}
        self.order: list[int] = []

    def entry(self, config_id: int) -> tuple[float, int]:
        """Return the (loss, id) that ranks a configuration with a result. The loss of a failure is infinite."""
        return self.results[config_id].loss, config_id

    def since(self, number: int) -> Sequence[int]:
        """Return the ids of the configurations after the first `number` ones, in the order of telling."""
        return self.order[number:]


class Record:
    """The pending trials and the results.

    Args:
        costs: The cost of a trial at each level, ascending.

    Attributes:
        levels: The results at each budget, cheapest first.
        results: All results that count, in the order of telling.
        order: The (level, configuration id) of each of these results.
        pending: The pending trials.
        lessons: What models learned from the first results.
    """

    def __init__(self, costs: Sequence[float]) -> None:
        self.levels = tuple(LevelRecord() for _ in costs)
        self.results: list[Result] = []
        self.order: list[tuple[int, int]] = []
        self.pending = PendingTrials(costs)
        self.lessons = Lessons()

    def is_taken(self, level: int, config_id: int) -> bool:
        """Whether the configuration is evaluated or pending at this level."""
        return config_id in self.levels[level].results or self.pending.has(level, config_id)

    def num_taken(self, level: int) -> int:
        """Return the number of configurations that are evaluated or pending at this level."""
        return len(self.levels[level].results) + self.pending.count(level)

    def tell(self, level: int, result: Result) -> None:
        """Record the first result of a configuration at a level. It is no longer pending there."""
        config_id = result.trial.config_id
        assert config_id not in self.levels[level].results, "a configuration has one result at a level"
        self.pending.settle(level, config_id)
        here = self.levels[level]
        here.results[config_id] = result
        here.order.append(config_id)
        self.results.append(result)
        self.order.append((level, config_id))
