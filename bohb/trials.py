"""The records that the optimizer and its user exchange: `Trial`, `Failure` and `Result`. All are immutable."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from bohb._text import describe_error


class Status(StrEnum):
    """How a trial ended. Every status except `OK` and `LATE` is a failure, and the loss is then infinite."""

    OK = "ok"
    """A finite loss."""
    NAN = "nan"
    """The loss was NaN."""
    INFINITE = "infinite"
    """The loss was plus or minus infinity."""
    ERROR = "error"
    """A `Failure` or an exception was told instead of a loss."""
    LATE = "late"
    """The configuration already had a result at this budget. This one is recorded and has no effect."""


class Origin(StrEnum):
    """Where the configuration of a trial came from."""

    RANDOM = "random"
    """Drawn at random from the space."""
    MODEL = "model"
    """Proposed by the model."""
    PROMOTED = "promoted"
    """Evaluated at a smaller budget before, and among the best of its rung there."""
    ENQUEUED = "enqueued"
    """Given by the user, to be evaluated."""
    OBSERVED = "observed"
    """Given by the user together with its loss."""


class ReadOnlyDict(dict[str, Any]):
    """An immutable dict, for the mappings in a trial or a result. Copy it with `dict(...)` to modify it."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("expected the record of a trial to stay as it is; modify a copy, dict(...)")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration at one budget: the unit of work.

    Attributes:
        id: The number of the ask, from 0. Trials that `observe` records have -1, -2, ...
        config: The active parameters: plain Python values by name.
        budget: What the trial may spend: a value of the ladder, exactly as the user gave it.
        config_id: The number of the configuration, from 0. All trials of a configuration share it.
        bracket: The number of the bracket, from 0; None if the trial belongs to no bracket.
        rung: The rung within the bracket, 0 is the cheapest; None if the trial belongs to no bracket.
        previous: The id of the trial whose checkpoint can be resumed; None to start from scratch.
        checkpoint: The checkpoint that was told for `previous`, or None.
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
        """Return the hash of the id, because a mapping has no hash."""
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class Failure:
    """The outcome of a trial that has no loss; `tell` and `observe` accept it instead of a loss.

    Attributes:
        text: Why the trial failed. The result keeps it as `info["error"]`.
    """

    text: str

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """Return the failure with the name and the message of an exception."""
        return cls(describe_error(error))


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a trial.

    Attributes:
        trial: The trial.
        loss: The loss, to be minimised; `inf` for a failure.
        status: `Status.OK`, or why the trial failed or has no effect; see also `is_failure`.
        checkpoint: The checkpoint from which a later trial of this configuration can resume, or None.
        info: Anything else that was told, as JSON values by name. The text of a failure is under `"error"`.
    """

    trial: Trial
    loss: float
    status: Status
    checkpoint: str | None
    info: Mapping[str, Any]

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration of the trial."""
        return self.trial.config

    @property
    def budget(self) -> Any:
        """The budget of the trial."""
        return self.trial.budget

    @property
    def is_failure(self) -> bool:
        """Whether the trial failed, so that there is no loss to show; a late result may have one."""
        return self.status not in (Status.OK, Status.LATE)

    def __hash__(self) -> int:
        """Return the hash of the trial's id, because a mapping has no hash."""
        return hash(self.trial.id)
