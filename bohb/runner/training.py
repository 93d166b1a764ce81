"""A training that an objective runs as a generator: from one budget to the next, and closed when it should stop.

The generator yields what it has reached, and is suspended where its trial reaches its budget. There it waits, in its
process, until the search has decided whether it goes on.

This file is loaded in every worker process, so it imports nothing heavy.
"""

import logging
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from bohb._plain import scalar
from bohb._text import brief
from bohb.budgets import is_rounded
from bohb.errors import OutcomeError, WorkerLost
from bohb.trials import Trial

T = TypeVar("T")

log = logging.getLogger("bohb.runner")

Order = Literal["start", "go on", "close"]
"""What to do: start the training of a trial, go on with the one that waits, or close that one."""

BUDGET_NAMES = ("budget", "epoch")
"""The names in a mapping under which a generator says how much it has used in all."""


@dataclass(frozen=True, slots=True)
class Stretch(Generic[T]):
    """What a generator did for one trial.

    Attributes:
        way: What it yielded, as pairs of a budget and the answer there.
        at: How much it has used in all.
        is_open: Whether it reached the budget of the trial and waits there.
        returned: What it returned, if it ended.
        error: What it raised, or why there is no answer.
    """

    way: tuple[tuple[Any, T], ...]
    at: Any
    is_open: bool
    returned: Any
    error: BaseException | None

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing left to do."""
        return not self.way and self.returned is None and self.error is None


class Training(Generic[T]):
    """A generator, and how far it has come.

    Args:
        steps: The generator of the objective.
        start: From where it counts what it yields, one by one, where it does not say how far it is.
        read: Returns the answer in what it yields.
    """

    def __init__(self, steps: Generator[Any, Any, Any], start: Any, read: Callable[[Any], T]) -> None:
        self._steps, self._at, self._read = steps, start, read
        self._has_begun = False

    def advance(self, trial: Trial) -> Stretch[T]:
        """Train until the trial reaches its budget, or the generator ends or raises.

        The value of a `yield` is the trial that runs then.
        """
        way: list[tuple[Any, T]] = []
        is_open, returned, error = False, None, None
        try:
            while not is_open:
                value = self._steps.send(trial if self._has_begun and _listens(self._steps) else None)
                self._has_begun = True
                self._at, answer = _located(value, self._at)
                if _is_number(trial.budget) and is_rounded(self._at, trial.budget):
                    self._at = trial.budget  # 0.1 + 0.2 is not quite 0.3
                is_open = _is_number(trial.budget) and self._at >= trial.budget
                if answer is not None or is_open:
                    way.append((self._at, self._read(answer)))
        except StopIteration as end:
            returned = end.value
        except WorkerLost:
            raise
        except (Exception, SystemExit) as raised:
            error = raised
            if not is_open:
                self.close()
        return Stretch(tuple(way), self._at, is_open, returned, error)

    def close(self) -> None:
        """Close the generator: its `finally` blocks run. What it raises is logged, since its results are told."""
        try:
            self._steps.close()
        except (Exception, SystemExit):
            log.exception("a training raised an error when it was closed; its results count")


def _listens(steps: Any) -> bool:
    """Whether a generator receives what is sent to it: not if it stands at `yield from` a list or the like."""
    inner = getattr(steps, "gi_yieldfrom", None)
    return inner is None or (hasattr(inner, "send") and _listens(inner))


def _located(value: Any, before: Any) -> tuple[Any, Any]:
    """Return how far a generator is, and the rest of what it yielded; without a number, it is one further.

    Raises:
        OutcomeError: If it is not further than before.
    """
    given, answer = None, value
    if isinstance(value, Mapping):
        name = next((name for name in BUDGET_NAMES if name in value), None)
        given = None if name is None else value[name]
        answer = {key: each for key, each in value.items() if key != name}
    elif isinstance(value, tuple) and len(value) == 2:
        given, answer = value
    if given is None:
        return before + 1, answer
    at = scalar(given)
    if not _is_number(at) or not at > before:
        raise OutcomeError(
            f"expected an objective that yields (epoch, loss) with how many epochs it has trained in all, more each "
            f"time: after {before} came {brief(given)}; count from 1, and after a checkpoint from where it was written"
        )
    return at, answer


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
