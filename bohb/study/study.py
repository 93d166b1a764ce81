"""The study: an optimizer that several processes share, and that survives each of them.

It offers the optimizer's methods, and leases. `transaction.py` turns a call into one transaction; the rules of the
search are in `bohb.optimizer`.
"""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from bohb._checks import flag
from bohb._secrets import shown
from bohb.budgets import Ladder, ladder
from bohb.errors import StudyUnavailable
from bohb.objectives import advised, read_goal
from bohb.optimizer import Optimizer
from bohb.optimizer.boundary import check_seed
from bohb.optimizer.foreign import read_results
from bohb.optimizer.notebook import search_html
from bohb.optimizer.outcomes import read_trial_id
from bohb.space import Space, checked_space
from bohb.study import leases
from bohb.study.findings import StudyFindings
from bohb.study.replica import Replica
from bohb.study.seats import first_in, seat
from bohb.study.stores import header
from bohb.study.stores.protocol import Log
from bohb.study.stores.registry import canonical, create, open_log, open_part, recalled
from bohb.study.stores.rows import seal
from bohb.study.transaction import Transactions
from bohb.trials import Result, Trial

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from bohb.models import Model
    from bohb.optimizer.adoption import Adopted
    from bohb.schedules import Schedule

T = TypeVar("T")

MAX_TRIES = 3
"""How often an ask lets the model advise outside of the lock, before it keeps the lock and so comes to an end."""


