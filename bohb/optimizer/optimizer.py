"""The optimizer: `ask` and `tell` on top of a space, a ladder, a schedule and a model.

Every change is an event, which is applied to the history. The state of an optimizer is therefore the list of its
events. It does not depend on files, clocks, threads or processes.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb.budgets import Ladder, ladder
from bohb.errors import BohbError, ConfigError, SpaceExhausted, StateError, TellConflict
from bohb.facts import Facts
from bohb.models import Model
from bohb.optimizer import events, plan
from bohb.optimizer.boundary import check_seed, find_trial, private_copy, where_known
from bohb.optimizer.completion import complete
from bohb.optimizer.decision import Advice, Decider
from bohb.optimizer.events import Asked, Enqueued, Event, Forgotten, Joined, Observed, Told
from bohb.optimizer.explanation import Explanation, explain
from bohb.optimizer.health import Health, health
from bohb.optimizer.history import History
from bohb.optimizer.outcomes import read_answer, read_outcome, read_told, same_or_conflict
from bohb.optimizer.presets import check_model, choose_schedule, from_preset, own_parts
from bohb.optimizer.selection import Vector
from bohb.schedules import MoveOffer, Schedule
from bohb.space import Space, checked_space
from bohb.trials import ReadOnlyDict, Result, Trial

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

FORMAT = 1
"""The version of what `to_state` writes."""


class Optimizer:
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

    Raises:
        SpaceError: If the space cannot be searched.
        BudgetError: If the budgets do not make a ladder.
        SettingError: If the seed, preset, schedule or model is not valid.
    """

    def __init__(
        self,
        space: "ConfigurationSpace | Mapping[str, Any] | Space",
        budgets: Iterable[Any],
        *,
        seed: int | None = None,
        schedule: Schedule | None = None,
        model: Model | None = None,
        preset: str = "default",
    ) -> None:
        self._space = checked_space(space)
        self._ladder = ladder(budgets)
        self._seed = secrets.randbits(63) if seed is None else check_seed(seed)
        self._preset = preset
        self._custom = own_parts(schedule, model)
        self._schedule = choose_schedule(preset, schedule)
        self._own_model = check_model(model)
        self._history = History(self._space, self._ladder, self._schedule)

    @cached_property
    def _decider(self) -> Decider:
        """The parts that decide, made at the first ask: whoever only replays needs no model."""
        model = from_preset(self._preset).make_model() if self._own_model is None else self._own_model
        return Decider(self._space, self._ladder, self._schedule, model)

    # Ask and tell.

    def ask(self) -> Trial:
        """Return the next trial to evaluate. Never block.

        Raises:
            SpaceExhausted: If every configuration of a finite space is evaluated or pending at every budget
                of the schedule.
        """
        trial = self.follow(self.advise())
        assert trial is not None  # nothing happened in between
        return trial

    def advise(self) -> Advice | None:
        """Return what the model says about the next ask, and change nothing. Only this part of an ask takes time.

        Together with `follow` this is `ask`, cut in two, for a search that several processes share. They can all advise
        at once, and only `follow` needs a lock.

        Returns:
            The advice, or None if the next ask needs no model.
        """
        if not self._decider.has_work(self._history):
            return None
        step, rng = self._decider.step(self._history), self._generator(len(self._history.trials))
        return self._decider.advise(self._history, step, rng) if isinstance(step, MoveOffer) else None

    def follow(self, advice: Advice | None) -> Trial | None:
        """Return the next trial, as `ask` does, with what `advise` returned now or some events ago.

        The moves are those that the schedule allows now, and a configuration has to be new now. What the model chose
        may be out of date.

        Returns:
            The trial, or None if the advice is no answer to these moves: the promotion is taken, the schedule wants a
            promotion or a start at another budget, or advice is needed where there was none. Then nothing has changed.

        Raises:
            SpaceExhausted: As `ask`.
        """
        self._check_has_work()
        step: Asked | Joined | MoveOffer | None = self._decider.step(self._history)
        rng, seen = self._generator(len(self._history.trials)), None
        if isinstance(step, MoveOffer):
            if advice is not None and advice.num_events == len(self._history.events):
                rng = advice.rng
            elif advice is not None:
                seen = advice.num_events
            step = None if advice is None else self._decider.place(self._history, step, advice, rng)
        while isinstance(step, Joined):
            self._history.apply(step)
            step = self._decider.decide(self._history, rng)
        if step is None:
            return None
        self._history.apply(replace(step, learned=self._history.record.lessons.new, seen=seen))
        return private_copy(step.trial)

    def _check_has_work(self) -> None:
        if not self._decider.has_work(self._history):
            raise SpaceExhausted(
                f"all {self._space.size} configurations of the space are evaluated or pending at all "
                f"{len(self._history.brackets.levels)} budgets of the schedule; tell the {len(self.pending)} pending "
                "trials and stop, or widen the space"
            )

    def _generator(self, number: int) -> np.random.Generator:
        """Return a generator whose numbers depend only on the seed and a number: for an ask, how many were before."""
        return np.random.Generator(np.random.Philox(key=np.array([self._seed, number], dtype=np.uint64)))

    def tell(
        self,
        trial: Trial | int,
        outcome: Any,
        *,
        checkpoint: Any = None,
        info: Mapping[str, Any] | None = None,
    ) -> Result:
        """Record the outcome of a trial. Repeating the same call is safe.

        Args:
            trial: The trial, or its id.
            outcome: The loss to minimise: a number of Python, numpy or torch. Or a mapping with `"loss"` and, if
                wanted, `"checkpoint"`, `"info"` and more names, which go to the info. A `Failure`, an exception, nan
                and infinities are failures.
            checkpoint: Where training may resume if the configuration is promoted, a string or a path.
            info: Anything else to keep, as JSON values by name: nested at most 32 deep, with integers of at most 600
                digits, in at most 4,194,304 characters. Numbers and arrays of numpy and torch are converted, and nan
                and infinities become None. What cannot be kept is dropped with a warning; the loss counts.

        Returns:
            The result. If the trial was forgotten and its configuration already has another result at this budget, the
            status is `LATE` and the result does not count.

        Raises:
            UnknownTrial: If this optimizer never asked the trial.
            TellConflict: If the trial was told before with another outcome.
            OutcomeError: If there is no loss in the outcome.
        """
        known = find_trial(self._history, trial)
        event = read_told(known.id, outcome, checkpoint, info)
        before = self._history.answers.get(known.id)
        if before is not None:
            return same_or_conflict(before, event)
        self._history.apply(event)
        return self._history.answers[known.id]

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
        level = None if budget is None else self._ladder.level(budget)
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
        level, plain = self._ladder.level(budget), self._plain(config)
        value, status, info = read_outcome(read_answer(loss))
        config_id = self._history.configs.find(self._space.encode(plain))
        before = None if config_id is None else self._history.result(config_id, level)
        if before is not None:
            return same_or_conflict(before, Told(before.trial.id, value, status, before.checkpoint, {}))
        self._history.apply(Observed(plain, self._ladder[level], value, status, info))
        return self._history.record.results[-1]

    # Facts.

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
    def ladder(self) -> Ladder:
        """The ladder of budgets."""
        return self._ladder

    @property
    def incumbent(self) -> Result | None:
        """The result with the lowest finite loss at the largest budget that has one, or None."""
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
        return plan.plan(self._schedule, self._ladder, num_workers, cycles, capacity=self._space.size)

    def health(self) -> Health:
        """Return the health of the search: model, agreement of the budgets, failures, repeats and lost trials."""
        return health(self._history, self._ladder)

    def explain(self, trial: Trial | int) -> Explanation:
        """Return why a trial was asked.

        Raises:
            UnknownTrial: If this optimizer has no such trial.
        """
        known = find_trial(self._history, trial, observed=True)
        facts = self._history.facts[known.id] if known.id >= 0 else Facts()
        return explain(known, facts, self._ladder)

    def releasable(self) -> Sequence[str]:
        """Return the checkpoints that are safe to delete, in the order of telling; never the incumbent's."""
        return self._history.releasable()

    # State.

    @property
    def events(self) -> Sequence[Event]:
        """Everything that happened, in order. With the constructor's arguments this is the whole state."""
        return self._history.events

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

    def to_state(self) -> dict[str, Any]:
        """Return the whole state as JSON-able data."""
        pairs = (events.to_json(event, self._space) for event in self._history.events)
        return {
            "format": FORMAT,
            "space": self._space.to_json(),
            "ladder": self._ladder.to_json(),
            "seed": self._seed,
            "preset": self._preset,
            "custom": self._custom,
            "events": [{"kind": kind, **facts} for kind, facts in pairs],
        }

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
        if not isinstance(state, Mapping) or state.get("format") != FORMAT:
            raise StateError(f"expected a state of format {FORMAT} as `to_state` returns it, got {str(state)[:100]}")
        given = own_parts(schedule, model)
        if given != state.get("custom"):
            raise StateError(
                f"expected the parts that the optimizer was made with, {state.get('custom')}, got {given}; pass those"
            )
        try:
            optimizer = cls(
                Space.from_json(state["space"]),
                Ladder.from_json(state["ladder"]),
                seed=state["seed"],
                schedule=schedule,
                model=model,
                preset=state["preset"],
            )
            for data in state["events"]:
                optimizer.apply(events.from_json(data["kind"], data, optimizer._space, optimizer._ladder))
            optimizer.catch_up()
        except StateError:
            raise
        except (BohbError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise StateError(f"expected a state as `to_state` returns it, got a damaged one: {error!r}") from error
        return optimizer

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
