"""What a user says about a training that runs: a report on its way, and how much of its budget it used."""

from typing import Any

from bohb._text import brief
from bohb.budgets import Ladder
from bohb.errors import BudgetError, TellConflict
from bohb.objectives import Goal
from bohb.optimizer.events import Reported
from bohb.optimizer.history import History
from bohb.optimizer.outcomes import read_answer, read_outcome, same_or_conflict
from bohb.trials import Trial


def read_used(budget: Any, trial: Trial, history: History, ladder: Ladder) -> Any:
    """Return how much of its budget a trial used as a plain number; None if it is all of it.

    Raises:
        BudgetError: If it is more than the trial's budget, or less than what the trial reported.
    """
    if budget is None:
        return None
    budget = ladder.nearest(budget)
    cost, full, last = ladder.cost(budget), ladder.cost(trial.budget), _last_cost(history, trial, ladder)
    if not last <= cost <= full:
        reported = f", at least the {history.reports[trial.id][-1].budget} that it reported" if last else ""
        raise BudgetError(
            f"expected at most the budget {trial.budget} of trial {trial.id}{reported}; got {brief(budget)}"
        )
    return None if cost == full else budget


def read_reported(
    trial: Trial, budget: Any, outcome: Any, checkpoint: Any, history: History, ladder: Ladder, goal: Goal
) -> Reported | None:
    """Return a report as an event; None if it repeats an earlier one.

    Raises:
        BudgetError: If the budget is not below the trial's, or not above that of the last report.
        TellConflict: If the trial was told, or reported something else at this budget.
        OutcomeError: If there is no loss in the outcome.
    """
    answer = read_answer(outcome, checkpoint, goal=goal)
    loss, status, info = read_outcome(answer)
    event = Reported(trial.id, ladder.nearest(budget), loss, status, answer.checkpoint, info, answer.metrics)
    before = next((each for each in history.reports.get(trial.id, ()) if each.budget == event.budget), None)
    if before is not None:
        same_or_conflict(before, event, goal)
        return None
    if trial.id in history.answers:
        raise TellConflict(f"expected a report of a running trial, got one of trial {trial.id}, which was told")
    cost = ladder.cost(event.budget)
    if cost >= ladder.cost(trial.budget):
        raise BudgetError(
            f"expected a report below the budget {trial.budget} of trial {trial.id}, got one at {brief(budget)}; "
            "tell the result at the budget itself"
        )
    if cost <= _last_cost(history, trial, ladder):
        last = history.reports[trial.id][-1].budget
        raise BudgetError(f"expected reports at increasing budgets, got {brief(budget)} after {last}")
    return event


def _last_cost(history: History, trial: Trial, ladder: Ladder) -> float:
    """Return the cost of the budget that a trial reported last; 0 if it reported none."""
    reports = history.reports.get(trial.id)
    return ladder.cost(reports[-1].budget) if reports else 0
