"""What several commands need of a study: its description, its clock, and values of budgets as words."""

import json
from typing import Any, NamedTuple

from bohb.budgets import Ladder
from bohb.cli.parser import number
from bohb.errors import BudgetError, ConfigError, StudyUnavailable
from bohb.study.stores.header import read_header
from bohb.study.stores.protocol import Log
from bohb.study.stores.registry import canonical, open_log
from bohb.study.stores.rows import read_facts


class Description(NamedTuple):
    """What a study is made of.

    Attributes:
        names: The names of all parameters.
        preset: The name of the preset.
        space: The space as ConfigSpace's own JSON.
    """

    names: tuple[str, ...]
    preset: str
    space: dict[str, Any]


def find_log(target: str) -> Log:
    """Returns the log at a target.

    Raises:
        StudyUnavailable: If there is none.
    """
    name = canonical(target)
    log = open_log(name)
    if log is None:
        place = name.rpartition("@")[2]  # without the password of a URL
        raise StudyUnavailable(f"expected a study at {place}, got nothing; check the path, or create it")
    return log


def describe(target: str) -> Description:
    """Returns what a study is made of, without replaying it."""
    from bohb.space.configspace import parameter_names

    log = find_log(target)
    try:
        with log.transaction(write=False):
            header = read_header(next(iter(log.read_after(0, limit=1))))
    finally:
        log.close()
    space = header["space"]
    return Description(parameter_names(space), header["preset"], space)


def read_times(target: str) -> dict[tuple[str, int], float]:
    """Returns when each trial was last asked and first told, seconds since 1970 by the clock of the store."""
    log, times = find_log(target), {}
    try:
        with log.transaction(write=False):
            for row in log.read_after(0):
                if row.kind in ("asked", "told"):
                    times[row.kind, int(read_facts(row)["id"])] = row.at
    finally:
        log.close()
    return times


def read_config(text: str) -> dict[str, Any]:
    """Returns a configuration given as a JSON object.

    Raises:
        ConfigError: If it is none.
    """
    try:
        config = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"expected a configuration as a JSON object, got {text!r}: {error}") from error
    if not isinstance(config, dict):
        raise ConfigError(f"expected a configuration as a JSON object, got {text!r}")
    return config


def read_budget(text: str, ladder: Ladder) -> Any:
    """Returns the budget of a ladder that a word means: a number, or JSON.

    Raises:
        BudgetError: If it is not on the ladder.
    """
    try:
        value = number(text)
    except ValueError:
        try:
            value = json.loads(text)
        except ValueError as error:
            raise BudgetError(f"expected a budget of {list(ladder)}, got {text!r}: {error}") from error
    return ladder[ladder.level(value)]
