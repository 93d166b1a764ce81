"""`tell` and `fail`: commands that have to start fast, and so load neither the optimizer nor its space."""

import json
from argparse import Namespace
from typing import Any

from bohb.cli import exits
from bohb.cli.output import print_json, print_text
from bohb.errors import OutcomeError
from bohb.exchange.records import finite
from bohb.optimizer.events import Told
from bohb.study import quick_tell
from bohb.trials import Failure


def tell(options: Namespace) -> int:
    """Record a loss or an error."""
    outcome: Any = options.loss if options.error is None else Failure(options.error)
    info = read_info(options.info)
    told = quick_tell.tell(options.study, options.trial, outcome, checkpoint=options.checkpoint, info=info)
    if options.json:
        print_json(_facts(told))
    else:
        print_text(
            f"trial {told.trial_id}: " + (f"loss {told.loss!r}" if told.status == "ok" else f"failed ({told.status})")
        )
    return exits.OK


def read_info(text: str | None) -> dict[str, Any]:
    """Return the info given as a JSON object.

    Raises:
        OutcomeError: If it is not a JSON object.
    """
    try:
        info = json.loads("{}" if text is None else text)
    except ValueError as error:
        raise OutcomeError(f"expected a JSON object as info, got {text!r}: {error}") from error
    if not isinstance(info, dict):
        raise OutcomeError(f"expected a JSON object as info, got {text!r}")
    return info


def _facts(told: Told) -> dict[str, Any]:
    return {
        "trial": told.trial_id,
        "loss": finite(told.loss),
        "status": str(told.status),
        "checkpoint": told.checkpoint,
        "info": dict(told.info),
    }
