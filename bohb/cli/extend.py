"""`extend`: a longer ladder for a study."""

from argparse import Namespace

from bohb.budgets import Ladder, extended
from bohb.cli import exits
from bohb.cli.arguments import open_study
from bohb.cli.create import read_budgets
from bohb.cli.output import print_json, print_text


def extend(options: Namespace) -> int:
    """Go on with a longer ladder."""
    with open_study(options.study) as study:
        now = study.extend(_longer(options, study.ladder))
    if options.json:
        print_json({"budgets": list(now)})
    else:
        print_text(f"budgets {', '.join(map(str, now))}")
    return exits.OK


def _longer(options: Namespace, current: Ladder) -> Ladder:
    if options.budgets is not None:
        return read_budgets(options.budgets)
    if options.max_budget == current[-1]:  # as it is after the same call before
        return current
    return extended(current, options.max_budget)
