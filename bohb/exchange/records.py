"""Trials and results as JSON-able objects.

JSON has no infinities: the loss of a failure is null, and its status says why.
"""

from typing import Any

from bohb.objectives import Goal
from bohb.optimizer.events import Told
from bohb.trials import Result, Trial


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
        **({"repeat": trial.repeat} if trial.repeat else {}),
    }


def value_facts(told: Result | Told, goal: Goal) -> dict[str, Any]:
    """Return the loss, or the metrics by name if the goal is declared; None for the value of a failure."""
    if not goal.is_declared:
        return {"loss": goal.shown(told.loss)}
    return {"metrics": {goal.name: goal.shown(told.loss), **told.metrics}}


def result_facts(result: Result, goal: Goal) -> dict[str, Any]:
    """Return a result as a JSON-able object; `checkpoint` is the one that was told.

    Args:
        result: The result.
        goal: What is optimised. If it is declared, there are `metrics` by name in the place of the loss.
    """
    return {
        **trial_facts(result.trial),
        **value_facts(result, goal),
        "status": str(result.status),
        "checkpoint": result.checkpoint,
        "resumed": result.trial.checkpoint,
        "info": dict(result.info),
        "seconds": result.seconds,
        "finished_at": result.finished_at,
        "cost": result.cost,
        **({} if result.used is None else {"used": result.used}),
    }
