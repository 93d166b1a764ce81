"""Print results: one JSON object a line for programs, or text for people, both from the same records.

JSON has no infinities: the loss of a failure is null, and its status says why.
"""

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from bohb._text import visible
from bohb.trials import Result


def print_json(value: Mapping[str, Any]) -> None:
    """Write one JSON object as one line to stdout and flush: a reader may wait for it."""
    print(to_line(value), flush=True)


def print_text(text: str) -> None:
    """Write text for people to stdout."""
    print(visible(text, keep_lines=True), flush=True)


def print_remark(text: str) -> None:
    """Write a remark to stderr."""
    print(f"bohb: {visible(text, keep_lines=True)}", file=sys.stderr, flush=True)


def to_line(value: Any) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value, allow_nan=False)


def config_text(config: Mapping[str, Any]) -> str:
    """Return a configuration on one line."""
    return ", ".join(f"{name}={value!r}" for name, value in config.items())


def result_text(result: Result) -> str:
    """Return a result on one line."""
    outcome = f"loss {result.loss:.6g}" if math.isfinite(result.loss) else f"failed ({result.status})"
    return f"trial {result.trial.id}: {outcome} at budget {result.trial.budget}; {config_text(result.trial.config)}"
