"""The records that pass between the optimizer and its user: facts, frozen, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn


class Status(StrEnum):
    """Why a result is what it is. Every status but `OK` and `LATE` is a failure, and its loss is infinite."""

    OK = "ok"
    """A finite loss."""
    NAN = "nan"
    """The loss was not a number."""
    INFINITE = "infinite"
    """The loss was plus or minus infinity."""
    ERROR = "error"
    """A `Failure` or an exception was told instead of a loss."""
    LATE = "late"
    """The configuration already had a result at this budget; this one was recorded and changes nothing."""


class Origin(StrEnum):
    """Where the configuration of a trial came from."""

    RANDOM = "random"
    """Drawn from the space itself."""
    MODEL = "model"
    """Proposed by the model."""
    PROMOTED = "promoted"
    """Evaluated before at a smaller budget, and among the best of its rung there."""
    ENQUEUED = "enqueued"
    """Given by the user, to be tried."""
    OBSERVED = "observed"
    """Given by the user together with its loss."""


class ReadOnlyDict(dict[str, Any]):
    """A dict that cannot be changed: what is recorded of a trial. `dict(...)` of it can."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("expected nobody to change what is recorded of a trial; change a copy, dict(...)")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration at one budget: the unit of work.

    Attributes:
        id: Counts the asks from 0. What `observe` records counts down from -1, so that it never shifts an ask.
        config: The values of the active parameters, plain Python values by name.
        budget: What this trial may spend, a value of the ladder exactly as the user gave it.
        config_id: Ties the trials of one configuration together; counts the configurations from 0.
        bracket: The bracket that the trial belongs to, counted from 0; None outside every bracket.
        rung: The level within the bracket, 0 = cheapest; None outside every bracket.
        previous: The id of the trial whose checkpoint may be resumed, or None to start afresh.
        checkpoint: What was told as the checkpoint of `previous`, or None.
        origin: Where the configuration came from.
    """

    id: int
    config: Mapping[str, Any]
    budget: Any
    config_id: int
    bracket: int | None
    rung: int | None
    previous: int | None
    checkpoint: str | None
    origin: Origin

    def __hash__(self) -> int:
        """Returns a hash of the id: a mapping has none."""
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class Failure:
    """The outcome of a trial that has no loss: tell it, or observe it, in place of one.

    Attributes:
        text: Why it failed, for people. The result keeps it as `info["error"]`.
    """

    text: str

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """Return the failure that an exception stands for."""
        return cls(f"{type(error).__name__}: {error}")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a trial.

    Attributes:
        trial: The trial.
        loss: The told loss, to be minimised; `inf` for a failure.
        status: `Status.OK`, or why the trial failed or does not count.
        checkpoint: Where a later trial of this configuration may resume, or None.
        info: Whatever else was told, a mapping of JSON-able values; the text of a failure is under `"error"`.
    """

    trial: Trial
    loss: float
    status: Status
    checkpoint: str | None
    info: Mapping[str, Any]

    def __hash__(self) -> int:
        """Returns a hash of the trial's id: a mapping has none."""
        return hash(self.trial.id)
