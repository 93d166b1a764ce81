"""The study in memory: an optimizer, leases and times, as a fold over the rows of a log.

A replica is exactly as new as the last row that it took or made. It knows no store: it takes rows and makes rows.
"""

import gc
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bohb.errors import BohbError, StudyCorrupt
from bohb.optimizer import Optimizer, events
from bohb.optimizer.advice import Advice
from bohb.study import leases
from bohb.study.snapshot import Snapshot, TimeRecord, snapshot_of
from bohb.study.stores.rows import Row, checksum, read_facts, seal, verify
from bohb.trials import Trial

ROWS_WITHOUT_COLLECTOR = 1000
"""From this many rows on, the collector of cycles pauses while they are taken: records have no cycles."""

_DAMAGE = (
    BohbError,
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    StopIteration,
)


_LOSSES = (float, type(None))
_WITH_TEXTS = ("config", "why", "info", "metrics")


class Replica:
    """An optimizer, the leases on its trials, and the last row that they reflect.

    Args:
        optimizer: An optimizer that has seen nothing yet.
        first: The first row of the log, which describes the optimizer.
    """

    def __init__(self, optimizer: Optimizer, first: Row) -> None:
        self.optimizer = optimizer
        self.leases = leases.Leases()
        self.times = TimeRecord()
        self.last = first
        optimizer.use_clock(self.times.clock)
        self._num_known = 0
        self._drafts: list[tuple[str, Mapping[str, Any]]] = []

    # From rows.

    def take(self, rows: Iterable[Row], num_rows: int) -> None:
        """Replay rows that other processes wrote, without computing anything again.

        Raises:
            StudyCorrupt: If the rows are not the next ones, or contradict the rows before.
        """
        with _without_collector(num_rows >= ROWS_WITHOUT_COLLECTOR):
            check, last = checksum(self.last), self.last
            for row in rows:
                check = verify(row, last.seq + 1, check)
                self._take(row)
                last = row
            self.last = last
            if num_rows >= ROWS_WITHOUT_COLLECTOR:
                self.optimizer.catch_up()
        self._num_known = len(self.optimizer.events)

    def _take(self, row: Row) -> None:
        facts, self.times.now = read_facts(row), row.at
        try:
            if row.kind in leases.LEASE_KINDS:
                _check_lease(row.kind, facts)
            else:
                _share_texts(facts)
                if type(facts.get("loss")) not in _LOSSES:
                    raise TypeError("the loss is not a number")
                event = events.from_json(row.kind, facts, self.optimizer.space, self.optimizer.ladder)
                self.optimizer.apply(event)
            self._follow(row.kind, facts, row.at)
        except _DAMAGE as error:
            raise StudyCorrupt(
                f"expected an event that can follow event {row.seq - 1}, got {str(row)[:200]}: {error!r}; "
                "the study was damaged or changed from outside: restore it from a copy"
            ) from error

    # To rows.

    def record(self, kind: str, facts: Mapping[str, Any], at: float) -> None:
        """Add a row about a lease, after the events that the optimizer has added."""
        self._collect(at)
        self._drafts.append((kind, facts))
        self.leases.take(kind, facts, at)

    def expire(self, at: float) -> None:
        """Forget the trials whose leases have expired, so that they are asked again."""
        overdue = self.leases.overdue(at)
        pending = {trial.id for trial in self.optimizer.pending} if overdue else set()
        for trial_id in overdue:
            if trial_id in pending:
                self.optimizer.forget(trial_id)
                self.record(leases.EXPIRED, {"id": trial_id}, at)
            else:
                self.leases.drop(trial_id)

    def advise(self, at: float, *, may_learn: bool = True) -> Advice | None:
        """Return what the model says about the next ask; None if that repeats a trial whose lease has expired."""
        overdue = self.leases.overdue(at)
        pending = {trial.id for trial in self.optimizer.pending} if overdue else set()
        return self.optimizer.advise(may_learn=may_learn) if pending.isdisjoint(overdue) else None

    def follow(self, advice: Advice | None, at: float, lease: float | None) -> Trial | None:
        """Ask with advice that may be older; see `Optimizer.follow`. The trial is held for `lease` seconds."""
        self.expire(at)
        trial = self.optimizer.follow(advice)
        if trial is not None and lease is not None:
            self.record(leases.LEASED, {"id": trial.id, "seconds": lease}, at)
        return trial

    def advise_on(self, trial: Trial | int, at: float, *, may_learn: bool) -> tuple[bool, Advice | None]:
        """Return whether the next ask continues the training of this trial, and the advice for it."""
        advice = self.advise(at, may_learn=may_learn)
        return self.optimizer.goes_on(trial, advice), advice

    def go_on(self, trial: Trial | int, advice: Advice | None, at: float, lease: float | None) -> Trial | None:
        """Ask as `follow` does, if that continues the training of this trial."""
        self.expire(at)
        return self.follow(advice, at, lease) if self.optimizer.goes_on(trial, advice) else None

    def rows(self, at: float) -> list[Row]:
        """Return what happened since the last row, as rows, and count them as written."""
        self._collect(at)
        rows, last = [], self.last
        for kind, facts in self._drafts:
            last = seal(last, kind, facts, at)
            rows.append(last)
        self._drafts, self.last = [], last
        return rows

    def _collect(self, at: float) -> None:
        for event in self.optimizer.events[self._num_known :]:
            kind, facts = events.to_json(event, self.optimizer.space)
            self._drafts.append((kind, facts))
            self._follow(kind, facts, at)
        self._num_known = len(self.optimizer.events)

    def _follow(self, kind: str, facts: Mapping[str, Any], at: float) -> None:
        """Update what is known of a row beside the optimizer."""
        self.leases.take(kind, facts, at)
        self.times.take(kind, facts, at)

    # What it shows.

    def snapshot(self) -> Snapshot:
        """Return a record of everything, which later rows do not change."""
        return snapshot_of(self.optimizer, self.times.by_trial())


def _share_texts(facts: dict[str, Any]) -> None:
    """Share equal names and words between all events: they make up much of a large study."""
    for name in _WITH_TEXTS:
        value = facts.get(name)
        if type(value) is dict and value:
            intern = sys.intern
            facts[name] = {intern(key): intern(word) if type(word) is str else word for key, word in value.items()}


def _check_lease(kind: str, facts: Mapping[str, Any]) -> None:
    """Check the facts of a lease.

    Raises:
        ValueError: If a value is not valid.
    """
    seconds = facts.get("seconds", 1.0)
    if type(facts["id"]) is not int or type(seconds) is not float or not seconds > 0:
        raise ValueError("the lease is not valid")
    if (kind == leases.LEASED) != ("seconds" in facts):
        raise ValueError("a length is for leases only, and they need one")


@contextmanager
def _without_collector(is_wanted: bool) -> Iterator[None]:
    if not is_wanted or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            # Freezing and unfreezing moves the new objects to the oldest generation, which is collected rarely. The
            # next call is then not interrupted by a collection of all of them.
            gc.freeze()
            gc.unfreeze()
        gc.enable()
