"""`create`: a study from a space and a ladder."""

from argparse import Namespace
from typing import Any

from bohb._secrets import shown
from bohb.budgets import Ladder, geometric, ladder
from bohb.cli import exits
from bohb.cli.output import print_json, print_text
from bohb.cli.parser import number
from bohb.cli.space_files import read_space
from bohb.errors import BudgetError, SettingError
from bohb.objectives import DIRECTIONS, goal_of


def create(options: Namespace) -> int:
    """Create the study, or check that the existing one is the same."""
    from bohb.study.study import Study

    budgets, space, objectives = read_ladder(options), read_space(options.space), read_objectives(options.objective)
    parts = {"seed": options.seed, "preset": options.preset, "objectives": objectives}
    with Study.open(options.study, space, budgets, **parts, repeats=options.repeats or None) as study:
        facts: dict[str, Any] = {"study": shown(study.target), "budgets": list(study.ladder), "seed": study.seed}
        goal = goal_of(study)
        repeats = study.repeats
    facts |= ({"objectives": goal.objectives} if goal.is_declared else {}) | ({"repeats": True} if repeats else {})
    if options.json:
        print_json(facts)
    else:
        objective = f"; {goal.direction} {goal.name}" if goal.is_declared else ""
        objective += "; repeats" if repeats else ""
        print_text(f"{facts['study']}: budgets {', '.join(map(str, budgets))}; seed {facts['seed']}" + objective)
    return exits.OK


def read_objectives(text: str | None) -> dict[str, str] | None:
    """Return the objectives that the option names, as in accuracy:max.

    Raises:
        SettingError: If there is no direction in it.
    """
    if text is None:
        return None
    name, _, word = text.rpartition(":")
    directions = {short: direction for direction in DIRECTIONS for short in (direction, direction[:3])}
    if word not in directions:
        raise SettingError(f"expected --objective accuracy:max or --objective error:min, got {text!r:.200}")
    return {name: directions[word]}


def read_ladder(options: Namespace) -> Ladder:
    """Return the ladder that the options describe.

    Raises:
        BudgetError: If they describe no ladder, or two.
    """
    ends = (options.min_budget, options.max_budget)
    if options.budgets is not None:
        if ends != (None, None) or options.eta is not None:
            raise BudgetError("expected either --budgets or --min-budget and --max-budget, got both; leave one out")
        return read_budgets(options.budgets)
    if None in ends:
        raise BudgetError("expected --budgets 1,4,10,50, or --min-budget and --max-budget; got neither")
    return geometric(*ends, eta=3 if options.eta is None else options.eta)


def read_budgets(text: str) -> Ladder:
    """Return the ladder of budgets that are given as 1,4,10,50.

    Raises:
        BudgetError: If one is not a number, or they are no ladder.
    """
    return ladder([_read_number(word) for word in text.split(",")])


def _read_number(word: str) -> int | float:
    try:
        return number(word)
    except ValueError:
        raise BudgetError(f"expected numbers as --budgets, such as 1,4,10,50; got {word!r}") from None