class Study(StudyFindings):
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
        super().__init__(Transactions(shown(target), log, schedule, model))

    @classmethod
    @advised
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
        objectives: Mapping[str, str] | None = None,
        repeats: bool | None = None,
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
            objectives: As for `Optimizer`; None means what the study has, or a loss to minimise for a new study.
            repeats: As for `Optimizer`; None means what the study has, or False for a new study.

        Raises:
            StudyMismatch: If the study differs from the arguments, or the target is something else than a study.
            StudyCorrupt: If the study is damaged.
            StudyVersion: If a newer version of bohb wrote it.
            StudyUnavailable: If there is no study and space or budgets are missing, or the store is out of reach.
            StudyBusy: If another process kept the lock for too long; try again.
        """
        name, goal = canonical(target), read_goal(objectives)
        if repeats is not None:
            flag("repeats", repeats)
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
                objectives=objectives,
                repeats=bool(repeats),
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
        given: dict[str, Any] = {"preset": preset, "seed": None if seed is None else check_seed(seed)}
        given |= {"objectives": goal.objectives, "repeats": repeats}
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

    def _repr_html_(self) -> str:
        """Return the study as a table for notebooks."""
        return search_html(f"study {shown(self.target)}", self.snapshot())

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
        with seat(), first_in(self.target) as may_learn:
            advice = self._transactions.read_at(lambda replica, at: replica.advise(at, may_learn=may_learn))
            return self._transactions.write(lambda replica, at: replica.follow(advice, at, lease))

    def _ask_under_lock(self, lease: float | None) -> Trial:
        trial = self._transactions.write(lambda replica, at: replica.follow(replica.advise(at), at, lease))
        assert trial is not None  # nothing happened in between
        return trial

    def tell(
        self,
        trial: Trial | int,
        outcome: Any,
        *,
        checkpoint: Any = None,
        info: Mapping[str, Any] | None = None,
        budget: Any = None,
        cost: Any = None,
    ) -> Result:
        """Record the outcome of a trial, as `Optimizer.tell` does; repeating the same call is safe.

        How long the trial took follows from the clock of the store.

        Raises:
            UnknownTrial: If the study never asked the trial.
            TellConflict: If the trial was told before with another outcome.
            OutcomeError: If there is no loss in the outcome.
            BudgetError: If more was used than the trial's budget, or less than it reported.
        """
        more = {"checkpoint": checkpoint, "info": info, "budget": budget, "cost": cost}
        return self._transactions.write(lambda replica, _: replica.optimizer.tell(trial, outcome, **more))

    def report(self, trial: Trial | int, budget: Any, outcome: Any, *, checkpoint: Any = None) -> None:
        """Record a result of a running trial on its way, as `Optimizer.report` does; repeating the same call is safe.

        It restarts the lease of the trial, as `heartbeat` does.

        Raises:
            UnknownTrial: If the study never asked the trial.
            TellConflict: If the trial was told, or reported another outcome at this budget.
            BudgetError: If the budget is not below the trial's own, or not above that of its last report.
            OutcomeError: If there is no loss in the outcome.
        """
        self._transactions.write(
            lambda replica, _: replica.optimizer.report(trial, budget, outcome, checkpoint=checkpoint)
        )

    def proceed(
        self,
        trial: Trial | int,
        outcome: Any,
        *,
        checkpoint: Any = None,
        info: Mapping[str, Any] | None = None,
        lease: float | None = None,
    ) -> Trial | None:
        """Tell the outcome of a trial, and return the next trial if it continues the same training.

        See `Optimizer.proceed`. The outcome is on disk before the next trial is chosen, outside of the lock.

        Args:
            trial: As for `tell`.
            outcome: As for `tell`.
            checkpoint: As for `tell`.
            info: As for `tell`.
            lease: As for `ask`.

        Returns:
            The next trial, of the same configuration at a larger budget; None: stop, and call `ask`.

        Raises:
            UnknownTrial: As `tell`.
            TellConflict: As `tell`.
            OutcomeError: As `tell`.
            SettingError: If the lease is not a positive number.
        """
        leases.check_seconds(lease)
        self.tell(trial, outcome, checkpoint=checkpoint, info=info)
        return self.go_on(trial, lease=lease)

    def go_on(self, trial: Trial | int, *, lease: float | None = None) -> Trial | None:
        """Return the next trial if it continues the training of a told one, as `Optimizer.go_on` does.

        Args:
            trial: A trial that was told.
            lease: As for `ask`.
        """
        seconds = self._lease if lease is None else leases.check_seconds(lease)
        with seat(), first_in(self.target) as may_learn:
            is_wanted, advice = self._transactions.read_at(
                lambda replica, at: replica.advise_on(trial, at, may_learn=may_learn)
            )
            if not is_wanted:
                return None
            return self._transactions.write(lambda replica, at: replica.go_on(trial, advice, at, seconds))

    def forget(self, trial: Trial | int) -> None:
        """Record that a trial never ran, as `Optimizer.forget` does: it is asked again.

        Raises:
            UnknownTrial: If the study never asked the trial.
            TellConflict: If the trial was told.
        """
        self._transactions.write(lambda replica, _: replica.optimizer.forget(trial))

    def retry(self, trial: Trial | int) -> None:
        """Take back a failure, as `Optimizer.retry` does: its configuration is asked again.

        Raises:
            UnknownTrial: If the study has no such trial.
            TellConflict: If the trial did not fail, or its failure was late and never counted.
        """
        self._transactions.write(lambda replica, _: replica.optimizer.retry(trial))

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

    def adopt(self, results: Any, *, fill: Mapping[str, Any] | None = None) -> "Adopted":
        """Take over the results of another search, as `Optimizer.adopt` does, in one transaction.

        Raises:
            SettingError: If the results are nothing that can be read.
            ConfigError: If a value of `fill` does not lie in the space.
            StateError: If a state is damaged, or of a search with parts of its own.
        """
        given = read_results(results, Optimizer.from_state)  # before the lock is taken: it may be another study
        return self._transactions.write(lambda replica, _: replica.optimizer.adopt(given, fill=fill))

    def extend(self, budgets: Iterable[Any], *, released: Iterable[str] = ()) -> Ladder:
        """Go on with a longer ladder, as `Optimizer.extend` does; other processes see it at their next call.

        Raises:
            BudgetError: If the budgets do not begin with the old ones.
        """
        longer, gone = ladder(budgets), tuple(released)
        return self._transactions.write(lambda replica, _: replica.optimizer.extend(longer, released=gone))

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
            known = replica.optimizer.trial(read_trial_id(trial))
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
                replica.record(leases.RELEASED, {"id": read_trial_id(trial)}, at)

        self._transactions.write(act)

    @property
    def lease(self) -> float | None:
        """The default lease of `ask`, in seconds; None for leases without end."""
        return self._lease


def _again(target: str, schedule: Any, model: Any, lease: float | None) -> Study:
    """Open the study that was pickled."""
    return Study.open(recalled(target), schedule=schedule, model=model, lease=lease)
