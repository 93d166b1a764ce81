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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bohb.budgets import Ladder
from bohb.errors import SettingError
from bohb.exchange.files import draft_of
from bohb.space.parameters import Parameter
from bohb.study.snapshot import Snapshot, snapshot_of
from bohb.trials import Result

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

    The step of an intermediate value is its budget if all budgets are integers, and its index on the ladder if not.

    Args:
        study: A study, a snapshot of one, or an optimizer.
        path: A new file: an SQLite file if it ends in .db, .sqlite or .sqlite3, a journal otherwise.
        force: Whether to replace an existing journal. A database and a link are never replaced.

    Returns:
        The number of results.

    Raises:
        SettingError: If the file exists, or Optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise SettingError('expected Optuna, but it is not installed: pip install "bohb[optuna]"') from error
    snapshot = snapshot_of(study)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with draft_of(path, force=force) as draft, _storage(draft) as storage:
        _write(snapshot, optuna.create_study(study_name=STUDY_NAME, storage=storage, direction="minimize"))
    return len(snapshot.results)


def _write(snapshot: Snapshot, written: "optuna.Study") -> None:
    """Add all results to an empty study of Optuna."""
    written.set_user_attr("budgets", list(snapshot.ladder))
    distributions = {name: _distribution(parameter) for name, parameter in snapshot.space.parameters.items()}
    by_config: dict[int, list[Result]] = {}
    for result in snapshot.results:
        by_config.setdefault(result.trial.config_id, []).append(result)
    written.add_trials([_trial(group, snapshot.ladder, distributions) for group in by_config.values()])


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


def _distribution(parameter: Parameter) -> "BaseDistribution":
    """Return Optuna's distribution for a parameter."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if parameter.range is None:
        return CategoricalDistribution([_choice(value) for value in parameter.values])
    lower, upper, is_log = parameter.range
    if isinstance(lower, int) and isinstance(upper, int):
        return IntDistribution(lower, upper, log=is_log)
    return FloatDistribution(lower, upper, log=is_log)


def _choice(value: Any) -> Any:
    """Return a value as Optuna accepts it: lists, tuples and dicts as the text of their JSON."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value


def _trial(group: Sequence[Result], ladder: Ladder, distributions: "Mapping[str, BaseDistribution]") -> "FrozenTrial":
    """Return the trial of Optuna that stands for one configuration."""
    from optuna.trial import TrialState, create_trial

    config = {name: _choice(value) for name, value in group[0].trial.config.items()}
    steps = {_step(result, ladder): result.loss for result in group if math.isfinite(result.loss)}
    top = [result.loss for result in group if ladder.level(result.trial.budget) == len(ladder) - 1]
    is_complete = bool(top) and math.isfinite(top[0])
    state = TrialState.COMPLETE if is_complete else TrialState.PRUNED if steps else TrialState.FAIL
    return create_trial(
        state=state,
        value=top[0] if is_complete else None,
        params=config,
        distributions={name: distributions[name] for name in config},
        intermediate_values=steps,
        user_attrs={"trials": [result.trial.id for result in group], "origin": str(group[0].trial.origin)},
    )


def _step(result: Result, ladder: Ladder) -> int:
    budget = result.trial.budget
    return budget if all(type(one) is int for one in ladder) else ladder.level(budget)
