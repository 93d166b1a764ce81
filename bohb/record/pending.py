"""The trials without a result, and which of them seem to be lost.

A trial whose worker died without a word stays pending for ever. A schedule that takes pending trials for busy workers
must not count it, or in time it would wait for workers that are gone. Nothing here knows a clock. The age of a trial
is the work that other trials finished since it was asked, in units of its own cost. With equal workers that is about
the number of other workers, at any budget (Little 1961). A trial whose age is many times what is usual is taken for
lost, until it is told after all.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bohb.trials import Trial

LOST_AGE = 16
"""A trial is taken for lost when it is this many times older than usual."""
MEMORY = 64
"""The usual age is the mean over about this many of the last trials."""
LEAST_SHARE = 1e-100
"""The least cost of an evaluation, as a share of a full training; avoids division by zero."""


@dataclass(slots=True)
class _Entry:
    """A trial without a result.

    Attributes:
        trial: The trial; after it is asked again, the newer one.
        asked_at: What all trials had cost that were told before this one was asked. None if no worker is presumed to
            run it for a bracket: it was forgotten, or asked outside every bracket.
        is_lost: Whether it is taken for lost.
    """

    trial: Trial
    asked_at: float | None
    is_lost: bool = False

    @property
    def is_at_work(self) -> bool:
        """Whether a worker is presumed to run it for a bracket."""
        return self.asked_at is not None and not self.is_lost


class PendingTrials:
    """The one table of trials that were asked and have no result, by level and configuration.

    Tells between two asks count as simultaneous, so their order makes no difference. Lost trials are found at an ask.

    Args:
        costs: What an evaluation costs at each level, ascending.
    """

    def __init__(self, costs: Sequence[float]) -> None:
        self._costs = [max(cost / costs[-1], LEAST_SHARE) for cost in costs]
        self._levels: list[dict[int, _Entry]] = [{} for _ in costs]  # by configuration id, oldest first
        self._forgotten: dict[int, Trial] = {}  # those of them that are to be asked again, by trial id
        self._finished = 0.0  # what all trials cost that were told before the last ask
        self._usual_age, self._num_told = 0.0, 0
        self._told: list[tuple[int, float]] = []  # (level, asked_at) of those told since the last ask

    # What is known.

    def has(self, level: int, config_id: int) -> bool:
        """Whether the configuration is pending at a level."""
        return config_id in self._levels[level]

    def count(self, level: int) -> int:
        """Return how many configurations are pending at a level."""
        return len(self._levels[level])

    def trial(self, level: int, config_id: int) -> Trial:
        """Return the pending trial of a configuration at a level."""
        return self._levels[level][config_id].trial

    def is_running(self, level: int, trial: Trial) -> bool:
        """Whether this very trial is pending, and not forgotten."""
        entry = self._levels[level].get(trial.config_id)
        return entry is not None and entry.trial.id == trial.id and trial.id not in self._forgotten

    @property
    def running(self) -> list[Trial]:
        """The pending trials that were not forgotten, in the order of asking."""
        trials = [entry.trial for entry in self._entries() if entry.trial.id not in self._forgotten]
        return sorted(trials, key=lambda trial: trial.id)

    @property
    def forgotten(self) -> list[Trial]:
        """The trials that are to be asked again, in the order of asking."""
        return [self._forgotten[trial_id] for trial_id in sorted(self._forgotten)]

    @property
    def config_ids(self) -> list[int]:
        """The ids of the configurations that are pending at any level, ascending."""
        return sorted(set().union(*self._levels))

    @property
    def num_at_work(self) -> int:
        """The number of trials in brackets that are pending and not taken for lost."""
        return sum(entry.is_at_work for entry in self._entries())

    @property
    def num_lost(self) -> int:
        """The number of pending trials that are taken for lost."""
        return sum(entry.is_lost for entry in self._entries())

    def at_work(self, level: int) -> list[int]:
        """Return the configuration ids of the trials at work at a level, oldest first."""
        return [config_id for config_id, entry in self._levels[level].items() if entry.is_at_work]

    def _entries(self) -> Iterator[_Entry]:
        for entries in self._levels:
            yield from entries.values()

    # What changes.

    def ask(self, level: int, trial: Trial, *, in_bracket: bool) -> None:
        """Record that a trial was asked, for the first time or again."""
        entries = self._levels[level]
        self._pop(level, trial.config_id)
        if in_bracket and self._told:
            self._learn()
            self._find_lost()
        entries[trial.config_id] = _Entry(trial, self._finished if in_bracket else None)

    def forget(self, level: int, config_id: int) -> None:
        """Record that no worker runs a trial any more; it stays pending until it is asked again."""
        entry = self._levels[level][config_id]
        entry.is_lost, entry.asked_at = False, None
        self._forgotten[entry.trial.id] = entry.trial

    def settle(self, level: int, config_id: int) -> None:
        """Record that a configuration has a result at a level, whether it was pending or not."""
        entry = self._pop(level, config_id)
        if entry is not None and entry.asked_at is not None:
            self._told.append((level, entry.asked_at))

    def _pop(self, level: int, config_id: int) -> _Entry | None:
        entry = self._levels[level].pop(config_id, None)
        if entry is not None:
            self._forgotten.pop(entry.trial.id, None)
        return entry

    def _learn(self) -> None:
        """Update the usual age with the trials that were told since the last ask."""
        told, self._told = self._told, []
        self._finished += math.fsum(self._costs[level] for level, _ in told)
        self._num_told = min(self._num_told + len(told), MEMORY)
        mean = math.fsum(self._age(level, asked_at) - 1 for level, asked_at in told) / len(told)
        self._usual_age += (mean - self._usual_age) * min(len(told) / self._num_told, 1.0)

    def _find_lost(self) -> None:
        """Take the trials for lost that are pending for too long. They are the oldest of their level."""
        for level, entries in enumerate(self._levels):
            for entry in entries.values():
                if entry.is_lost or entry.asked_at is None:
                    continue
                if self._age(level, entry.asked_at) <= LOST_AGE * (1 + self._usual_age):
                    break
                entry.is_lost = True

    def _age(self, level: int, asked_at: float) -> float:
        """Return the work finished since a trial was asked, in units of what an evaluation costs at its level."""
        return (self._finished - asked_at) / self._costs[level]
