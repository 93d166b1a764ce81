"""A search with a script, for tests of callbacks: it decides at which budgets a training pauses."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bohb.trials import Origin, Trial


class Scripted:
    """Goes on in place at each budget of a ladder, except at those where it pauses.

    Args:
        budgets: The ladder.
        pauses: The budgets where it stops the training, to be resumed by the next `ask`.
    """

    def __init__(self, budgets: list[int], pauses: set[int]) -> None:
        self.budgets, self.pauses = budgets, pauses
        self.told: dict[int, dict[str, Any]] = {}
        self.reports: dict[int, dict[str, Any]] = {}
        self.used: Any = None
        self._next: Trial | None = Trial(0, {}, budgets[0], 0, 0, 0, None, None, Origin.RANDOM)

    @property
    def is_done(self) -> bool:
        return self._next is None

    def ask(self) -> Trial:
        assert self._next is not None
        return self._next

    def report(self, trial: Trial, budget: Any, outcome: Any) -> None:
        assert budget < trial.budget
        self.reports[budget] = outcome

    def proceed(self, trial: Trial, outcome: Any, *, checkpoint: Any = None) -> Trial | None:
        assert trial == self._next
        self.told[trial.budget] = outcome
        number = trial.id + 1
        if number == len(self.budgets):
            self._next = None
            return None
        path = None if checkpoint is None else str(checkpoint)
        following = replace(trial, id=number, budget=self.budgets[number], previous=trial.id, checkpoint=path)
        self._next = following
        return None if trial.budget in self.pauses else following

    def tell(self, trial: Trial, outcome: Any, *, budget: Any = None) -> None:
        assert trial == self._next
        self.told[trial.budget], self.used, self._next = outcome, budget, None


def train_twice(
    train: Callable[[Scripted, Trial, Path], tuple[Any, Any]], pauses: set[int], folder: Path
) -> tuple[Scripted, Any, Scripted, Any]:
    """Train once without a pause and once with some, each epoch once; return both searches and what they trained."""
    whole, paused = Scripted([1, 3, 9], set()), Scripted([1, 3, 9], pauses)
    _, model = train(whole, whole.ask(), folder / "whole")
    assert whole.is_done
    trained = []
    while not paused.is_done:
        callback, again = train(paused, paused.ask(), folder / "paused")
        trained.append(callback.progress.trained)
    assert len(trained) == len(pauses) + 1
    assert sum(trained) == 9
    return whole, model, paused, again
