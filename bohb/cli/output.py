"""What commands print: one JSON object a line for programs, text for people, and both from the same records.

JSON has no infinities: the loss of a failure is null, and its status says why.
"""

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from bohb.trials import Result, Trial


def print_json(value: Mapping[str, Any]) -> None:
    """Writes one JSON object as one line to stdout, at once: a reader may wait for it."""
    print(to_line(value), flush=True)


def print_text(text: str) -> None:
    """Writes text for people to stdout."""
    print(visible(text), flush=True)


def note(text: str) -> None:
    """Writes a remark to stderr."""
    print(f"bohb: {visible(text)}", file=sys.stderr, flush=True)


def to_line(value: Any) -> str:
    """Returns a value as JSON on one line."""
    return json.dumps(value, allow_nan=False)


def visible(text: str) -> str:
    """Returns text in which no value of a study can steer the terminal."""
    return "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1] for character in text
    )


def finite(loss: float) -> float | None:
    """Returns a loss as JSON can carry it."""
    return loss if math.isfinite(loss) else None


def trial_facts(trial: Trial) -> dict[str, Any]:
    """Returns a trial as a JSON-able object."""
    return {
        "trial": trial.id,
        "config": dict(trial.config),
        "budget": trial.budget,
        "checkpoint": trial.checkpoint,
        "previous": trial.previous,
        "config_id": trial.config_id,
        "bracket": trial.bracket,
        "rung": trial.rung,
        "origin": str(trial.origin),
    }


def result_facts(result: Result) -> dict[str, Any]:
    """Returns a result as a JSON-able object; `checkpoint` is the one that was told."""
    return trial_facts(result.trial) | {
        "loss": finite(result.loss),
        "status": str(result.status),
        "checkpoint": result.checkpoint,
        "resumed": result.trial.checkpoint,
        "info": dict(result.info),
    }


def config_text(config: Mapping[str, Any]) -> str:
    """Returns a configuration on one line."""
    return ", ".join(f"{name}={value!r}" for name, value in config.items())


def result_text(result: Result) -> str:
    """Returns a result on one line."""
    outcome = f"loss {result.loss:.6g}" if math.isfinite(result.loss) else f"failed ({result.status})"
    return f"trial {result.trial.id}: {outcome} at budget {result.trial.budget}; {config_text(result.trial.config)}"
