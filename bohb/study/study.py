"""The study: an optimizer that several processes share, and that survives each of them.

It offers the optimizer's methods, and leases. `transaction.py` turns a call into one transaction; the rules of the
search are in `bohb.optimizer`.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from bohb._secrets import shown
from bohb.budgets import Ladder, ladder
from bohb.errors import StudyUnavailable
from bohb.optimizer import Optimizer
from bohb.optimizer.events import Event
from bohb.space import Space, checked_space
from bohb.study import leases
from bohb.study.replica import Replica
from bohb.study.seats import seat
from bohb.study.snapshot import Snapshot, TrialTimes
from bohb.study.stores import header
from bohb.study.stores.protocol import Log
from bohb.study.stores.registry import canonical, create, open_log, open_part, recalled
from bohb.study.stores.rows import seal
from bohb.study.transaction import Transactions
from bohb.trials import Result, Trial

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from bohb.models import Model
    from bohb.optimizer.explanation import Explanation
    from bohb.optimizer.health import Health
    from bohb.optimizer.plan import Plan
    from bohb.schedules import Schedule

T = TypeVar("T")

MAX_TRIES = 3
"""How often an ask lets the model advise outside of the lock, before it keeps the lock and so comes to an end."""


class Study:
    """A durable, shared optimizer; `Study.open` makes one.

    It has the methods of `bohb.Optimizer`, and `bohb.run` takes either. When a call returns, its effect is on disk. A
    tell counts exactly once. An evaluation may run more than once, because a trial whose worker was lost is asked
    again.

    Several threads may use a study. So may a forked process, and a process to which it was pickled.

    Attributes:
        target: The absolute path, or the URL without its secrets, such as a password.
    """

    def __init__(
        self,
        target: str,
        log: Log,
        *,
        schedule: "Schedule | None" = None,
        model: "Model | None" = None,
        lease: float | None = None,
    ) -> None:
        self.target = open_part(target)
        self._schedule, self._model, self._lease = schedule, model, leases.check_seconds(lease)
        self._transactions = Transactions(shown(target), log, schedule, model)

    @classmethod
    def open(
        cls,
        target: str | os.PathLike[str],
        space: "ConfigurationSpace | Mapping[str, Any] | Space | None" = None,
        budgets: Iterable[Any] | None = None,
        *,
        seed: int | None = None,
        preset: str | None = None,
        schedule: "Schedule | None" = None,
        model: "Model | None" = None,
        lease: float | None = None,
    ) -> Self:
        """Create the study, or resume it; to resume, the target alone is enough.

        Args:
            target: A file (also as `sqlite:///file.db`), a `postgresql://` URL, or a URL of a registered store (see
                `bohb.study.stores.register`).
            space: As for `Optimizer`.
            budgets: As for `Optimizer`.
            seed: As for `Optimizer`.
            preset: As for `Optimizer`; None means the preset that the study has, or "default" for a new study.
            schedule: As for `Optimizer`. It is not stored: give it again whenever you open the study.
            model: As for `Optimizer`. It is not stored either.
            lease: The default lease of `ask`, in seconds; None for leases without end.

        Raises:
            StudyMismatch: If the study differs from the arguments, or the target is something else than a study.
            StudyCorrupt: If the study is damaged.
            StudyVersion: If a newer version of bohb wrote it.
            StudyUnavailable: If there is no study and space or budgets are missing, or the store is out of reach.
            StudyBusy: If another process kept the lock for too long; try again.
        """
        name = canonical(target)
        if space is not None:
            space = checked_space(space)
        if budgets is not None:
            budgets = ladder(budgets)
        log = open_log(name)
        if log is None and space is not None and budgets is not None:
            optimizer = Optimizer(
                space,
                budgets,
                seed=seed,
                schedule=schedule,
                model=model,
                preset="default" if preset is None else preset,
            )
            facts = header.describe(optimizer)
            create(name, lambda at: seal(None, header.HEADER_KIND, facts, at))
            log = open_log(name)
        if log is None:
            raise StudyUnavailable(
                f"expected a study at {shown(name)}, got nothing; "
                "check the path, or create it: Study.open with a space and budgets, or `bohb create`"
            )
        study = cls(name, log, schedule=schedule, model=model, lease=lease)
        given: dict[str, Any] = {"preset": preset, "seed": None if seed is None else seed.__index__()}
        given["space"] = None if space is None else space.to_json()
        given["ladder"] = None if budgets is None else budgets.to_json()
        try:
            study._transactions.check_same({name: value for name, value in given.items() if value is not None})
        except BaseException:
            study.close()
            raise
        return study

    def close(self) -> None:
        """Close the store. The study may be used again, and opens it again."""
        self._transactions.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the target and the options; a copy in another process reads the rest from the log.

        A pickle has no secrets. Another process takes the password from where PostgreSQL's client reads one.
        """
        return _again, (self.target, self._schedule, self._model, self._lease)

    def __repr__(self) -> str:
        return f"<bohb.Study {shown(self.target)}>"

    # Ask and tell.

    def ask(self, *, lease: float | None = None) -> Trial:
        """Return the next trial to evaluate, as `Optimizer.ask` does.

        Args:
            lease: How many seconds the trial is held; None for the default given to `open`. Each `heartbeat` starts the
                time anew. When it is over, the trial is forgotten, and another worker is asked to evaluate it.

        Raises:
            SpaceExhausted: If every configuration of a finite space is evaluated or pending at every budget.
            SettingError: If the lease is not a positive number.
        """
        seconds = self._lease if lease is None else leases.check_seconds(lease)
        for _ in range(MAX_TRIES):
            trial = self._try(seconds)
            if trial is not None:
                return trial
        return self._ask_under_lock(seconds)

    def _try(self, lease: float | None) -> Trial | None:
        """Ask with advice from outside of the lock; None if other processes made it useless in the meantime."""
        with seat():
            advice = self._transactions.read_at(Replica.advise)
        return self._transactions.write(lambda replica, at: replica.follow(advice, at, lease))

    def _ask_under_lock(self, lease: float | None) -> Trial:
        trial = self._transactions.write(lambda replica, at: replica.follow(replica.advise(at), at, lease))
        assert trial is not None  # nothing happened in between
        return trial

    def tell(
        self, trial: Trial | int, outcome: Any, *, checkpoint: Any = None, info: Mapping[str, Any] | None = None
    ) -> Result:
        """Record the outcome of a trial, as `Optimizer.tell` does; repeating the same call is safe.

        Raises:
            UnknownTrial: If the study never asked the trial.
            TellConflict: If the trial was told before with another outcome.
            OutcomeError: If there is no loss in the outcome.
        """
        return self._transactions.write(
            lambda replica, _: replica.optimizer.tell(trial, outcome, checkpoint=checkpoint, info=info)
        )

    def forget(self, trial: Trial | int) -> None:
        """Record that a trial never ran, as `Optimizer.forget` does: it is asked again.

        Raises:
            UnknownTrial: If the study never asked the trial.
            TellConflict: If the trial was told.
        """
        self._transactions.write(lambda replica, _: replica.optimizer.forget(trial))

    def enqueue(self, config: Mapping[str, Any], budget: Any = None) -> None:
        """Enqueue a configuration to be tried before the model's choices, as `Optimizer.enqueue` does.

        Values that are missing are chosen.

        Raises:
            ConfigError: If the configuration does not lie in the space, or is known at this budget already.
            BudgetError: If the budget is not on the ladder.
        """
        self._transactions.write(lambda replica, _: replica.optimizer.enqueue(config, budget))

    def observe(self, config: Mapping[str, Any], budget: Any, loss: Any) -> Result:
        """Record a result from elsewhere, as `Optimizer.observe` does; repeating the same call is safe.

        Raises:
            ConfigError: If the configuration does not lie in the space.
            BudgetError: If the budget is not on the ladder.
            OutcomeError: If the loss is not a number.
            TellConflict: If the configuration has another result at this budget.
        """
        return self._transactions.write(lambda replica, _: replica.optimizer.observe(config, budget, loss))

    # Leases.

    def heartbeat(self, trial: Trial | int) -> bool:
        """Restart the lease of a trial, because its worker lives.

        Returns:
            Whether the worker still holds the trial. It does not if the trial was told, or if the lease expired and
            another worker was asked. A tell still counts if it is the first.

        Raises:
            UnknownTrial: If the study never asked the trial.
        """

        def act(replica: Replica, at: float) -> bool:
            known = replica.optimizer.trial(_id(trial))
            is_pending = any(pending.id == known.id for pending in replica.optimizer.pending)
            if is_pending and known.id in replica.leases:
                replica.record(leases.RENEWED, {"id": known.id}, at)
            return is_pending

        return self._transactions.write(act)

    def release(self, trial: Trial | int) -> None:
        """Give back a trial that was not evaluated: it is asked again, as after `forget`.

        Raises:
            UnknownTrial: If the study never asked the trial.
            TellConflict: If the trial was told.
        """

        def act(replica: Replica, at: float) -> None:
            num_events = len(replica.optimizer.events)
            replica.optimizer.forget(trial)
            if len(replica.optimizer.events) > num_events:
                replica.record(leases.RELEASED, {"id": _id(trial)}, at)

        self._transactions.write(act)

    @property
    def lease(self) -> float | None:
        """The default lease of `ask`, in seconds; None for leases without end."""
        return self._lease

    # Facts.

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
    def incumbent(self) -> Result | None:
        """The result with the lowest finite loss at the largest budget that has one; None before there is any."""
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

    def releasable(self) -> Sequence[str]:
        """Return the checkpoints that no promotion can ever need again, in the order of telling."""
        return self._see(lambda optimizer: optimizer.releasable())

    def to_state(self) -> dict[str, Any]:
        """Return the search as plain JSON-able data, without leases; `Optimizer.from_state` continues it alone."""
        return self._see(lambda optimizer: optimizer.to_state())

    def _see(self, look: Callable[[Optimizer], T]) -> T:
        """Return what `look` sees in the newest state of the search."""
        return self._transactions.read(lambda replica: look(replica.optimizer))


def _again(target: str, schedule: Any, model: Any, lease: float | None) -> Study:
    """Open the study that was pickled."""
    return Study.open(recalled(target), schedule=schedule, model=model, lease=lease)


def _id(trial: Trial | int) -> int:
    return trial.id if isinstance(trial, Trial) else trial
