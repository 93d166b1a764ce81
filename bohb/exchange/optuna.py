"""A study of Optuna: one of its trials for each configuration, with the losses at the budgets as intermediate values.

A configuration that reached the largest budget is a complete trial, whose value is the loss there. One that did not is
pruned, and one that only failed is failed. Optuna's best trial is therefore our incumbent, once there is a loss at the
largest budget.
"""

import json
import math
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bohb.budgets import Ladder
from bohb.errors import SettingError
from bohb.exchange.files import draft_of
from bohb.objectives import Goal, goal_of
from bohb.space.parameters import Parameter
from bohb.study.snapshot import Snapshot, snapshot_of
from bohb.trials import Result, error_of

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from bohb.optimizer import Optimizer
    from bohb.study.study import Study

STUDY_NAME = "bohb"
"""The name of the study in the file."""
SQLITE_SUFFIXES = (".db", ".sqlite", ".sqlite3")


def write_optuna(study: "Study | Optimizer | Snapshot", path: str | os.PathLike[str], *, force: bool = False) -> int:
    """Write the results to a file that `optuna.load_study(study_name="bohb", ...)` and optuna-dashboard open.

    A search with objectives is a study with their direction and values. The step of an intermediate value is its budget
    if all budgets are integers, and its index on the ladder if not.

    Args:
        study: A study, a snapshot of one, or an optimizer.
        path: A new file: an SQLite file if it ends in .db, .sqlite or .sqlite3, a journal otherwise.
        force: Whether to replace an existing journal. A database and a link are never replaced.

    Returns:
        The number of results.

    Raises:
        SettingError: If the file exists, or Optuna is not installed.
    """
    with quiet_optuna() as optuna:
        snapshot = snapshot_of(study)
        with draft_of(path, force=force) as draft, _storage(draft) as storage:
            direction = goal_of(snapshot).direction
            _write(snapshot, optuna.create_study(study_name=STUDY_NAME, storage=storage, direction=direction))
    return len(snapshot.results)


@contextmanager
def quiet_optuna() -> Iterator[Any]:
    """Yield Optuna, which says nothing but warnings; afterwards it says what it said before.

    Raises:
        SettingError: If it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise SettingError('expected Optuna, but it is not installed: pip install "bohb[optuna]"') from error
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield optuna
    finally:
        optuna.logging.set_verbosity(before)


def _write(snapshot: Snapshot, written: "optuna.Study") -> None:
    """Add all results to an empty study of Optuna."""
    written.set_user_attr("budgets", list(snapshot.ladder))
    distributions = {name: distribution_of(parameter) for name, parameter in snapshot.space.parameters.items()}
    by_config: dict[int, list[Result]] = {}
    for result in snapshot.results:
        by_config.setdefault(result.trial.config_id, []).append(result)
    goal, ladder = goal_of(snapshot), snapshot.ladder
    if goal.is_declared:
        written.set_user_attr("objectives", goal.objectives)
    written.add_trials([_trial(group, ladder, distributions, goal) for group in by_config.values()])


@contextmanager
def _storage(path: Path) -> "Iterator[BaseStorage]":
    """Yield the storage of a new file; nothing holds the file open afterwards."""
    if path.suffix in SQLITE_SUFFIXES:
        from optuna.storages import RDBStorage

        # A path in a URL would need escapes.
        database = RDBStorage("sqlite://", engine_kwargs={"creator": lambda: sqlite3.connect(path)})
        yield database
        database.engine.dispose()
        return
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    yield JournalStorage(JournalFileBackend(str(path)))


def distribution_of(parameter: Parameter) -> "BaseDistribution":
    """Return Optuna's distribution for a parameter."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    step = _step_of(parameter)
    if step is not None:
        ends = parameter.values[0], parameter.values[-1]
        return IntDistribution(*ends, step=step) if isinstance(step, int) else FloatDistribution(*ends, step=step)
    if parameter.range is None:
        return CategoricalDistribution([_choice(value) for value in parameter.values])
    lower, upper, is_log = parameter.range
    if isinstance(lower, int) and isinstance(upper, int):
        return IntDistribution(lower, upper, log=is_log)
    return FloatDistribution(lower, upper, log=is_log)


def _step_of(parameter: Parameter) -> int | float | None:
    """Return the step of a grid of numbers, which for us is an ordinal like any other; None if it is none."""
    values = parameter.values
    is_ordinal = parameter.num_choices == 0 and len(values) > 1
    if not is_ordinal or len({type(value) for value in values}) > 1 or type(values[0]) not in (int, float):
        return None
    exact = [Fraction(repr(value)) for value in values]
    steps = {high - low for low, high in pairwise(exact)}
    step = steps.pop()
    return None if steps or step <= 0 else type(values[0])(step)


def _choice(value: Any) -> Any:
    """Return a value as Optuna accepts it: lists, tuples and dicts as the text of their JSON."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value


def _trial(
    group: Sequence[Result], ladder: Ladder, distributions: "Mapping[str, BaseDistribution]", goal: Goal
) -> "FrozenTrial":
    """Return the trial of Optuna that stands for one configuration."""
    from optuna.trial import TrialState, create_trial

    config = {name: _choice(value) for name, value in group[0].trial.config.items()}
    first, again = [one for one in group if not one.trial.repeat], [one for one in group if one.trial.repeat]
    points = sorted(point for result in first for point in _points(result, ladder))
    steps = {step: goal.value(loss) for step, loss in points}
    top = [goal.value(result.loss) for result in first if ladder.level(result.trial.budget) == len(ladder) - 1]
    is_complete = bool(top) and math.isfinite(top[0])
    state = TrialState.COMPLETE if is_complete else TrialState.PRUNED if steps else TrialState.FAIL
    attributes = {"trials": [result.trial.id for result in group], "origin": str(group[0].trial.origin)}
    last_error = next((text for result in reversed(group) if (text := error_of(result)) is not None), None)
    if again:  # Optuna knows one value of a trial
        attributes["repeated"] = [goal.shown(result.loss) for result in again]
    if last_error is not None:
        attributes["error"] = last_error
    if goal.is_declared:
        attributes["metrics"] = [dict(result.metrics) for result in group]
    trial = create_trial(
        state=state,
        value=top[0] if is_complete else None,
        params=config,
        distributions={name: distributions[name] for name in config},
        intermediate_values=steps,
        user_attrs=attributes,
    )
    _set_times(trial, group)
    return trial


def _set_times(trial: "FrozenTrial", group: Sequence[Result]) -> None:
    """Set when a configuration was first asked and last told, if that is known."""
    spans = [
        (result.finished_at - result.seconds, result.finished_at)
        for result in group
        if result.seconds is not None and result.finished_at is not None
    ]
    if spans:
        trial.datetime_start = datetime.fromtimestamp(min(start for start, _ in spans))  # naive, as Optuna's
        trial.datetime_complete = datetime.fromtimestamp(max(end for _, end in spans))


def _points(result: Result, ladder: Ladder) -> list[tuple[int, float]]:
    """Return the finite losses of a result and of its curve, by the step: the budget, or else its level.

    Optuna's steps are integers, so that a curve has points between the budgets only if all budgets are integers.
    """
    is_whole = all(type(budget) is int for budget in ladder)
    curve = [point for point in result.curve if type(point[0]) is int] if is_whole else []
    points = [*curve, (result.budget, result.loss)]
    return [(budget if is_whole else ladder.level(budget), loss) for budget, loss in points if math.isfinite(loss)]
