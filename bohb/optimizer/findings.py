"""What a search knows: the facts that are read and never changed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bohb._frame import frame_of
from bohb.budgets import Ladder
from bohb.facts import Facts
from bohb.objectives import LOSS, Goal
from bohb.optimizer import plan
from bohb.optimizer.boundary import find_trial, private_copy
from bohb.optimizer.events import Event
from bohb.optimizer.explanation import Explanation, explain
from bohb.optimizer.health import Health, health
from bohb.optimizer.history import History
from bohb.optimizer.lineage import Lineage, lineage
from bohb.optimizer.notebook import search_html
from bohb.schedules import Schedule
from bohb.space import Space
from bohb.trials import Result, Trial

if TYPE_CHECKING:
    import pandas as pd

    from bohb.importance import Importance


class Findings:
    """The part of an optimizer that is read.

    Args:
        space: The search space.
        ladder: The ladder of budgets.
        schedule: The schedule.
        seed: The seed.
        preset: The name of the preset.
        goal: What is optimised.
        repeats: Whether a configuration may be trained in full again.
    """

    def __init__(
        self,
        space: Space,
        ladder: Ladder,
        schedule: Schedule,
        seed: int,
        preset: str,
        goal: Goal = LOSS,
        *,
        repeats: bool = False,
    ) -> None:
        self._space = space
        self._schedule = schedule
        self._seed = seed
        self._preset = preset
        self._goal = goal
        self._history = History(space, ladder, schedule, repeats=repeats)

    @property
    def seed(self) -> int:
        """The seed that was given or drawn."""
        return self._seed

    @property
    def space(self) -> Space:
        """The search space."""
        return self._space

    @property
    def preset(self) -> str:
        """The name of the preset. It stands for the parts that the user did not replace."""
        return self._preset

    @property
    def objectives(self) -> Mapping[str, str] | None:
        """The metric that is told, and its direction; None for a loss to minimise."""
        return self._goal.objectives

    @property
    def repeats(self) -> bool:
        """Whether a configuration may be trained in full again, under another `Trial.repeat`."""
        return self._history.repeats

    @property
    def ladder(self) -> Ladder:
        """The ladder of budgets; after `extend`, the longer one."""
        return self._ladder

    @property
    def ladders(self) -> Sequence[Ladder]:
        """All ladders that the search has had, the first one and each longer one."""
        return tuple(self._history.ladders)

    @property
    def _ladder(self) -> Ladder:
        return self._history.ladder

    @property
    def incumbent(self) -> Result | None:
        """The result with the best finite loss, or value of the objective, at the largest budget that has one."""
        return self._history.incumbents[-1] if self._history.incumbents else None

    @property
    def results(self) -> Sequence[Result]:
        """Every result that counts, in the order of telling."""
        return tuple(self._history.record.results)

    @property
    def pending(self) -> Sequence[Trial]:
        """The trials that were asked and not yet told or forgotten, in the order of asking."""
        return tuple(self._history.record.pending.running)

    def trial(self, trial_id: int) -> Trial:
        """Return the asked or observed trial with this id.

        Raises:
            UnknownTrial: If this optimizer has no trial with this id.
        """
        return private_copy(find_trial(self._history, trial_id, observed=True))

    def trajectory(self) -> Sequence[Result]:
        """Return the results that were the incumbent, in order."""
        return tuple(self._history.incumbents)

    def plan(self, num_workers: int = 1, cycles: int = 1) -> plan.Plan:
        """Return what a search will cost.

        Args:
            num_workers: The number of workers, at least 1.
            cycles: The number of cycles over all brackets, at least 1.

        Raises:
            SettingError: If a number is not a positive integer.
        """
        return plan.plan(
            self._schedule, self._ladder, num_workers, cycles, capacity=self._space.size, repeats=self.repeats
        )

    def health(self) -> Health:
        """Return the health of the search: model, agreement of the budgets, failures, repeats and lost trials."""
        return health(self._history, self._ladder, self._goal)

    def explain(self, trial: Trial | int) -> Explanation:
        """Return why a trial was asked.

        Raises:
            UnknownTrial: If this optimizer has no such trial.
        """
        known = find_trial(self._history, trial, observed=True)
        facts = self._history.facts[known.id] if known.id >= 0 else Facts()
        result, is_retry = self._history.answers.get(known.id), facts.reissue_of in self._history.retried
        return explain(known, facts, self._ladder, result=result, goal=self._goal, is_retry=is_retry)

    def lineage(self, trial: Trial | int) -> Lineage:
        """Return the schedule of hyperparameters that led to a trial, as pairs of a budget and a configuration.

        Each pair says up to which budget the training went on with which configuration. The last pair is the trial's
        own. A training that started from scratch has one pair; one that was promoted has the same configuration in
        each. Only in a population does the configuration change on the way.

        Raises:
            UnknownTrial: If this optimizer has no such trial.
        """
        return lineage(find_trial(self._history, trial, observed=True), self._history.trials)

    def releasable(self) -> Sequence[str]:
        """Return the checkpoints that are safe to delete, in the order of telling; never the incumbent's."""
        return self._history.releasable()

    def _repr_html_(self) -> str:
        """Return the search as a table for notebooks."""
        return search_html("optimizer", self)

    @property
    def events(self) -> Sequence[Event]:
        """Everything that happened, in order. With the constructor's arguments this is the whole state."""
        return self._history.events

    def to_frame(self, *, curves: bool = False) -> "pd.DataFrame":
        """Return the results as a frame of pandas, a row a result; `bohb.frames.to_frame` names the columns.

        Args:
            curves: Whether each point of a learning curve has a row, instead of each result.

        Raises:
            SettingError: If pandas is not installed.
        """
        return frame_of(self._space, self._ladder, self.results, objectives=self.objectives, curves=curves)

    def importance(self, *, budget: Any = None, within: float = 1.0, pairs: bool = True) -> "Importance":
        """Return how much each parameter matters, alone and with another; see `bohb.importance.importance`.

        Args:
            budget: The budget at which to say so; None is the largest that has a finite loss.
            within: Only differences among this share of the losses count; 1 is all of them.
            pairs: Whether to say it of pairs, too.

        Raises:
            SettingError: If there are fewer than ten finite losses, no parameter varies, or pandas or scikit-learn is
                not installed.
            BudgetError: If the budget is not on the ladder.
        """
        from bohb.importance import importance

        return importance(self.to_frame(), budget=budget, within=within, pairs=pairs)
