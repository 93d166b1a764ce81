"""Trials and results as JSON-able objects.

JSON has no infinities: the loss of a failure is null, and its status says why.
"""

import math
from typing import Any

from bohb.trials import Result, Trial


def finite(loss: float) -> float | None:
    """Return a loss as JSON can carry it."""
    return loss if math.isfinite(loss) else None


def trial_facts(trial: Trial) -> dict[str, Any]:
    """Return a trial as a JSON-able object."""
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
    """Return a result as a JSON-able object; `checkpoint` is the one that was told."""
    return trial_facts(result.trial) | {
        "loss": finite(result.loss),
        "status": str(result.status),
        "checkpoint": result.checkpoint,
        "resumed": result.trial.checkpoint,
        "info": dict(result.info),
    }
