"""`tell` and `fail`: commands that have to start fast, and so load neither the optimizer nor its space."""

from argparse import Namespace
from typing import Any

from bohb._json import parse
from bohb.cli import exits
from bohb.cli.output import print_json, print_text
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


def read_info(text: str | None) -> Any:
    """Return the info given as JSON, or the text itself if it is not JSON. What is not an object is dropped later."""
    try:
        return None if text is None else parse(text)
    except ValueError:
        return text


def _facts(told: Told) -> dict[str, Any]:
    return {
        "trial": told.trial_id,
        "loss": finite(told.loss),
        "status": str(told.status),
        "checkpoint": told.checkpoint,
        "info": dict(told.info),
    }
