"""What a study knows: the facts that are read and never changed."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from bohb.budgets import Ladder
from bohb.optimizer import Optimizer
from bohb.optimizer.events import Event
from bohb.space import Space
from bohb.study.snapshot import Snapshot, TrialTimes
from bohb.study.transaction import Transactions
from bohb.trials import Result, Trial

if TYPE_CHECKING:
    import pandas as pd

    from bohb.importance import Importance
    from bohb.optimizer.explanation import Explanation
    from bohb.optimizer.health import Health
    from bohb.optimizer.lineage import Lineage
    from bohb.optimizer.plan import Plan
    from bohb.optimizer.recommendation import Recommendation

T = TypeVar("T")


class StudyFindings:
    """The part of a study that is read.

    Args:
        transactions: The log, and the optimizer that it describes.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def snapshot(self) -> Snapshot:
        """Return the whole study as of one moment, as a frozen record.

        Properties that are read one after the other may be of different moments, because other processes add to the
        study in between.
        """
        return self._transactions.read(lambda replica: replica.snapshot())

    @property
    def space(self) -> Space:
        """The search space."""
        return self._see(lambda optimizer: optimizer.space)

    @property
    def objectives(self) -> Mapping[str, str] | None:
        """The metric that is told, and its direction; None for a loss to minimise."""
        return self._see(lambda optimizer: optimizer.objectives)

    @property
    def repeats(self) -> bool:
        """Whether a configuration may be trained in full again, under another `Trial.repeat`."""
        return self._see(lambda optimizer: optimizer.repeats)

    @property
    def preset(self) -> str:
        """The name of the preset, for the parts that are not the user's own."""
        return self._see(lambda optimizer: optimizer.preset)

    @property
    def events(self) -> Sequence[Event]:
        """Everything that happened in the search, in order; leases are not part of it."""
        return self._see(lambda optimizer: tuple(optimizer.events))

    @property
    def times(self) -> Mapping[int, TrialTimes]:
        """When each trial was asked and told, by the id of the trial, in seconds since 1970 by the store's clock."""
        return self._transactions.read(lambda replica: replica.times.by_trial())

    @property
    def seed(self) -> int:
        """The seed, given or drawn."""
        return self._see(lambda optimizer: optimizer.seed)

    @property
    def ladder(self) -> Ladder:
        """The ladder of budgets."""
        return self._see(lambda optimizer: optimizer.ladder)

    @property
    def ladders(self) -> Sequence[Ladder]:
        """All ladders that the study has had, the first one and each longer one."""
        return self._see(lambda optimizer: optimizer.ladders)

    @property
    def incumbent(self) -> Result | None:
        """The result with the best finite loss, or value of the objective, at the largest budget that has one."""
        return self._see(lambda optimizer: optimizer.incumbent)

    @property
    def results(self) -> Sequence[Result]:
        """Every result that counts, in the order of telling."""
        return self._see(lambda optimizer: optimizer.results)

    @property
    def pending(self) -> Sequence[Trial]:
        """Every trial that was asked and not settled, in the order of asking."""
        return self._see(lambda optimizer: optimizer.pending)

    def trial(self, trial_id: int) -> Trial:
        """Return the trial with this id.

        Raises:
            UnknownTrial: If the study never asked it.
        """
        return self._see(lambda optimizer: optimizer.trial(trial_id))

    def trajectory(self) -> Sequence[Result]:
        """Return the results that were the incumbent, in order."""
        return self._see(lambda optimizer: optimizer.trajectory())

    def recommend(self) -> "Recommendation | None":
        """Return the configuration to use, as `Optimizer.recommend` does; None before the first success."""
        return self._see(lambda optimizer: optimizer.recommend())

    def plan(self, num_workers: int = 1, cycles: int = 1) -> "Plan":
        """Return what a search will take, before anything is spent, as `Optimizer.plan` does.

        Args:
            num_workers: How many workers share the work, at least 1.
            cycles: The number of cycles over all brackets, at least 1.

        Raises:
            SettingError: If a number is not a positive integer.
        """
        return self._see(lambda optimizer: optimizer.plan(num_workers, cycles))

    def health(self) -> "Health":
        """Return how the search is doing, as `Optimizer.health` does."""
        return self._see(lambda optimizer: optimizer.health())

    def explain(self, trial: Trial | int) -> "Explanation":
        """Explain why a trial was chosen.

        Raises:
            UnknownTrial: If the study never asked the trial.
        """
        return self._see(lambda optimizer: optimizer.explain(trial))

    def lineage(self, trial: Trial | int) -> "Lineage":
        """Return the schedule of hyperparameters that led to a trial, as `Optimizer.lineage` does.

        Raises:
            UnknownTrial: If the study never asked the trial.
        """
        return self._see(lambda optimizer: optimizer.lineage(trial))

    def releasable(self) -> Sequence[str]:
        """Return the checkpoints that no promotion can ever need again, in the order of telling."""
        return self._see(lambda optimizer: optimizer.releasable())

    def to_state(self) -> dict[str, Any]:
        """Return the search as plain JSON-able data, without leases; `Optimizer.from_state` continues it alone."""
        return self._see(lambda optimizer: optimizer.to_state())

    def to_frame(self, *, curves: bool = False) -> "pd.DataFrame":
        """Return the results as a frame of pandas, a row a result; `bohb.frames.to_frame` names the columns.

        Args:
            curves: Whether each point of a learning curve has a row, instead of each result.

        Raises:
            SettingError: If pandas is not installed.
        """
        return self.snapshot().to_frame(curves=curves)

    def importance(self, *, budget: Any = None, within: float = 1.0, pairs: bool = True) -> "Importance":
        """Return how much each parameter matters, as `Optimizer.importance` does."""
        from bohb.importance import importance

        return importance(self.to_frame(), budget=budget, within=within, pairs=pairs)

    def _see(self, look: Callable[[Optimizer], T]) -> T:
        """Return what `look` sees in the newest state of the search."""
        return self._transactions.read(lambda replica: look(replica.optimizer))
