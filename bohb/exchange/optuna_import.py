"""Read a study of Optuna, whatever sampled it: what its trials say at the budgets of a search of ours.

The study is read only. A file of SQLite is opened so that nothing is written to it, because Optuna would make its own
tables in any database that it opens.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bohb._secrets import refused
from bohb._text import brief
from bohb.budgets import Ladder
from bohb.errors import SettingError
from bohb.exchange.files import DATABASE, as_path
from bohb.exchange.optuna import quiet_optuna
from bohb.exchange.optuna_trials import results_of
from bohb.objectives import Goal, goal_of
from bohb.optimizer import Adopted

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from bohb.optimizer import Optimizer
    from bohb.study.study import Study

SQLITE = "sqlite:///"


def import_optuna(
    study: "Study | Optimizer",
    source: str | os.PathLike[str],
    *,
    name: str | None = None,
    fill: Mapping[str, Any] | None = None,
) -> Adopted:
    """Adopt the results of a study of Optuna, as far as they fit. Repeating the call adds only what is new since.

    A step that was reported is a budget: the first report from one budget of the ladder up to the next counts at the
    lower one, also that of a pruned trial. The value of a complete trial counts at the largest budget.

    Args:
        study: A study or an optimizer. Its objective has the direction of Optuna's study; a loss is minimised.
        source: The URL of Optuna's storage, or the path of an SQLite file or of a journal.
        name: The name of Optuna's study, if there are several.
        fill: The values of parameters that Optuna's trials lack, as in `adopt`.

    Returns:
        What was adopted, and why the rest was not: results that do not fit, and trials without a result at a budget.

    Raises:
        SettingError: If there is no such study, its direction differs, or Optuna is not installed.
    """
    goal, ladder = goal_of(study), study.ladder
    with quiet_optuna(), _opened(source) as storage:
        found = _load(storage, name)
        _check_direction(found, goal)
        trials = [_at_budgets(trial, found.user_attrs.get("budgets")) for trial in found.get_trials(deepcopy=False)]
    read = [(trial, results_of(trial, ladder, goal)) for trial in trials]
    without = [trial for trial, results in read if not results]
    adopted = study.adopt([result for _, results in read for result in results], fill=fill)
    more = tuple(f"trial {trial.number} is left out: {_why_not(trial, ladder)}" for trial in without)
    return replace(adopted, num_read=adopted.num_read + len(more), left_out=adopted.left_out + more)


def _why_not(trial: "FrozenTrial", ladder: Ladder) -> str:
    state = trial.state.name.lower()
    if state != "pruned":
        return f"it is {state}" if state != "fail" else "it failed, which Optuna does not count against its parameters"
    last = max(trial.intermediate_values, default=None)
    return f"it was pruned {'without a report' if last is None else f'at step {last}'}, below {brief(ladder[0])}"


def _at_budgets(trial: "FrozenTrial", budgets: Sequence[Any] | None) -> "FrozenTrial":
    """Return a trial whose steps are budgets: those that `write_optuna` wrote may be places on a ladder."""
    is_ours = {"trials", "origin"} <= trial.user_attrs.keys()
    if is_ours and budgets is not None and not all(type(budget) is int for budget in budgets):
        trial.intermediate_values = {budgets[step]: value for step, value in trial.intermediate_values.items()}
    return trial


def _check_direction(found: "optuna.Study", goal: Goal) -> None:
    """Check that both studies optimise the same.

    Raises:
        SettingError: If they do not.
    """
    directions = [direction.name.lower() for direction in found.directions]
    if directions != [goal.direction]:
        raise SettingError(
            f"expected a study of Optuna to {goal.direction} one value, as {goal.name} here, got one to "
            f"{' and '.join(directions)}; a new study takes the direction of its objective"
        )


def _load(storage: "BaseStorage", name: str | None) -> "optuna.Study":
    import optuna

    names = [summary.study_name for summary in storage.get_all_studies()]
    if not names:
        raise SettingError("expected a storage of Optuna with a study, got one without any, or a file of another kind")
    if name is None and len(names) != 1:
        raise SettingError(f"expected the name of one of the {len(names)} studies there, {brief(names)}, got none")
    if name is not None and name not in names:
        raise SettingError(f"expected one of the studies {brief(names)}, got {brief(name)}")
    return optuna.load_study(study_name=names[0] if name is None else name, storage=storage)


@contextmanager
def _opened(source: str | os.PathLike[str]) -> "Iterator[BaseStorage]":
    """Yield the storage that a URL or a path names; nothing holds it open afterwards.

    Raises:
        SettingError: If there is none.
    """
    import optuna

    text = os.fspath(source)
    try:
        scheme, is_url, rest = text.partition("://")
        if is_url and scheme.partition("+")[0] != "sqlite":
            storage: BaseStorage = optuna.storages.RDBStorage(text)
        else:
            storage = _storage_of_file(rest.removeprefix("/").partition("?")[0] if is_url else text)
        storage.get_all_studies()
    except SettingError:
        raise
    except Exception as error:  # of SQLAlchemy, of its drivers, of Optuna, of a journal that is none
        raise SettingError(
            f"expected a storage of Optuna, got {refused(text)}, which {type(error).__name__} refuses"
        ) from error
    try:
        yield storage
    finally:
        engine = getattr(storage, "engine", None)
        if engine is not None:
            engine.dispose()


def _storage_of_file(text: str) -> "BaseStorage":
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    path = as_path(text)
    if not path.is_file():
        raise SettingError(f"expected a storage of Optuna, but there is no file {path}")
    with path.open("rb") as file:
        is_database = file.read(len(DATABASE)) == DATABASE
    if not is_database:
        return JournalStorage(JournalFileBackend(str(path)))
    address = f"{path.absolute().as_uri()}?mode=ro"
    return RDBStorage(SQLITE, engine_kwargs={"creator": lambda: sqlite3.connect(address, uri=True)})
