"""What the tests of all formats share."""

import json

import bohb
from tests.cli.shell import CONDITIONAL

SPACE = {**CONDITIONAL, "depth": {"ordered": [1, 2, 4]}, "fixed": 3, "flag": [True, False]}


def results(target):
    with bohb.Study.open(target) as opened:
        return opened.results


def keys(found):
    """What an exchange keeps of results: configuration, budget and loss, in a fixed order."""
    return sorted(
        (json.dumps(dict(result.trial.config), sort_keys=True), result.trial.budget, result.loss) for result in found
    )
