"""What a trial of Optuna says about its configuration, and a space of Optuna as one of ours. It imports no Optuna."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from bohb.budgets import Ladder
from bohb.objectives import Goal
from bohb.space.ranges import MAX_GRID

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial


def space_of(distributions: "Mapping[str, BaseDistribution]") -> dict[str, Any]:
    """Return distributions of Optuna as a space in the short form."""
    return {name: _entry(distribution) for name, distribution in distributions.items()}


def _entry(distribution: Any) -> Any:
    if hasattr(distribution, "choices"):
        choices = [plain_choice(choice) for choice in distribution.choices]
        return {"choices": [each for place, each in enumerate(choices) if each not in choices[:place]]}
    low, high, step = distribution.low, distribution.high, distribution.step
    if low == high:
        return {"constant": low}
    kind = "int" if type(low) is int else "float"
    entry = {kind: (low, high), "log": distribution.log}
    has_grid = step is not None and not distribution.log and not (kind == "int" and step == 1)
    if has_grid and (high - low) / step < MAX_GRID - 1:
        return {kind: (low, _last(low, high, step)), "step": step}
    return entry


def plain_choice(value: Any) -> Any:
    """Return a choice as our spaces take it: a text for a number that is not finite, as JSON has none."""
    return f"float('{value}')" if isinstance(value, float) and not math.isfinite(value) else value


def _last(low: Any, high: Any, step: Any) -> Any:
    """Return the last value of a grid in decimals: Optuna rounds it."""
    start, stop, width = (Fraction(repr(number)) for number in (low, high, step))
    return type(low)(start + round((stop - start) / width) * width)


def first_report(trial: "FrozenTrial", budget: Any, below: Any = math.inf) -> float | None:
    """Return the value of the first report at or beyond a budget, and below another one; None if there is none."""
    step = min((step for step in trial.intermediate_values if budget <= step < below), default=None)
    return None if step is None else float(trial.intermediate_values[step])


def is_feasible(trial: "FrozenTrial") -> bool:
    """Return whether a trial keeps all its constraints; Optuna calls no other one the best."""
    attributes = trial.system_attrs  # older versions have no other place for them
    named = [value for name, value in attributes.items() if name.startswith("constraints:")]
    return all(value <= 0 for value in [*(attributes.get("constraints") or ()), *named])


def results_of(trial: "FrozenTrial", ladder: Ladder, goal: Goal) -> list[dict[str, Any]]:
    """Return what a trial says at the budgets of a ladder, as `adopt` reads it.

    The first report from one budget up to the next counts at the lower one, and the value of a complete trial at the
    largest. All are failures if the trial breaks a constraint. A trial that failed, or is not over, says nothing.
    """
    state = trial.state.name
    if state not in ("COMPLETE", "PRUNED"):
        return []
    limits = [*ladder[1:], math.inf]
    reached = {low: first_report(trial, low, high) for low, high in zip(ladder, limits, strict=True)}
    if state == "COMPLETE":
        reached[ladder[-1]] = trial.value
    worst = None if is_feasible(trial) else math.inf
    return [_record(trial, budget, worst or value, goal) for budget, value in reached.items() if value is not None]


def _record(trial: "FrozenTrial", budget: Any, value: float, goal: Goal) -> dict[str, Any]:
    is_metric = goal.is_declared and math.isfinite(value)
    outcome = {"metrics": {goal.name: value}} if is_metric else {"loss": value}
    config = {name: plain_choice(choice) for name, choice in trial.params.items()}
    return {"trial": trial.number, "config": config, "budget": budget, **outcome}
