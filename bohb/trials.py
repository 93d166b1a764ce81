"""The records that the optimizer and its user exchange: `Trial`, `Failure` and `Result`. All are immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn

from bohb._text import describe_error, error_line, last_line, shortened, visible

MAX_REASON = 300
"""About how many characters the reason of a failure has."""


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

    @property
    def is_failure(self) -> bool:
        """Whether the trial failed, so that there is no loss; a late result may have one."""
        return self not in (Status.OK, Status.LATE)


class Origin(StrEnum):
    """Where the configuration of a trial came from."""

    RANDOM = "random"
    """Drawn at random from the space."""
    MODEL = "model"
    """Proposed by the model."""
    PROMOTED = "promoted"
    """Evaluated at a smaller budget before, and among the best of its rung there."""
    EXPLOITED = "exploited"
    """A variation of one that did well, from whose checkpoint it goes on in place of one that did badly."""
    ENQUEUED = "enqueued"
    """Given by the user, to be evaluated."""
    OBSERVED = "observed"
    """Given by the user together with its loss."""
    REPORTED = "reported"
    """Reported on the way by a trial at a larger budget."""
    REPEATED = "repeated"
    """Trained in full before, and trained in full again to learn its mean."""


class ReadOnlyDict(dict[str, Any]):
    """An immutable dict, for the mappings in a trial or a result. Copy it with `dict(...)` to modify it."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("expected the record of a trial to stay as it is; modify a copy, dict(...)")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


NOTHING = ReadOnlyDict()
"""An empty mapping, which all records share."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration at one budget: the unit of work.

    Attributes:
        id: The number of the ask, from 0. Trials that `observe` and `report` record have -1, -2, ...
        config: The active parameters: plain Python values by name.
        budget: What the trial may spend: a value of the ladder, exactly as the user gave it.
        config_id: The number of the configuration, from 0. All trials of a configuration share it.
        bracket: The number of the bracket, from 0; None if the trial belongs to no bracket.
        rung: The rung within the bracket, 0 is the cheapest; None if the trial belongs to no bracket.
        previous: The id of the trial whose checkpoint can be resumed, of the same configuration unless the origin is
            `EXPLOITED`; None to start from scratch.
        checkpoint: The checkpoint that was told for `previous`, or None.
        origin: Where the configuration came from.
        repeat: How often the configuration was trained at this budget before: 0, unless the search has `repeats`. Use
            it in the seed of the training.
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
    repeat: int = 0

    def __hash__(self) -> int:
        """Return the hash of the id, because a mapping has no hash."""
        return hash(self.id)

    def _repr_html_(self) -> str:
        """Return the trial as a table for notebooks."""
        from bohb._html import pairs  # a process that only tells loads no HTML

        own = [("budget", self.budget), ("origin", str(self.origin)), ("configuration", self.config_id)]
        resumed = [] if self.checkpoint is None else [("resumes from", self.checkpoint)]
        return pairs(f"trial {self.id}", [*own, *resumed, *self.config.items()])


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
        metrics: If the search has objectives: the metrics that were told, by name, the objective's own first.
        curve: What was reported on the way, as pairs of a budget and a loss, in the order of reporting.
        seconds: How long the trial took, from ask to tell; None if nobody measured it.
        finished_at: When it was told, in seconds since 1970; None if nobody measured it.
        used: How much of its budget the trial used, if it stopped itself early; None if it used all of it.
        cost: What the trial cost, as it was told, for example in seconds or money; None if that was not told.

    Two results are equal whenever they were found: times are not compared.
    """

    trial: Trial
    loss: float
    status: Status
    checkpoint: str | None
    info: Mapping[str, Any]
    metrics: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    curve: tuple[tuple[Any, float], ...] = ()
    seconds: float | None = field(default=None, compare=False)
    finished_at: float | None = field(default=None, compare=False)
    used: Any = None
    cost: float | None = None

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
        return self.status.is_failure

    @property
    def reason(self) -> str | None:
        """Why the trial failed, on one line: the last line of its error and of its stderr; None for a success."""
        if not self.is_failure:
            return None
        texts = ((self.info.get(name), read) for name, read in (("error", error_line), ("stderr", last_line)))
        lines = [line for text, read in texts if isinstance(text, str) and (line := read(text))]
        new = [line for number, line in enumerate(lines) if not any(line in before for before in lines[:number])]
        return visible(shortened(": ".join(new) or f"the loss is {self.status}", MAX_REASON))

    def __hash__(self) -> int:
        """Return the hash of the trial's id, because a mapping has no hash."""
        return hash(self.trial.id)

    def _repr_html_(self) -> str:
        """Return the result as a table for notebooks."""
        from bohb._html import pairs

        told = list(self.metrics.items()) or [("loss", self.loss)]
        outcome = [("failed", self.reason)] if self.is_failure else told
        kept = [] if self.checkpoint is None else [("checkpoint", self.checkpoint)]
        title = f"result of trial {self.trial.id}"
        return pairs(title, [*outcome, ("budget", self.budget), *kept, *self.config.items()])


def error_of(result: Result) -> str | None:
    """Return the error of a failure, as it was told; None without one.

    The info of a success, or of a loss that is not finite, may have an error that is a metric: a rate of errors.
    """
    error = result.info.get("error")
    return error if result.is_failure and isinstance(error, str) else None


def failure_text(result: Result) -> str:
    """Return the whole text of a failure: its error, or else how its loss is not finite."""
    error = error_of(result)
    return str(result.status) if error is None else error


def failure_kind(result: Result) -> str:
    """Return what kind of failure a result is: the type of the exception, or what stands before the first colon."""
    lines = (error_of(result) or "").strip().splitlines()
    return lines[0].partition(":")[0].strip()[:100] if lines else str(result.status)
