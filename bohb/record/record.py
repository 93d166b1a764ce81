"""The pending trials and the results, by budget.

A tell changes only the record of its level. Everything that depends on it, such as the ranking of a rung, is a view
that reads the new results when it is read itself. A result that is taken back is rare: the lists without it are made
when they are read next, and a view that sees `num_taken_back` grow is made anew.
"""

from collections.abc import Sequence
from itertools import compress

from bohb.record.lessons import Lessons
from bohb.record.pending import PendingTrials
from bohb.trials import Result, Trial


class LevelRecord:
    """The results at one budget.

    Attributes:
        results: The first results of configurations, by configuration id.
        repeats: The results of further trainings of a configuration, by configuration id and `Trial.repeat`.
        num_taken_back: How many results were taken back.
    """

    __slots__ = ("_is_stale", "_order", "num_taken_back", "repeats", "results")

    def __init__(self) -> None:
        self.results: dict[int, Result] = {}
        self.repeats: dict[int, dict[int, Result]] = {}
        self.num_taken_back = 0
        self._order: list[int] = []
        self._is_stale = False

    @property
    def order(self) -> list[int]:
        """The ids of the configurations with a result, in the order of telling. Do not change the list."""
        if self._is_stale:
            self._order, self._is_stale = list(self.results), False
        return self._order

    def entry(self, config_id: int, repeat: int = 0) -> tuple[float, int]:
        """Return the (loss, id) that ranks a configuration with a result. The loss of a failure is infinite."""
        return (self.repeats[config_id][repeat] if repeat else self.results[config_id]).loss, config_id

    def result(self, config_id: int, repeat: int = 0) -> Result | None:
        """Return the result of a configuration, or of its `repeat`-th repetition, or None."""
        return self.repeats.get(config_id, {}).get(repeat) if repeat else self.results.get(config_id)

    def num_trainings(self, config_id: int) -> int:
        """Return the number of results of a configuration, with its repetitions."""
        return (config_id in self.results) + len(self.repeats.get(config_id, ()))

    def since(self, number: int) -> Sequence[int]:
        """Return the ids of the configurations after the first `number` ones, in the order of telling."""
        return self.order[number:]

    def add(self, config_id: int, result: Result) -> None:
        """Add the first result of a configuration, or a repetition."""
        if result.trial.repeat:
            self.repeats.setdefault(config_id, {})[result.trial.repeat] = result
        else:
            self.order.append(config_id)
            self.results[config_id] = result

    def remove(self, config_id: int, repeat: int = 0) -> None:
        """Remove the result of a configuration, or of a repetition."""
        if repeat:
            del self.repeats[config_id][repeat]
            return
        del self.results[config_id]
        self.num_taken_back += 1
        self._is_stale = True


class Record:
    """The pending trials and the results.

    Args:
        costs: The cost of a trial at each level, ascending.

    Attributes:
        levels: The results at each budget, cheapest first.
        num_taken_back: How many results were taken back.
        pending: The pending trials.
        lessons: What models learned from the first results.
    """

    def __init__(self, costs: Sequence[float]) -> None:
        self.levels = tuple(LevelRecord() for _ in costs)
        self.num_taken_back = 0
        self.pending = PendingTrials(costs)
        self.lessons = Lessons()
        self._results: list[Result] = []
        self._order: list[tuple[int, int, int]] = []
        self._batches: list[int] = []
        self._num_asks = 0
        self._is_stale = False

    @property
    def results(self) -> Sequence[Result]:
        """All results that count, in the order of telling."""
        self._drop_taken_back()
        return self._results

    @property
    def order(self) -> Sequence[tuple[int, int, int]]:
        """The (level, configuration id, repeat) of each of these results."""
        self._drop_taken_back()
        return self._order

    @property
    def batches(self) -> Sequence[int]:
        """The number of asks before each of these results was told; results told between two asks are a batch."""
        self._drop_taken_back()
        return self._batches

    def extend(self, costs: Sequence[float]) -> None:
        """Add the levels of a longer ladder, whose costs are given. What was learned concerned another full budget."""
        self.levels += tuple(LevelRecord() for _ in costs[len(self.levels) :])
        self.pending.extend(costs)
        self.lessons.clear()

    def is_taken(self, level: int, config_id: int) -> bool:
        """Whether the configuration is evaluated or pending at this level."""
        return config_id in self.levels[level].results or self.pending.has(level, config_id)

    def num_taken(self, level: int) -> int:
        """Return the number of configurations that are evaluated or pending at this level."""
        return len(self.levels[level].results) + self.pending.num_first(level)

    def ask(self, level: int, trial: Trial, *, in_bracket: bool) -> None:
        """Record that a trial was asked at a level."""
        self.pending.ask(level, trial, in_bracket=in_bracket)
        self._num_asks += 1

    def tell(self, level: int, result: Result) -> None:
        """Record the first result of a configuration at a level, or a repetition. It is no longer pending there."""
        config_id, repeat = result.trial.config_id, result.trial.repeat
        assert self.levels[level].result(config_id, repeat) is None, "a training has one result at a level"
        is_other = self.pending.has(level, config_id) and self.pending.trial(level, config_id).repeat != repeat
        if not is_other:
            self.pending.settle(level, config_id)
        self.levels[level].add(config_id, result)
        self._results.append(result)
        self._order.append((level, config_id, repeat))
        self._batches.append(self._num_asks)

    def take_back(self, level: int, result: Result) -> None:
        """Remove a result. Its configuration is pending there again, to be asked next, unless it is repeated already.

        What was learned from the first results is learned anew, because these are other results now.
        """
        self.levels[level].remove(result.trial.config_id, result.trial.repeat)
        self.num_taken_back += 1
        if not self.pending.has(level, result.trial.config_id):
            self.pending.take_back(level, result.trial)
        self.lessons.clear()
        self._is_stale = True

    def _drop_taken_back(self) -> None:
        """Keep the results that still count. One that was taken back may have been followed by another one."""
        if self._is_stale:
            pairs = zip(self._results, self._order, strict=True)
            counts = [self.levels[level].result(*training) is result for result, (level, *training) in pairs]
            self._results = list(compress(self._results, counts))
            self._order = list(compress(self._order, counts))
            self._batches = list(compress(self._batches, counts))
            self._is_stale = False
