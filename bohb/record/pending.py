"""The pending trials, and which of them seem to be lost.

If a worker dies silently, its trial stays pending for ever. A schedule that takes pending trials for busy workers must
not count it, or it would wait for workers that are gone. There is no clock here. The age of a trial is the work that
other trials have finished since it was asked, in units of its own cost. With equal workers the age at the end is about
the number of other workers, at any budget (Little 1961). A trial counts as lost when it is many times older than usual,
until it is told after all.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bohb.record.sorted_set import SortedSet
from bohb.trials import Origin, Trial

LOST_AGE = 16
"""A trial counts as lost when it is this many times older than usual."""
MEMORY = 64
"""The usual age is a mean over about this many of the latest trials."""
LEAST_SHARE = 1e-100
"""The smallest cost of a trial, as a share of a full training. It avoids division by zero."""


@dataclass(slots=True)
class _Entry:
    """A pending trial.

    Attributes:
        trial: The trial. If it was asked again, the newer one.
        asked_at: The total cost of all trials told before this one was asked. None if it was forgotten, or asked
            outside the brackets.
    """

    trial: Trial
    asked_at: float | None


class PendingTrials:
    """The table of pending trials, by level and configuration.

    Tells between two asks count as simultaneous, so their order makes no difference. An ask finds the lost trials.
    What an ask needs is kept up to date and never counted anew, because thousands of workers may be pending.

    Args:
        costs: The cost of a trial at each level, ascending.
    """

    def __init__(self, costs: Sequence[float]) -> None:
        self._costs = _shares(costs)
        self._levels: list[dict[int, _Entry]] = [{} for _ in costs]  # by configuration id
        # Those that a worker presumably runs for a bracket, oldest first. A plain dict finds its first key slowly.
        self._at_work: list[OrderedDict[int, _Entry]] = [OrderedDict() for _ in costs]
        self._num_started = [0 for _ in costs]  # how many of these were not promoted
        self._num_repeats = [0 for _ in costs]  # how many of the pending ones are repetitions
        self._config_ids: SortedSet[int] = SortedSet()
        self._forgotten: dict[int, Trial] = {}  # the trials to ask again, by trial id
        self._forgotten_ids: SortedSet[int] = SortedSet()
        self._finished = 0.0  # the total cost of the trials told before the last ask
        self._usual_age, self._num_told = 0.0, 0
        self._told: list[tuple[int, float]] = []  # (level, asked_at) of the trials told since the last ask

    def extend(self, costs: Sequence[float]) -> None:
        """Add the levels of a longer ladder. Ages are in units of a full training, which is now a longer one.

        Args:
            costs: The cost of a trial at each level, of which the first are as before.
        """
        shares = _shares(costs)
        scale = shares[len(self._costs) - 1]
        self._finished *= scale
        self._told = [(level, asked_at * scale) for level, asked_at in self._told]
        for entry in self._entries():
            entry.asked_at = None if entry.asked_at is None else entry.asked_at * scale
        for _ in shares[len(self._costs) :]:
            self._levels.append({})
            self._at_work.append(OrderedDict())
            self._num_started.append(0)
            self._num_repeats.append(0)
        self._costs = shares

    # Queries.

    def has(self, level: int, config_id: int) -> bool:
        """Whether the configuration is pending at a level."""
        return config_id in self._levels[level]

    def count(self, level: int) -> int:
        """Return the number of pending configurations at a level."""
        return len(self._levels[level])

    def num_first(self, level: int) -> int:
        """Return how many of the pending configurations at a level have no result there: no repetitions."""
        return len(self._levels[level]) - self._num_repeats[level]

    def trial(self, level: int, config_id: int) -> Trial:
        """Return the pending trial of a configuration at a level."""
        return self._levels[level][config_id].trial

    def is_running(self, level: int, trial: Trial) -> bool:
        """Whether exactly this trial is pending and not forgotten."""
        entry = self._levels[level].get(trial.config_id)
        return entry is not None and entry.trial.id == trial.id and trial.id not in self._forgotten

    @property
    def running(self) -> list[Trial]:
        """The pending trials that were not forgotten, in the order of asking."""
        trials = [entry.trial for entry in self._entries() if entry.trial.id not in self._forgotten]
        return sorted(trials, key=lambda trial: trial.id)

    @property
    def forgotten(self) -> list[Trial]:
        """The forgotten trials that are to be asked again, in the order of asking."""
        return [self._forgotten[trial_id] for trial_id in self._forgotten_ids.elements]

    @property
    def next_forgotten(self) -> Trial | None:
        """The forgotten trial to ask again next, the one asked first; None if there is none."""
        return self._forgotten[self._forgotten_ids.elements[0]] if self._forgotten else None

    def is_forgotten(self, trial_id: int) -> bool:
        """Whether the trial is to be asked again."""
        return trial_id in self._forgotten

    @property
    def config_ids(self) -> Sequence[int]:
        """The ids of the configurations that are pending at any level, ascending; valid until the next change."""
        return self._config_ids.elements

    @property
    def num_at_work(self) -> int:
        """The number of pending trials in brackets that do not count as lost."""
        return sum(map(len, self._at_work))

    @property
    def num_lost(self) -> int:
        """The number of pending trials that count as lost."""
        return sum(entry.asked_at is not None for entry in self._entries()) - self.num_at_work

    def at_work(self, level: int) -> list[int]:
        """Return the configuration ids of the trials at work at a level, oldest first."""
        return list(self._at_work[level])

    def num_started_at_work(self, level: int) -> int:
        """Return how many trials at work at a level were started there, and not promoted."""
        return self._num_started[level]

    def _entries(self) -> Iterator[_Entry]:
        for entries in self._levels:
            yield from entries.values()

    # Changes.

    def ask(self, level: int, trial: Trial, *, in_bracket: bool) -> None:
        """Record that a trial was asked, for the first time or again."""
        self._pop(level, trial.config_id)
        if in_bracket and self._told:
            self._learn()
            self._find_lost()
        if not self._is_pending(trial.config_id):
            self._config_ids.add(trial.config_id)
        entry = self._levels[level][trial.config_id] = _Entry(trial, self._finished if in_bracket else None)
        self._num_repeats[level] += trial.repeat > 0
        if in_bracket:
            self._at_work[level][trial.config_id] = entry
            self._num_started[level] += trial.origin is not Origin.PROMOTED

    def forget(self, level: int, config_id: int) -> None:
        """Record that no worker runs a trial any more. It stays pending, to be asked again."""
        entry = self._levels[level][config_id]
        self._leave_work(level, config_id)
        entry.asked_at = None
        if entry.trial.id not in self._forgotten:
            self._forgotten[entry.trial.id] = entry.trial
            self._forgotten_ids.add(entry.trial.id)

    def take_back(self, level: int, trial: Trial) -> None:
        """Record that the result of a trial counts no more. It is pending, to be asked again as if it was forgotten."""
        self.ask(level, trial, in_bracket=False)
        self.forget(level, trial.config_id)

    def settle(self, level: int, config_id: int) -> None:
        """Record that a configuration has a result at a level, whether it was pending or not."""
        entry = self._pop(level, config_id)
        if entry is not None and entry.asked_at is not None:
            self._told.append((level, entry.asked_at))

    def _pop(self, level: int, config_id: int) -> _Entry | None:
        entry = self._levels[level].pop(config_id, None)
        if entry is not None:
            self._num_repeats[level] -= entry.trial.repeat > 0
            self._leave_work(level, config_id)
            if not self._is_pending(config_id):
                self._config_ids.remove(config_id)
            if self._forgotten.pop(entry.trial.id, None) is not None:
                self._forgotten_ids.remove(entry.trial.id)
        return entry

    def _leave_work(self, level: int, config_id: int) -> None:
        """Record that no worker runs the trial for a bracket, if one did."""
        entry = self._at_work[level].pop(config_id, None)
        if entry is not None:
            self._num_started[level] -= entry.trial.origin is not Origin.PROMOTED

    def _is_pending(self, config_id: int) -> bool:
        """Whether the configuration is pending at any level."""
        return any(config_id in entries for entries in self._levels)

    def _learn(self) -> None:
        """Update the usual age with the trials told since the last ask."""
        told, self._told = self._told, []
        self._finished += math.fsum(self._costs[level] for level, _ in told)
        self._num_told = min(self._num_told + len(told), MEMORY)
        mean = math.fsum(self._age(level, asked_at) - 1 for level, asked_at in told) / len(told)
        self._usual_age += (mean - self._usual_age) * min(len(told) / self._num_told, 1.0)

    def _find_lost(self) -> None:
        """Mark the trials that are too old as lost. Each level lists its oldest trials first."""
        for level, at_work in enumerate(self._at_work):
            while at_work:
                config_id, entry = next(iter(at_work.items()))
                assert entry.asked_at is not None, "a trial at work was asked in a bracket"
                if self._age(level, entry.asked_at) <= LOST_AGE * (1 + self._usual_age):
                    break
                self._leave_work(level, config_id)

    def _age(self, level: int, asked_at: float) -> float:
        """Return the work finished since a trial was asked, in units of the cost of a trial at its level."""
        return (self._finished - asked_at) / self._costs[level]


def _shares(costs: Sequence[float]) -> list[float]:
    """Return the costs as shares of a full training."""
    return [max(cost / costs[-1], LEAST_SHARE) for cost in costs]
