"""Tell without the optimizer, in a process that only tells and has to start fast.

Whether a tell is accepted depends on two facts: that the trial was asked, and what it was told before. The log holds
both, and neither a space nor a model is needed to find them. The row is the same that `Study.tell` would write. Readers
of the log decide whether it counts.

Importing this module loads neither numpy nor ConfigSpace. It reads and verifies the rows of the log since the trial was
asked; opening the study verifies all rows.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from bohb._secrets import shown
from bohb.errors import StudyCorrupt, StudyUnavailable
from bohb.objectives import Goal
from bohb.optimizer.events import Told, told_from_json, told_to_json
from bohb.optimizer.outcomes import read_told, read_trial_id, same_or_conflict, unknown_trial
from bohb.study.stores.header import read_header, read_objectives
from bohb.study.stores.protocol import Log, Moment
from bohb.study.stores.registry import canonical, open_log
from bohb.study.stores.rows import Row, checksum, may_hold, read_facts, seal, verify


def tell(target: str | os.PathLike[str], trial_id: int, outcome: Any, **more: Any) -> Told:
    """Record the outcome of a trial, as `tell_and_name` does; return what is recorded for it."""
    return tell_and_name(target, trial_id, outcome, **more)[0]


def tell_and_name(
    target: str | os.PathLike[str],
    trial_id: int,
    outcome: Any,
    *,
    checkpoint: Any = None,
    info: Mapping[str, Any] | None = None,
    budget: Any = None,
    cost: Any = None,
) -> tuple[Told, Goal]:
    """Record the outcome of a trial, as `Study.tell` does; repeating the same call is safe.

    Args:
        target: The file or the URL of the study.
        trial_id: The id of the trial.
        outcome: As for `Optimizer.tell`.
        checkpoint: As for `Optimizer.tell`.
        info: As for `Optimizer.tell`.
        budget: As for `Optimizer.tell`. Only a ladder can compare budgets, so this one opens the whole study.
        cost: As for `Optimizer.tell`.

    Returns:
        What is recorded for the trial, this outcome or the same one told before; and what the study optimises.

    Raises:
        UnknownTrial: If the study never asked the trial.
        TellConflict: If the trial was told before with another outcome.
        OutcomeError: If there is no loss in the outcome.
        BudgetError: If more was used than the trial's budget, or less than it reported.
        StudyError: If the study cannot be read or written; see its children.
    """
    name = canonical(target)
    log = open_log(name)
    if log is None:
        raise StudyUnavailable(f"expected a study at {shown(name)}, got nothing; check the path, or create the study")

    try:
        with log.transaction(write=True) as moment:
            read = partial(read_told, outcome=outcome, checkpoint=checkpoint, info=info, cost=cost)
            goal = read_objectives(read_header(_only(log, 1)))
            told = None if budget is not None else _tell(log, moment, read_trial_id(trial_id), read, goal)
    finally:
        log.close()
    if told is None:
        more = {"checkpoint": checkpoint, "info": info, "budget": budget, "cost": cost}
        told = _tell_in_full(name, trial_id, outcome, **more)
    return told, goal


def _tell(log: Log, moment: Moment, trial_id: int, read: Callable[..., Told], goal: Goal) -> Told | None:
    """Append a tell unless it is known; return what is recorded, or None if only the optimizer can compare the two."""
    asked = _find_asked(log, moment.last.seq, trial_id)
    before, told = _find_told(log, asked, trial_id), read(trial_id, goal=goal)
    if before is None:
        log.append([seal(moment.last, *told_to_json(told), moment.at)])
        return told
    if before.status != told.status and (before.loss, before.checkpoint) == (told.loss, told.checkpoint):
        return None  # two kinds of failure are the same if the first came too late to count
    return same_or_conflict(before, told, goal)


def _tell_in_full(target: str, trial_id: int, outcome: Any, **more: Any) -> Told:
    from bohb.study.study import Study

    with Study.open(target) as study:
        result = study.tell(trial_id, outcome, **more)
    kept: dict[str, Any] = {"budget": result.used, "cost": result.cost, "metrics": result.metrics}
    return Told(trial_id, result.loss, result.status, result.checkpoint, result.info, **kept)


def _find_asked(log: Log, last_seq: int, trial_id: int) -> Row:
    """Return the row before the one in which a trial was asked.

    Raises:
        UnknownTrial: If the trial was never asked.
    """
    row, num_asked = _halve(log, last_seq, trial_id)
    if row is None:
        _find_told(log, _only(log, 1), trial_id)  # a damaged row may have hidden it
        if trial_id < 0:
            _, num_asked = _halve(log, last_seq, 2**63)
        raise unknown_trial(trial_id, num_asked)
    return _only(log, row.seq - 1)


def _halve(log: Log, last_seq: int, trial_id: int) -> tuple[Row | None, int]:
    """Find the row in which a trial was asked by bisection: the ids of asked trials ascend along the log.

    Returns:
        The row, or None; and how many trials were asked before it, or up to the last row of the search.
    """
    low, high, num_asked = 1, last_seq, 0
    while low < high:
        middle = (low + high) // 2
        row = next((row for row in _rows(log, middle, high) if row.kind == "asked"), None)
        found = None if row is None else _id(row)
        if row is None or found is None or found > trial_id:
            high = middle
        elif found == trial_id:
            return row, num_asked
        else:
            low, num_asked = row.seq, found + 1
    return None, num_asked


def _id(row: Row) -> int:
    """Return the id of the trial that a row is about.

    Raises:
        StudyCorrupt: If the row has no such id.
    """
    trial_id = read_facts(row).get("id")
    if type(trial_id) is not int:
        raise StudyCorrupt(f"expected the id of a trial in event {row.seq}, got {row.payload[:200]!r}; restore it")
    return trial_id


def _find_told(log: Log, before: Row, trial_id: int) -> Told | None:
    """Verify the rows after `before`; return what a trial was told, or None."""
    told, check = None, checksum(before)
    for seq, row in enumerate(log.read_after(before.seq), before.seq + 1):
        check = verify(row, seq, check)
        if row.kind == "told" and may_hold(row, "id", trial_id) and _id(row) == trial_id:
            told = told_from_json(read_facts(row))
    return told


def _rows(log: Log, after: int, last: int) -> Iterator[Row]:
    """Yield rows in small portions, because the caller needs only a few."""
    while after < last:
        portion = list(log.read_after(after, limit=16))
        if not portion or portion[0].seq != after + 1:
            raise _missing(after + 1)
        yield from portion
        after = portion[-1].seq


def _only(log: Log, seq: int) -> Row:
    """Return the row with this number.

    Raises:
        StudyCorrupt: If the log lacks it.
    """
    row = next(iter(log.read_after(seq - 1, limit=1)), None)
    if row is None or row.seq != seq:
        raise _missing(seq)
    return row


def _missing(seq: int) -> StudyCorrupt:
    return StudyCorrupt(f"expected event {seq} in the study, got none; restore the study from a copy")
