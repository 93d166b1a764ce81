"""What a search has done, counted: by rung, by reason of failure, and in units of budget."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bohb.budgets import Ladder
from bohb.objectives import LOSS, Goal, goal_of
from bohb.trials import Result, Status, Trial

_FIGURE = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.ASCII)


@dataclass(slots=True)
class RungTally:
    """How many trials there are at one budget.

    Attributes:
        budget: The budget.
        num_done: How many have a result, failures included.
        num_failed: How many of them failed.
        num_running: How many are pending.
        best: The result with the lowest loss, or None.
    """

    budget: object
    num_done: int = 0
    num_failed: int = 0
    num_running: int = 0
    best: Result | None = None


@dataclass(slots=True)
class Failures:
    """Failures that differ in numbers only.

    Attributes:
        reason: The reason of the first one.
        results: All of them, in the order of telling.
    """

    reason: str
    results: list[Result] = field(default_factory=list)

    def __str__(self) -> str:
        """Return how many there are and why, such as `3 x out of memory`."""
        return f"{len(self.results)} x {self.reason}"


class Tally:
    """The counts of a search, from its trials and results one after the other.

    Args:
        ladder: The ladder of budgets.
        goal: What the search optimises.
    """

    def __init__(self, ladder: Ladder, goal: Goal = LOSS) -> None:
        self.ladder = ladder
        self.goal = goal
        self.rungs = [RungTally(budget) for budget in ladder]
        self.running: dict[int, Trial] = {}
        self.num_results = 0
        self.spent = 0.0
        self.num_by_origin: Counter[str] = Counter()
        self._failures: dict[str, Failures] = {}
        self._levels: dict[int, int] = {}
        self._used: dict[int, float] = {}  # by the id of a trial that stopped itself early, as a cost

    def start(self, trial: Trial) -> None:
        """Count a trial that runs."""
        self.running[trial.id] = trial
        self.rungs[self._level(trial)].num_running += 1

    def lose(self, trial: Trial) -> None:
        """Count a trial no longer: it ended without a result."""
        if self.running.pop(trial.id, None) is not None:
            self.rungs[self._level(trial)].num_running -= 1

    def end(self, result: Result) -> None:
        """Count a result; a late one has no effect."""
        self.lose(result.trial)
        if result.status is Status.LATE:
            return
        rung = self.rungs[self._level(result.trial)]
        rung.num_done += 1
        self.num_results += 1
        self.num_by_origin[str(result.trial.origin)] += 1
        if result.used is not None:
            self._used[result.trial.id] = self.ladder.cost(result.used)
        self.spent += self.cost(result.trial)
        reason = result.reason
        if reason is not None:
            rung.num_failed += 1
            self._failures.setdefault(kind_of(reason), Failures(reason)).results.append(result)
        elif rung.best is None or result.loss < rung.best.loss:
            rung.best = result

    def cost(self, trial: Trial) -> float:
        """Return what a trial costs: what it used, or what its checkpoint lacks. What was not asked is free."""
        if trial.id < 0:  # observed, or reported on the way by a trial that pays for it
            return 0.0
        used = self._used.get(trial.id, self.ladder.costs[self._level(trial)])
        if trial.checkpoint is None or trial.previous is None or trial.previous not in self._levels:
            return used
        return max(0.0, used - self._used.get(trial.previous, self.ladder.costs[self._levels[trial.previous]]))

    @property
    def full_trainings(self) -> float:
        """What was spent, in trainings at the largest budget."""
        return self.spent / self.ladder.costs[-1]

    @property
    def num_failed(self) -> int:
        """How many results are failures."""
        return sum(rung.num_failed for rung in self.rungs)

    @property
    def failures(self) -> list[Failures]:
        """The failures by their reason, the most frequent first. Reasons that differ in numbers only are one."""
        return sorted(self._failures.values(), key=lambda one: -len(one.results))

    def _level(self, trial: Trial) -> int:
        level = self._levels.get(trial.id)
        if level is None:
            level = self._levels[trial.id] = self.ladder.level(trial.budget)
        return level


class Countable(Protocol):
    """What is counted: an optimizer, a study, or a snapshot."""

    @property
    def ladder(self) -> Ladder:
        """The ladder of budgets."""
        ...

    @property
    def results(self) -> Sequence[Result]:
        """Every result that counts."""
        ...

    @property
    def pending(self) -> Sequence[Trial]:
        """The trials that run."""
        ...


def tally_of(search: Countable) -> Tally:
    """Return the counts of a search at this moment."""
    return tally(search.ladder, search.results, search.pending, goal=goal_of(search))


def tally(ladder: Ladder, results: Iterable[Result], pending: Iterable[Trial] = (), *, goal: Goal = LOSS) -> Tally:
    """Return the counts of some results and of the trials that run."""
    found = Tally(ladder, goal)
    for result in results:
        found.end(result)
    for trial in pending:
        found.start(trial)
    return found


def kind_of(reason: str) -> str:
    """Return what is the same in reasons that differ in numbers only."""
    return _FIGURE.sub("#", reason)
