"""`create`: a study from a space and a ladder."""

from argparse import Namespace

from bohb._secrets import shown
from bohb.budgets import Ladder, geometric, ladder
from bohb.cli import exits
from bohb.cli.output import print_json, print_text
from bohb.cli.parser import number
from bohb.cli.space_files import read_space
from bohb.errors import BudgetError


def create(options: Namespace) -> int:
    """Create the study, or check that the existing one is the same."""
    from bohb.study.study import Study

    budgets, space = read_ladder(options), read_space(options.space)
    with Study.open(options.study, space, budgets, seed=options.seed, preset=options.preset) as study:
        facts = {"study": shown(study.target), "budgets": list(study.ladder), "seed": study.seed}
    if options.json:
        print_json(facts)
    else:
        print_text(f"{facts['study']}: budgets {', '.join(map(str, budgets))}; seed {facts['seed']}")
    return exits.OK


def read_ladder(options: Namespace) -> Ladder:
    """Return the ladder that the options describe.

    Raises:
        BudgetError: If they describe no ladder, or two.
    """
    ends = (options.min_budget, options.max_budget)
    if options.budgets is not None:
        if ends != (None, None) or options.eta is not None:
            raise BudgetError("expected either --budgets or --min-budget and --max-budget, got both; leave one out")
        return ladder([_number(word) for word in options.budgets.split(",")])
    if None in ends:
        raise BudgetError("expected --budgets 1,4,10,50, or --min-budget and --max-budget; got neither")
    return geometric(*ends, eta=3 if options.eta is None else options.eta)


def _number(word: str) -> int | float:
    try:
        return number(word)
    except ValueError:
        raise BudgetError(f"expected numbers as --budgets, such as 1,4,10,50; got {word!r}") from None
