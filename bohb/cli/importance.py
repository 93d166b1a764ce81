"""`importance`: how much each parameter matters. It is apart from the other facts: it loads pandas and scikit-learn."""

from argparse import Namespace

from bohb.cli import exits
from bohb.cli.arguments import open_study, read_budget
from bohb.cli.output import print_json, print_text


def importance(options: Namespace) -> int:
    """Print what share of the variance of the loss each parameter explains, alone and with another."""
    with open_study(options.study) as study:
        budget = None if options.budget is None else read_budget(options.budget, study.ladder)
        found = study.importance(budget=budget, within=options.within)
    if not options.json:
        print_text(str(found))
        return exits.OK
    effects = [([name], effect) for name, effect in found.main.items()]
    effects += [(list(names), effect) for names, effect in found.pairs.items()]
    for names, effect in effects:
        print_json({"parameters": names, "share": effect.share, "deviation": effect.deviation, "budget": found.budget})
    return exits.OK
