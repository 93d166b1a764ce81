"""What a user hands to an optimizer, and what is handed out: seeds, trials, and where a configuration is known."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bohb._checks import integer
from bohb._text import brief
from bohb.budgets import Ladder, ladder
from bohb.errors import BudgetError, SettingError, UnknownTrial
from bohb.optimizer.history import History
from bohb.optimizer.outcomes import read_trial_id, unknown_trial
from bohb.trials import Trial


def check_seed(seed: Any) -> int:
    """Return a seed as a plain integer.

    Raises:
        SettingError: If it is not an integer in [0, 2**64).
    """
    number = integer(seed)
    if number is None or not 0 <= number < 2**64:
        raise SettingError(f"expected an integer in [0, 2**64) or None as seed, got {brief(seed)}")
    return number


def longer_ladder(ladders: Sequence[Ladder], budgets: Any) -> Ladder | None:
    """Return the ladder that a search goes on with, or None if it has had that ladder.

    Args:
        ladders: The ladders that it has had; the last one is the current one.
        budgets: What the user gave.

    Raises:
        BudgetError: If it does not begin with the current ladder.
    """
    longer, current = ladder(budgets), ladders[-1]
    if any(len(longer) == len(known) and longer.continues(known) for known in ladders):
        return None
    if not longer.continues(current):
        raise BudgetError(
            f"expected budgets that begin with those of the search, {list(current)}, at the same costs, and go on; got "
            f"{brief(list(longer))}. Budgets cannot be taken away: adopt the results into a new search instead"
        )
    return longer


def find_trial(history: History, trial: Trial | int, *, observed: bool = False) -> Trial:
    """Return the history's own record of an asked trial, or also of an observed one.

    Raises:
        UnknownTrial: If there is none, or it differs from the trial that is given.
    """
    number, num_asked = read_trial_id(trial), len(history.trials)
    known = history.observed.get(number) if observed else None
    if known is None and not 0 <= number < num_asked:
        raise unknown_trial(number, num_asked)
    known = known or history.trials[number]
    if isinstance(trial, Trial) and not _is_same(trial, known):
        raise UnknownTrial(f"expected trial {number} as it was asked, {known}; got {trial}, from another optimizer?")
    return known


def _is_same(trial: Trial, known: Trial) -> bool:
    """Whether a trial is the one that was asked. The user may have removed parameters from its dict."""
    plain = {name: value for name, value in known.config.items() if isinstance(value, int | float | str)}
    return trial.config_id == known.config_id and all(
        trial.config.get(name, value) == value for name, value in plain.items()
    )


def where_known(history: History, budgets: Sequence[Any], config_id: int, level: int | None) -> str | None:
    """Return where an enqueued configuration would be evaluated twice at a budget, or None.

    Args:
        history: The history.
        budgets: The budget of each level.
        config_id: The configuration.
        level: The level at which it is to be evaluated; None for all, because it may be promoted.
    """
    levels = range(len(budgets)) if level is None else (level,)
    taken = [budgets[i] for i in levels if history.brackets.is_taken(i, config_id)]
    if taken:
        return f"evaluated or pending at {taken}"
    is_queued = any(
        item.config_id == config_id and (level is None or item.level in (None, level)) for item in history.queue
    )
    return "enqueued" if is_queued else None


def private_copy(trial: Trial) -> Trial:
    """Return a copy to hand out, so that changes to its dicts change no history."""
    return replace(trial, config=dict(trial.config), budget=copy.deepcopy(trial.budget))
