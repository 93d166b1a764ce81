"""`tell` and `fail`: commands that have to start fast, and so load neither the optimizer nor its space."""

import math
from argparse import Namespace
from typing import Any

from bohb._json import read_object
from bohb._text import significant
from bohb.cli import exits
from bohb.cli.arguments import read_amount
from bohb.cli.output import print_json, print_text
from bohb.errors import OutcomeError
from bohb.exchange.records import value_facts
from bohb.objectives import RESERVED, Goal
from bohb.optimizer.events import Told
from bohb.study import quick_tell
from bohb.trials import Failure

EXPECTED_METRICS = """expected --metrics '{"accuracy": 0.93, "latency": 12}', a JSON object of numbers"""


def tell(options: Namespace) -> int:
    """Record a loss or an error."""
    used = None if options.budget is None else read_amount(options.budget, "what the trial used of its budget")
    more = {"checkpoint": options.checkpoint, "info": read_info(options.info), "budget": used, "cost": options.cost}
    told, goal = quick_tell.tell_and_name(options.study, options.trial, read_outcome(options), **more)
    if options.json:
        print_json(_facts(told, goal))
    else:
        value = (
            f"{goal.name} {significant(goal.value(told.loss))}" if told.status == "ok" else f"failed ({told.status})"
        )
        print_text(f"trial {told.trial_id}: {value}")
    return exits.OK


def read_outcome(options: Namespace) -> Any:
    """Return what --loss, --metrics or --error tell.

    Raises:
        OutcomeError: If the metrics are not a JSON object of numbers, null for nan.
    """
    if options.error is not None:
        return Failure(options.error)
    if options.metrics is None:
        return {"loss": options.loss}
    try:
        found = read_object(options.metrics)
    except ValueError as error:
        raise OutcomeError(f"{EXPECTED_METRICS}, got {options.metrics!r:.200}: {error}") from error
    if isinstance(found.get("loss"), bool):
        raise OutcomeError(f"{EXPECTED_METRICS}, got {options.metrics!r:.200}; a loss is neither true nor false")
    return {name: math.nan if value is None and name not in RESERVED else value for name, value in found.items()}


def read_info(text: str | None) -> Any:
    """Return the info given as a JSON object, or the text itself if it is none, to be dropped later."""
    try:
        return None if text is None else read_object(text)
    except ValueError:
        return text


def _facts(told: Told, goal: Goal) -> dict[str, Any]:
    return {
        "trial": told.trial_id,
        **value_facts(told, goal),
        "status": str(told.status),
        "checkpoint": told.checkpoint,
        "info": dict(told.info),
        **({} if told.budget is None else {"budget": told.budget}),
        **({} if told.cost is None else {"cost": told.cost}),
    }
