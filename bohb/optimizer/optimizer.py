"""The optimizer: `ask` and `tell` on top of a space, a ladder, a schedule and a model.

Every change is an event, which is applied to the history. The state of an optimizer is therefore the list of its
events. It does not depend on files, clocks, threads or processes.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bohb._checks import flag
from bohb.budgets import Ladder, ladder
from bohb.errors import ConfigError, StateError, TellConflict
from bohb.models import Model
from bohb.objectives import advised, read_goal
from bohb.optimizer.adoption import Adopted, fit
from bohb.optimizer.asking import Asking
from bohb.optimizer.boundary import check_seed, find_trial, longer_ladder, where_known
from bohb.optimizer.completion import complete
from bohb.optimizer.events import Enqueued, Event, Extended, Forgotten, Observed, Retried, Told
from bohb.optimizer.foreign import read_results
from bohb.optimizer.indexes import Clock
from bohb.optimizer.inside import read_reported, read_used
from bohb.optimizer.outcomes import read_answer, read_outcome, read_told, same_or_conflict
from bohb.optimizer.presets import check_model, choose_schedule, own_parts
from bohb.optimizer.selection import Vector
from bohb.optimizer.state import describe, restore
from bohb.schedules import Schedule
from bohb.space import Space, checked_space
from bohb.trials import ReadOnlyDict, Result, Trial

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


class Optimizer(Asking):
    """BOHB as one object with `ask` and `tell`.

    >>> import bohb
    >>> space = {"lr": (1e-5, 1e-1, "log")}
    >>> opt = bohb.Optimizer(space, budgets=bohb.geometric(1, 9, eta=3), seed=0)
    >>> for _ in range(30):
    ...     trial = opt.ask()
    ...     _ = opt.tell(trial, (trial.config["lr"] - 0.01) ** 2 + 1 / trial.budget)
    >>> opt.incumbent.trial.budget
    9

    Args:
        space: A dict of names to ranges, steps, choices and constants (see the page on spaces in the documentation), or
            a `ConfigSpace.ConfigurationSpace`.
        budgets: A strictly increasing sequence of numbers, or what `geometric` or `ladder` returned.
        seed: An integer in [0, 2**64) that makes the search repeatable. None draws one; read it from `seed`.
        schedule: Replaces the preset's schedule.
        model: Replaces the preset's model.
        preset: The name of a schedule and a model; see `bohb.optimizer.presets`.
        objectives: The metric that you tell, by name, and whether to `"minimize"` or `"maximize"` it, as in
            `{"accuracy": "maximize"}`. None for a loss to minimise.
        repeats: Whether a configuration may be trained in full again, under another `Trial.repeat`, when that says more
            about which one is best than a new one would. Set it where two trainings of a configuration differ, and use
            `trial.repeat` in the seed of a training. A finite space then never ends.

    Raises:
        SpaceError: If the space cannot be searched.
        BudgetError: If the budgets do not make a ladder.
        SettingError: If the seed, preset, schedule, model, objectives or `repeats` are not valid.
    """

    @advised
    def __init__(
        self,
        space: "ConfigurationSpace | Mapping[str, Any] | Space",
        budgets: Iterable[Any],
        *,
        seed: int | None = None,
        schedule: Schedule | None = None,
        model: Model | None = None,
        preset: str = "default",
        objectives: Mapping[str, str] | None = None,
        repeats: bool = False,
    ) -> None:
        goal = read_goal(objectives)
        chosen = choose_schedule(preset, schedule)
        drawn = secrets.randbits(63) if seed is None else check_seed(seed)
        given = checked_space(space), ladder(budgets), chosen, drawn, preset, goal
        super().__init__(*given, repeats=flag("repeats", repeats), model=check_model(model))
        self._custom = own_parts(schedule, model)

    # Tell.

    def tell(
        self,
        trial: Trial | int,
        outcome: Any,
        *,
        checkpoint: Any = None,
        info: Mapping[str, Any] | None = None,
        budget: Any = None,
        cost: Any = None,
        seconds: float | None = None,
        finished_at: float | None = None,
    ) -> Result:
        """Record the outcome of a trial. Repeating the same call is safe.

        Args:
            trial: The trial, or its id.
            outcome: The loss to minimise: a number of Python, numpy or torch. Or a mapping with `"loss"` and, if
                wanted, `"checkpoint"`, `"info"` and more names, which go to the info. With `objectives` it is the value
                of your metric, or a mapping with its name; further numbers in the mapping go to `Result.metrics`. A
                `Failure`, an exception, nan and infinities are failures.
            checkpoint: Where training may resume if the configuration is promoted, a string or a path.
            info: Anything else to keep, as JSON values by name: nested at most 32 deep, with integers of at most 600
                digits, in at most 4,194,304 characters. Numbers and arrays of numpy and torch are converted, and nan
                and infinities become None. What cannot be kept is dropped with a warning; the loss counts.
            budget: How much the trial used, if it stopped itself early. The loss counts at the trial's own budget, as
                the best that this training reaches; only what was used counts as spent.
            cost: What the trial cost, for example in seconds or money: a number from 0, to keep in `Result.cost`.
            seconds: How long the trial took, if you measured it. `bohb.run` does, and a study knows.
            finished_at: When it ended, in seconds since 1970, if you measured it.

        Returns:
            The result. If the trial was forgotten and its configuration already has another result at this budget, the
            status is `LATE` and the result does not count.

        Raises:
            UnknownTrial: If this optimizer never asked the trial.
            TellConflict: If the trial was told before with another outcome.
            OutcomeError: If there is no loss in the outcome.
            BudgetError: If more was used than the trial's budget, or less than it reported.
        """
        known = find_trial(self._history, trial)
        amounts = {"cost": cost, "seconds": seconds, "finished_at": finished_at}
        event = read_told(known.id, outcome, checkpoint, info, goal=self._goal, **amounts)
        before = self._history.answers.get(known.id)
        if before is not None:
            return same_or_conflict(before, event, self._goal)
        used = read_used(budget, known, self._history, self._ladder)
        self._history.apply(replace(event, budget=used))
        return self._history.answers[known.id]

    def report(self, trial: Trial | int, budget: Any, outcome: Any, *, checkpoint: Any = None) -> None:
        """Record a result of a running trial on its way. Repeating the same call is safe.

        At a budget of the ladder it counts as the result of the configuration there, if there is none. Every report
        becomes part of the learning curve, `Result.curve`, of the trial's own result.

        Args:
            trial: The trial, or its id.
            budget: A budget below the trial's own and above that of its last report. It need not be on the ladder.
            outcome: As in `tell`.
            checkpoint: As in `tell`.

        Raises:
            UnknownTrial: If this optimizer never asked the trial.
            TellConflict: If the trial was told, or reported another outcome at this budget.
            BudgetError: If the budget is not below the trial's own, or not above that of its last report.
            OutcomeError: If there is no loss in the outcome.
        """
        known = find_trial(self._history, trial)
        event = read_reported(known, budget, outcome, checkpoint, self._history, self._ladder, self._goal)
        if event is not None:
            self._history.apply(event)

    def proceed(
        self, trial: Trial | int, outcome: Any, *, checkpoint: Any = None, info: Mapping[str, Any] | None = None
    ) -> Trial | None:
        """Tell the outcome of a trial, and return the next trial if it continues the same training.

        Call it inside a training loop, where a trial reaches its budget. `proceed` makes the same decision that `ask`
        makes. A search with `proceed` equals one with `tell` and `ask`, except that no training is torn down that goes
        on anyway.

        Args:
            trial: As in `tell`.
            outcome: As in `tell`.
            checkpoint: As in `tell`.
            info: As in `tell`.

        Returns:
            The next trial, of the same configuration at a larger budget: train on up to `budget`. None: stop this
            training, and call `ask` for the next trial, which may be another one.

        Raises:
            UnknownTrial: As `tell`.
            TellConflict: As `tell`.
            OutcomeError: As `tell`.
        """
        self.tell(trial, outcome, checkpoint=checkpoint, info=info)
        return self.go_on(trial)

    def forget(self, trial: Trial | int) -> None:
        """Record that a trial never ran. The next ask repeats it under a new id.

        A trial that is already forgotten, or whose repetition was told, stays as it is.

        Raises:
            UnknownTrial: If this optimizer never asked the trial.
            TellConflict: If the trial was told.
        """
        known = find_trial(self._history, trial)
        if known.id in self._history.answers:
            raise TellConflict(f"expected a pending trial to forget, got trial {known.id}, which was told; keep it")
        if self._history.is_running(known):
            self._history.apply(Forgotten(known.id))

    def retry(self, trial: Trial | int) -> None:
        """Take back a failure that was not the fault of its configuration. The next ask repeats it under a new id.

        The failure stays among the events, and counts no more: not for the model, not for the schedule, and not as an
        evaluation of a finite space. A failure that is already taken back stays so.

        Args:
            trial: The trial that failed, or its id; also one that `observe` recorded.

        Raises:
            UnknownTrial: If this optimizer has no such trial.
            TellConflict: If the trial did not fail, or its failure was late and never counted.
        """
        known = find_trial(self._history, trial, observed=True)
        if known.id in self._history.retried:
            return
        if self._history.failure(known) is None:
            answer = self._history.answers.get(known.id)
            state = "not told yet" if answer is None and known.id >= 0 else "ok" if answer is None else answer.status
            raise TellConflict(
                f"expected a trial whose failure counts, got trial {known.id}, which is {state}; keep it"
            )
        self._history.apply(Retried(known.id))

    def enqueue(self, config: Mapping[str, Any], budget: Any = None) -> None:
        """Enqueue a configuration, to be asked before any proposal of the model.

        Args:
            config: The configuration; it must lie in the space. Values that are missing are chosen now, as those of a
                new configuration are: by the model, given the others, or at random.
            budget: A budget of the ladder, to evaluate it there outside the brackets. None starts it where the schedule
                starts the next new configuration, and it may be promoted like any other.

        Raises:
            ConfigError: If it does not lie in the space, or is already evaluated, pending or enqueued there.
            BudgetError: If the budget is not on the ladder.
        """
        level = None if budget is None else self._ladder.level(self._ladder.nearest(budget))
        plain = self._completed(config, level)
        config_id = self._history.configs.find(self._space.encode(plain))
        where = None if config_id is None else where_known(self._history, self._ladder, config_id, level)
        if where is not None:
            raise ConfigError(
                f"expected a configuration that is new there, got {plain}, already {where}; "
                "read its result, or give a budget at which it was not tried"
            )
        self._history.apply(Enqueued(plain, None if level is None else self._ladder[level]))

    def observe(self, config: Mapping[str, Any], budget: Any, loss: Any) -> Result:
        """Record a result from elsewhere, for the model and the incumbent. Repeating the same call is safe.

        Args:
            config: The configuration; it must lie in the space.
            budget: A budget of the ladder. If a finite space has nothing new there, the result may join a bracket.
            loss: As in `tell`.

        Raises:
            ConfigError: If the configuration does not lie in the space.
            BudgetError: If the budget is not on the ladder.
            OutcomeError: If the loss is not valid.
            TellConflict: If the configuration has another result at this budget.
        """
        level, plain = self._ladder.level(self._ladder.nearest(budget)), self._plain(config)
        answer = read_answer(loss, goal=self._goal)
        value, status, info = read_outcome(answer)
        config_id = self._history.configs.find(self._space.encode(plain))
        before = None if config_id is None else self._history.result(config_id, level)
        if before is not None:
            told = Told(before.trial.id, value, status, before.checkpoint, {})
            return same_or_conflict(before, told, self._goal)
        self._history.apply(Observed(plain, self._ladder[level], value, status, info, answer.metrics))
        return self._history.record.results[-1]

    def adopt(self, results: Any, *, fill: Mapping[str, Any] | None = None) -> Adopted:
        """Take over the results of another search as observations, as far as they fit. Repeating the call is safe.

        A configuration is read in this space: parameters that are gone are dropped, and new ones filled. If two results
        then fall on one configuration and budget, the better counts. A result at a budget between two of the ladder
        counts at the lower one. Checkpoints stay with the other search.

        Args:
            results: An optimizer, a study, a snapshot of one, a state as `to_state` returns it, a frame of pandas with
                columns `config.NAME`, `budget`, and `loss` or `metric.NAME`, or a list of results.
            fill: The values of parameters that are new here, by name. It applies wherever a parameter is active here
                and has no value there.

        Returns:
            What was taken over, and why the rest was not.

        Raises:
            SettingError: If the results are none of these.
            ConfigError: If a value of `fill` does not lie in the space.
            StateError: If a state is damaged, or of a search with parts of its own.
        """
        given = read_results(results, type(self).from_state)
        observed, adopted = fit(given, fill, self._space, self._ladder, self._history, self._goal)
        for event in observed:
            self._history.apply(event)
        return adopted

    def extend(self, budgets: Iterable[Any], *, released: Iterable[str] = ()) -> Ladder:
        """Go on with a longer ladder: the best at the largest budget are promoted beyond it, with their checkpoints.

        Everything stays as it is, and the old budgets are the first of the new ones. A ladder that the search has had
        changes nothing, so the call may be repeated.

        Args:
            budgets: All budgets, the old ones and larger ones; as in the constructor.
            released: The checkpoints that were deleted when `releasable` named them. A promotion that would need one of
                them starts from scratch.

        Returns:
            The current ladder.

        Raises:
            BudgetError: If the budgets do not begin with the old ones.
        """
        longer = longer_ladder(self._history.ladders, budgets)
        if longer is not None:
            gone = set(released)
            lost = (result.trial.id for result in self.results if result.checkpoint in gone and result.trial.id >= 0)
            self._history.apply(Extended(longer, tuple(lost)))
        return self._ladder

    # State.

    def apply(self, event: Event) -> None:
        """Replay an event of an optimizer with the same arguments, without computing a proposal.

        Raises:
            StateError: If the event cannot follow the earlier ones.
        """
        try:
            self._history.apply(event)
        except (LookupError, ValueError, ArithmeticError, StopIteration) as error:
            raise StateError(f"expected an event that can follow the {len(self.events)} before, got {event}") from error

    def catch_up(self) -> None:
        """Sort all results now, after many events were applied. Otherwise the next ask does it."""
        self._history.observations.catch_up()
        self._history.brackets.catch_up()

    def use_clock(self, clock: Clock) -> None:
        """Take the times of results from a clock, as a study does with the clock of its store."""
        self._history.clock = clock

    def to_state(self) -> dict[str, Any]:
        """Return the whole state as JSON-able data."""
        return describe(self, self._custom)

    @classmethod
    def from_state(
        cls, state: Mapping[str, Any], *, schedule: Schedule | None = None, model: Model | None = None
    ) -> "Optimizer":
        """Return the optimizer that `to_state` described. It continues as if it had never stopped.

        Args:
            state: What `to_state` returned.
            schedule: The optimizer's own schedule, if it did not use the preset's.
            model: The optimizer's own model, if it did not use the preset's.

        Raises:
            StateError: If the state is damaged or of another format, or if the wrong parts are given.
        """
        return restore(cls, state, schedule, model)

    # Configurations.

    def _plain(self, config: Mapping[str, Any]) -> ReadOnlyDict:
        return ReadOnlyDict(self._space.canonical(config))

    def _completed(self, config: Mapping[str, Any], level: int | None) -> ReadOnlyDict:
        """Return a valid configuration in plain Python values; choose those that are missing."""
        try:
            return self._plain(config)
        except ConfigError:
            if not isinstance(config, Mapping) or not 0 < len(config) < len(self._space.names):
                raise

        def is_new(vector: Vector) -> bool:
            config_id = self._history.configs.find(vector)
            return config_id is None or where_known(self._history, self._ladder, config_id, level) is None

        rng = self._generator(2**63 + len(self._history.events))  # no ask has such a number
        model, seen, num_levels = self._decider.model, self._history.observations, len(self._ladder)
        return self._plain(complete(config, self._space, model, seen, num_levels, is_new, rng))
