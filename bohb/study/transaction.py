"""Transactions over a log, and the optimizer that they leave in memory.

Every change takes the lock, reads what other processes added, lets the caller act, appends what the optimizer added,
and commits. What takes time is done before that, on a state that was read without the lock. The optimizer in memory is
never ahead of the log: if a call fails, the optimizer is thrown away, and the next call builds it again from the log.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from bohb.budgets import Ladder
from bohb.errors import BohbError, StudyCorrupt, StudyMismatch
from bohb.optimizer import Optimizer
from bohb.optimizer.presets import own_parts
from bohb.space import Space
from bohb.space.stored import renewed
from bohb.study.fork_lock import ForkLock
from bohb.study.replica import Replica
from bohb.study.stores import header
from bohb.study.stores.protocol import Log, Moment
from bohb.study.stores.rows import Row

if TYPE_CHECKING:
    from bohb.models import Model
    from bohb.schedules import Schedule

T = TypeVar("T")


class _Parts(NamedTuple):
    """The contents of the first row, read once."""

    first: Row
    header: Mapping[str, Any]
    space: Space
    ladder: Ladder


class Transactions:
    """A log and the optimizer that it describes, for the threads of one process.

    Args:
        target: The name of the log in messages.
        log: The log.
        schedule: The user's own schedule, or None.
        model: The user's own model, or None.
    """

    def __init__(self, target: str, log: Log, schedule: "Schedule | None", model: "Model | None") -> None:
        self._target = target
        self._log = log
        self._schedule, self._model = schedule, model
        self._lock = ForkLock(log.close)
        self._replica: Replica | None = None
        self._parts: _Parts | None = None

    def close(self) -> None:
        """Close the store until the next call."""
        with self._lock:
            self._log.close()

    def write(self, act: Callable[[Replica, float], T]) -> T:
        """Let `act` change the newest state, given the time of the store; on return the change is on disk.

        What others wrote is read before the lock is taken, and again under it: then little is left to read.
        """
        refusal = None
        with self._lock:
            self._catch_up()
            with self._log.transaction(write=True) as moment:
                replica = self._newest(moment)
                self._replica = None  # restored only when the log has everything that memory has
                replica.times.now = moment.at
                try:
                    answer = act(replica, moment.at)
                except BohbError as error:  # what was decided before the refusal stays decided
                    refusal = error
                rows = replica.rows(moment.at)
                if rows:
                    self._log.append(rows)
            self._replica = replica
        if refusal is not None:
            raise refusal
        return answer

    def read(self, look: Callable[[Replica], T]) -> T:
        """Let `look` see the newest state; no other process waits for it."""
        return self.read_at(lambda replica, _: look(replica))

    def read_at(self, look: Callable[[Replica, float], T]) -> T:
        """As `read`, and `look` also gets the time of the store."""
        with self._lock:
            at = self._catch_up()
            assert self._replica is not None
            try:
                return look(self._replica, at)
            except BohbError:
                raise
            except BaseException:  # an interruption may leave half of a view updated
                self._replica = None
                raise

    def _catch_up(self) -> float:
        """Take the newest rows into memory, and return the time of the store."""
        with self._log.transaction(write=False) as moment:
            self._newest(moment)
        return moment.at

    def check_same(self, given: Mapping[str, Any]) -> None:
        """Compare arguments, by the names of the header, with those of the study.

        Raises:
            StudyMismatch: Names the first difference.
        """
        with self._lock:
            ladders = self.read(lambda replica: [one.to_json() for one in replica.optimizer.ladders])
            assert self._parts is not None
            kept = {header.REPEATS: False, **self._parts.header, "ladder": ladders[-1]}
        given = {name: value for name, value in given.items() if value is not None}
        if given.get("space", kept["space"]) != kept["space"]:  # perhaps as another version of ConfigSpace wrote it
            kept, given = ({**facts, "space": renewed(facts["space"])} for facts in (kept, given))
        if given.get("ladder") in ladders:  # whoever began with a shorter one goes on with the study as it is
            del given["ladder"]
        header.check_same(kept, given)

    def _newest(self, moment: Moment) -> Replica:
        """Return the state as of the last row, after taking the rows that are new."""
        replica = self._rebuilt() if self._replica is None else self._replica
        self._replica = None  # a failure on the way leaves no half-updated state
        num_new = moment.last.seq - replica.last.seq
        if num_new < 0 or (num_new == 0 and moment.last != replica.last):
            raise StudyCorrupt(
                f"expected the study at {self._target} to grow, got another or an older one in its place; open it anew"
            )
        if num_new:
            replica.take(self._log.read_after(replica.last.seq), num_new)
        self._replica = replica
        return replica

    def _rebuilt(self) -> Replica:
        """Return the state as of the first row."""
        first = next(iter(self._log.read_after(0, limit=1)))
        if self._parts is None or self._parts.first != first:
            self._parts = self._read_parts(first)
        facts = self._parts.header
        try:
            optimizer = Optimizer(
                self._parts.space,
                self._parts.ladder,
                seed=facts["seed"],
                schedule=self._schedule,
                model=self._model,
                preset=facts["preset"],
                objectives=header.read_objectives(facts).objectives,
                repeats=facts.get(header.REPEATS, False),
            )
        except (BohbError, TypeError, ArithmeticError) as error:
            raise self._damaged(error) from error
        return Replica(optimizer, first)

    def _read_parts(self, first: Row) -> _Parts:
        facts = header.read_header(first)
        given = own_parts(self._schedule, self._model)
        if given != facts["custom"]:
            raise StudyMismatch(
                f"expected your own {facts['custom']} that the study was created with, got {given}; "
                "pass the same parts to Study.open"
            )
        try:
            return _Parts(first, facts, Space.from_json(facts["space"]), header.read_ladder(facts["ladder"]))
        except (BohbError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> StudyCorrupt:
        return StudyCorrupt(
            f"expected the description of a study at {self._target}, got {error!r}; restore the study from a copy"
        )
