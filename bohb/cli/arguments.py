"""What several commands need: the study, and configurations and budgets given as words."""

from typing import TYPE_CHECKING, Any

from bohb._json import parse
from bohb.budgets import Ladder
from bohb.cli.parser import number
from bohb.errors import BudgetError, ConfigError

if TYPE_CHECKING:
    from bohb.study.study import Study


def open_study(target: str) -> "Study":
    """Open an existing study."""
    from bohb.study.study import Study

    return Study.open(target)


def read_config(text: str) -> dict[str, Any]:
    """Return a configuration given as a JSON object.

    Raises:
        ConfigError: If it is not a JSON object.
    """
    try:
        config = parse(text)
    except ValueError as error:
        raise ConfigError(f"expected a configuration as a JSON object, got {text!r:.200}: {error}") from error
    if not isinstance(config, dict):
        raise ConfigError(f"expected a configuration as a JSON object, got {text!r:.200}")
    return config


def read_budget(text: str, ladder: Ladder) -> Any:
    """Return the budget of a ladder that the text stands for: a number, or JSON.

    Raises:
        BudgetError: If it is not on the ladder.
    """
    value = read_amount(text, f"a budget of {list(ladder)}")
    return ladder[ladder.level(value)]


def read_amount(text: str, expected: str) -> Any:
    """Return a budget that may lie between those of the ladder: a number, or JSON.

    Raises:
        BudgetError: If it is neither.
    """
    try:
        return number(text)
    except ValueError:
        try:
            return parse(text)
        except ValueError as error:
            raise BudgetError(f"expected {expected}, got {text!r:.200}: {error}") from error
