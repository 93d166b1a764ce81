"""A study of Optuna: one of its trials for each configuration, with the losses at the budgets as intermediate values.

Optuna's trial is the whole life of a configuration. One that reached the largest budget is complete, with its loss
there as the value; one that did not is pruned; one that only failed is failed. So Optuna's best trial is our incumbent,
once there is a loss at the largest budget.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bohb.budgets import Ladder
from bohb.errors import SettingError
from bohb.space import Space
from bohb.space.parameters import Parameter
from bohb.trials import Result

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

NAME = "bohb"
"""The name of the study in the file."""
DATABASES = (".db", ".sqlite", ".sqlite3")


def write(path: Path, results: Sequence[Result], ladder: Ladder, space: Space) -> None:
    """Writes the results to a file that `optuna.load_study(study_name="bohb", ...)` and optuna-dashboard open.

    Args:
        path: An SQLite file if it ends in .db, .sqlite or .sqlite3, a journal otherwise.
        results: What to write.
        ladder: The ladder. The step of a value is its budget if all are integers, and the index on the ladder if not.
        space: The search space.

    Raises:
        SettingError: If the file is there already, or Optuna is not installed.
    """
    if path.exists():
        raise SettingError(f"expected a new file, but {path} is there; choose another")
    try:
        import optuna
    except ImportError as error:
        raise SettingError('expected Optuna, but it is not installed: pip install "bohb[optuna]"') from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(study_name=NAME, storage=_storage(path), direction="minimize")
    study.set_user_attr("budgets", list(ladder))
    distributions = {name: _distribution(parameter) for name, parameter in space.parameters.items()}
    by_config: dict[int, list[Result]] = {}
    for result in results:
        by_config.setdefault(result.trial.config_id, []).append(result)
    study.add_trials([_trial(group, ladder, distributions) for group in by_config.values()])


def _storage(path: Path) -> "str | BaseStorage":
    if path.suffix in DATABASES:
        return f"sqlite:///{path.absolute()}"
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(path)))


def _distribution(parameter: Parameter) -> "BaseDistribution":
    """Return Optuna's distribution for a parameter."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if parameter.range is None:
        return CategoricalDistribution(parameter.values)
    lower, upper, is_log = parameter.range
    if isinstance(lower, int) and isinstance(upper, int):
        return IntDistribution(lower, upper, log=is_log)
    return FloatDistribution(lower, upper, log=is_log)


def _trial(group: Sequence[Result], ladder: Ladder, distributions: "Mapping[str, BaseDistribution]") -> "FrozenTrial":
    """Returns the life of one configuration."""
    from optuna.trial import TrialState, create_trial

    config = dict(group[0].trial.config)
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
