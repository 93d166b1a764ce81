"""The interface of an optimizer in the suite: ask and tell. To add one, write one class."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Job:
    """An evaluation that an optimizer asks for.

    Attributes:
        key: Identifies the evaluation to the optimizer.
        config: The values of the active parameters by name, in their own units.
        budget: The budget to train up to, between the smallest and the largest.
    """

    key: Any
    config: Mapping[str, Any]
    budget: float


class Optimizer(Protocol):
    """A running search.

    Attributes:
        seconds: The time that its own code has taken so far, without transport to other processes.
        version: The names and versions of its packages.
    """

    seconds: float
    version: Mapping[str, str]

    def ask(self) -> Job | None:
        """Return the next evaluation, or None if it has to wait for a result first."""
        ...

    def tell(self, job: Job, loss: float) -> None:
        """Report a loss; NaN means that the training failed."""
        ...

    def lose(self, job: Job) -> None:
        """Report that the worker was lost. This says nothing about the configuration."""
        ...

    def recommend(self) -> Mapping[str, Any] | None:
        """Return the configuration to use, or None if the optimizer has none of its own: then it is the incumbent."""
        ...

    def close(self) -> None:
        """Free all resources."""
        ...
