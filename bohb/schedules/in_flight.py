"""What is pending, and which of it nobody seems to train any more.

An evaluation that was lost without a word stays pending for ever. A schedule that takes what is pending for workers at
work must not count it, or with time it would wait for workers that never were. Nothing here knows a clock: how long an
evaluation is pending is counted in what the others finished since, in units of what it costs itself. With equal workers
that is as much as there are other workers, whatever the budget (Little 1961), so an evaluation for which it is many
times more than it was for the last ones is taken for lost; until it is told after all.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence

PATIENCE = 16
"""So many times more than usual may the others finish before an evaluation is taken for lost."""
MEMORY = 64
"""What is usual is the mean over about so many of the last that were told."""
LEAST_SHARE = 1e-100
"""An evaluation costs this share of a full training at least, so that nothing is divided by zero."""


class Pending:
    """What entered a level and was not told yet.

    What is told between two entries is told at the same time, so its order makes no difference. Who is lost is found at
    an entry.

    Args:
        costs: What an evaluation costs at each level.
    """

    def __init__(self, costs: Sequence[float]) -> None:
        self._costs = [max(cost / costs[-1], LEAST_SHARE) for cost in costs]
        self._finished = 0.0  # what all cost that were told before the last entry
        self._usual, self._num_told = 0.0, 0
        # What had been finished when each entered, oldest first.
        self._at_work: list[OrderedDict[int, float]] = [OrderedDict() for _ in costs]
        self._lost: dict[tuple[int, int], float] = {}
        self._told: list[tuple[int, float]] = []  # since the last entry

    @property
    def num_at_work(self) -> int:
        """How many are pending and not taken for lost."""
        return sum(map(len, self._at_work))

    @property
    def num_lost(self) -> int:
        """How many are pending and taken for lost."""
        return len(self._lost)

    def at_work(self, level: int) -> Iterable[int]:
        """Returns the ids of those that are pending at a level and not taken for lost, oldest first."""
        return self._at_work[level].keys()

    def enter(self, level: int, config_id: int) -> None:
        """Records that a configuration is pending at a level from now on."""
        self.leave(level, config_id)
        if self._told:
            self._note(self._told)
            self._told = []
            self._give_up()
        self._at_work[level][config_id] = self._finished

    def finish(self, level: int, config_id: int) -> None:
        """Records that a configuration was told at a level; nothing happens if it is not pending there."""
        finished = self.leave(level, config_id)
        if finished is not None:
            self._told.append((level, finished))

    def leave(self, level: int, config_id: int) -> float | None:
        """Takes one off that is pending, and returns what had been finished when it entered; None if it is not."""
        if config_id in self._at_work[level]:
            return self._at_work[level].pop(config_id)
        return self._lost.pop((level, config_id), None)

    def _note(self, told: Sequence[tuple[int, float]]) -> None:
        """Learns how much the others finish, while one is pending, from some that were told at the same time."""
        self._finished += math.fsum(self._costs[level] for level, _ in told)
        self._num_told = min(self._num_told + len(told), MEMORY)
        mean = math.fsum(self._overtaken(level, finished) - 1 for level, finished in told) / len(told)
        self._usual += (mean - self._usual) * min(len(told) / self._num_told, 1.0)

    def _give_up(self) -> None:
        """Takes those for lost that are pending for too long; of each level these are the oldest."""
        for level, waiting in enumerate(self._at_work):
            while waiting:
                config_id, finished = next(iter(waiting.items()))
                if self._overtaken(level, finished) <= PATIENCE * (1 + self._usual):
                    break
                self._lost[level, config_id] = waiting.pop(config_id)

    def _overtaken(self, level: int, finished: float) -> float:
        """Returns what was finished since, in units of what an evaluation at this level costs."""
        return (self._finished - finished) / self._costs[level]
