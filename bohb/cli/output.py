"""Print results: one JSON object a line for programs, or text for people, both from the same records.

JSON has no infinities: the loss of a failure is null, and its status says why.
"""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from bohb._secrets import looks_like_address, redacted, refused, scheme_of
from bohb._text import visible
from bohb.trials import Result

_addresses: list[str] = []


def print_json(value: Mapping[str, Any]) -> None:
    """Write one JSON object as one line to stdout and flush: a reader may wait for it."""
    print(to_line(value), flush=True)


def print_text(text: str) -> None:
    """Write text for people to stdout."""
    print(visible(text, keep_lines=True), flush=True)


def hide_addresses(words: Sequence[str]) -> None:
    """Remember the addresses of databases among the arguments, so that no message shows one, wherever it was given."""
    values = [word.partition("=")[2] if word.startswith("--") and "=" in word else word for word in words]
    _addresses[:] = [value for value in values if scheme_of(value) or looks_like_address(value)]


def without_addresses(text: str) -> str:
    """Return a message without the secrets in the addresses of databases."""
    for word in _addresses:
        for form in (word, repr(word)[1:-1]):
            text = text.replace(form, refused(word))
    return redacted(text)


def print_remark(text: str) -> None:
    """Write a remark to stderr."""
    print(f"bohb: {visible(without_addresses(text), keep_lines=True)}", file=sys.stderr, flush=True)


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
