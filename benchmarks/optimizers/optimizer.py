"""What an optimizer of the suite is: anything that can be asked and told. Adding one is one class."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Job:
    """What an optimizer wants to see evaluated.

    Attributes:
        key: Whatever the optimizer tells its jobs apart by.
        config: The values of the active parameters by name, in their own units.
        budget: Up to which budget it is trained, between the smallest and the largest.
    """

    key: Any
    config: Mapping[str, Any]
    budget: float


class Optimizer(Protocol):
    """A search under way.

    Attributes:
        seconds: What its own code has taken so far, transport to other processes left out.
        version: The name and version of the packages that it stands on.
    """

    seconds: float
    version: Mapping[str, str]

    def ask(self) -> Job | None:
        """Returns the next evaluation, or None if it has to wait for a result first."""
        ...

    def tell(self, job: Job, loss: float) -> None:
        """Reports a loss; NaN says that the training failed."""
        ...

    def lose(self, job: Job) -> None:
        """Reports that the worker was lost, which says nothing about the configuration."""
        ...

    def close(self) -> None:
        """Frees whatever it holds."""
        ...
