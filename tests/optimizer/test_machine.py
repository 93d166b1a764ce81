"""A state machine: any sequence of calls, checked against a plain model of the results and pending trials."""

import contextlib
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

import bohb
from bohb.trials import Origin, Status
from tests.strategies import LADDERS, POPULATIONS, losses, make, presets, seeds, spaces


def key_of(trial: bohb.Trial) -> tuple[int, str, int]:
    """Return what has one result: a configuration at a budget, or a repetition of it there."""
    return trial.config_id, str(trial.budget), trial.repeat


def place_of(trial: bohb.Trial) -> tuple[int, str]:
    """Return where at most one trial is pending."""
    return key_of(trial)[:2]


class AskTell(RuleBasedStateMachine):
    """Ask, tell, report, proceed, repeat, contradict, tell late, fail, retry, forget, enqueue, observe, save, load."""

    trials, observed = Bundle("trials"), Bundle("observed")
    repeats = False

    @initialize(preset=presets, space=spaces, ladder=st.sampled_from(sorted(LADDERS)), seed=seeds)
    def start(self, preset: str, space: str, ladder: str, seed: int) -> None:
        """Make an optimizer, and another one as a source of configurations to enqueue and observe."""
        ladder = "explicit" if preset in POPULATIONS and ladder == "single" else ladder  # they need two budgets
        self.optimizer = make(preset, space=space, ladder=ladder, seed=seed, repeats=self.repeats)
        self.other = make("random", space=space, ladder=ladder, seed=seed ^ 1)
        self.parts: dict[str, Any] = {"space": space, "ladder": ladder, "seed": seed ^ 2, "repeats": self.repeats}
        self.told: dict[int, float] = {}
        self.counted: dict[tuple[int, str, int], float] = {}
        self.pending: dict[int, bohb.Trial] = {}
        self.curves: dict[int, dict[str, tuple[Any, float]]] = {}
        self.owner: dict[tuple[int, str, int], int] = {}
        self.again: dict[int, bohb.Trial] = {}
        self.retried: set[int] = set()
        self.released: set[str] = set()

    def resumes(self, trial: bohb.Trial) -> None:
        """A trial goes on from no checkpoint that was released. Its lineage is that of the trial before, and itself."""
        assert trial.checkpoint is None or trial.checkpoint not in self.released
        line = self.optimizer.lineage(trial)
        before = () if trial.previous is None else self.optimizer.lineage(trial.previous)
        assert line == (*before, (trial.budget, trial.config))
        costs = [self.optimizer.ladder.cost(budget) for budget, _ in line]
        assert costs == sorted(set(costs))
        if trial.origin is Origin.EXPLOITED:
            assert trial.rung

    def curve(self, trial: bohb.Trial) -> tuple[tuple[Any, float], ...]:
        """Return what a trial reported."""
        return tuple(self.curves.get(trial.id, {}).values())

    def settle(self, trial: bohb.Trial, loss: float) -> bool:
        """Record a tell in the model. It counts unless the configuration already has a result at this budget."""
        key = key_of(trial)
        if key in self.counted:
            return False
        self.counted[key], self.owner[key] = loss, trial.id
        for known in (self.pending, self.again):
            for other in list(known.values()):
                if key_of(other) == key:
                    del known[other.id]
        return True

    @rule(target=trials, has_twin=st.booleans())
    def ask(self, has_twin: bool) -> Any:
        """An ask returns a new id, and a configuration that is neither pending nor evaluated at its budget.

        What was forgotten or retried comes first, and as it was. A replica that only replayed asks the same.
        """
        twin = bohb.Optimizer.from_state(self.optimizer.to_state()) if has_twin else None
        try:
            trial = self.optimizer.ask()
        except bohb.SpaceExhausted:
            assert not self.again
            return -1
        if twin is not None:
            assert twin.ask() == trial
            assert twin.events == self.optimizer.events
        assert trial.id not in self.pending
        assert key_of(trial) not in self.counted
        assert place_of(trial) not in map(place_of, self.pending.values())
        if trial.repeat:
            assert self.repeats
            assert trial.budget == self.optimizer.ladder[-1] or self.again
            assert math.isfinite(self.counted[*place_of(trial), 0])
            self.was_trained_alone(trial)
        if self.again:
            before = self.again.pop(min(self.again))
            origin = Origin.ENQUEUED if before.id < 0 else before.origin
            assert trial == replace(before, id=trial.id, origin=origin)
        self.pending[trial.id] = trial
        self.resumes(trial)
        return trial

    def was_trained_alone(self, trial: Any) -> None:
        """No other configuration trained what is repeated, unless the checkpoint was missing and it began anew."""
        again = (one.trial for one in self.optimizer.results if place_of(one.trial) == place_of(trial))
        one = next(first for first in again if first.repeat == 0)
        while one.previous is not None:
            if one.origin is Origin.EXPLOITED:
                assert one.checkpoint is None
                return
            one = self.optimizer.trial(one.previous)

    @rule(trial=trials, outcome=losses)
    def tell(self, trial: Any, outcome: float) -> None:
        """The first tell of a trial counts. A repetition returns the same result, and a contradiction raises."""
        if trial == -1:
            return
        loss = outcome if math.isfinite(outcome) else math.inf
        if trial.id in self.told:
            before = self.optimizer.to_state()
            status = Status.NAN if math.isnan(outcome) else Status.OK if math.isfinite(outcome) else Status.INFINITE
            answer = self.optimizer._history.answers[trial.id]
            if self.told[trial.id] == loss and answer.status in (status, Status.LATE):
                assert self.optimizer.tell(trial, outcome, checkpoint=answer.checkpoint) == answer
            else:
                with pytest.raises(bohb.TellConflict):
                    self.optimizer.tell(trial, outcome, checkpoint=answer.checkpoint)
            assert self.optimizer.to_state() == before
            return
        result = self.optimizer.tell(trial.id, outcome, checkpoint=f"checkpoint {trial.id}")
        self.told[trial.id] = loss
        assert result.loss == loss
        assert (result.status is not Status.LATE) == self.settle(trial, loss)
        assert result.curve == self.curve(trial)

    @rule(trial=trials, outcome=losses)
    def tell_part(self, trial: Any, outcome: float) -> None:
        """A trial that stopped itself early has its result at its own budget."""
        ladder = self.optimizer.ladder
        if trial == -1 or trial.id in self.told or trial.id in self.curves or trial.budget == ladder[0]:
            return
        result = self.optimizer.tell(trial, outcome, budget=ladder[0], cost=2)
        self.told[trial.id] = result.loss
        assert (result.used, result.cost, result.budget) == (ladder[0], 2.0, trial.budget)
        assert (result.status is not Status.LATE) == self.settle(trial, result.loss)

    @rule(target=trials, trial=trials, outcome=losses)
    def proceed(self, trial: Any, outcome: float) -> Any:
        """To proceed is to tell, and to ask if that returns the same configuration at a larger budget."""
        if trial == -1 or trial.id in self.told:
            return -1
        twin = bohb.Optimizer.from_state(self.optimizer.to_state())
        path = f"checkpoint {trial.id}"
        following = self.optimizer.proceed(trial, outcome, checkpoint=path)
        result = twin.tell(trial, outcome, checkpoint=path)
        self.told[trial.id] = result.loss
        self.settle(trial, result.loss)
        if following is not None:
            assert following == twin.ask()
            assert following.config_id == trial.config_id
            self.pending[following.id] = following
            self.resumes(following)
            self.again = {id_: t for id_, t in self.again.items() if key_of(t) != key_of(following)}
        assert self.optimizer.to_state() == twin.to_state()
        return -1 if following is None else following

    @rule(trial=trials, level=st.integers(0, 5), between=st.booleans(), outcome=losses)
    def report(self, trial: Any, level: int, between: bool, outcome: float) -> None:
        """A report counts once, below the trial's budget, at increasing budgets, while the trial is not told."""
        if trial == -1:
            return
        ladder = self.optimizer.ladder
        budget = ladder[level % len(ladder)]
        if between and isinstance(budget, int):
            budget += 1
        loss, curve = outcome if math.isfinite(outcome) else math.inf, self.curves.get(trial.id, {})
        last = max((ladder.cost(each) for each, _ in curve.values()), default=0)
        if str(budget) in curve:
            with contextlib.suppress(bohb.TellConflict):
                self.optimizer.report(trial, budget, outcome)
                assert curve[str(budget)][1] == loss
        elif trial.id in self.told:
            with pytest.raises(bohb.TellConflict):
                self.optimizer.report(trial, budget, outcome)
        elif not last < ladder.cost(budget) < ladder.cost(trial.budget):
            with pytest.raises(bohb.BudgetError):
                self.optimizer.report(trial, budget, outcome)
        else:
            self.optimizer.report(trial, budget, outcome)
            self.curves.setdefault(trial.id, {})[str(budget)] = (budget, loss)
            if budget in ladder:
                self.settle(replace(trial, budget=budget, repeat=0), loss)

    @rule(trial=trials)
    def fail(self, trial: Any) -> None:
        """An exception is a failure."""
        if trial != -1 and trial.id not in self.told:
            result = self.optimizer.tell(trial, RuntimeError("out of memory"))
            self.told[trial.id] = math.inf
            assert result.loss == math.inf
            assert result.status is (Status.ERROR if self.settle(trial, math.inf) else Status.LATE)

    @rule(trial=trials | observed)
    def retry(self, trial: Any) -> None:
        """A failure that counts is taken back; a second retry changes nothing, and any other trial is refused."""
        if trial == -1:
            return
        key, before = key_of(trial), self.optimizer.to_state()
        if trial.id in self.retried:
            self.optimizer.retry(trial)
        elif self.owner.get(key) == trial.id and self.counted[key] == math.inf:
            self.optimizer.retry(trial)
            self.retried.add(trial.id)
            if place_of(trial) not in map(place_of, [*self.pending.values(), *self.again.values()]):
                self.again[trial.id] = trial  # else another repetition stands for it
            del self.counted[key], self.owner[key]
            return
        else:
            with pytest.raises(bohb.TellConflict):
                self.optimizer.retry(trial)
        assert self.optimizer.to_state() == before

    @rule(trial=trials)
    def forget(self, trial: Any) -> None:
        """A forgotten trial is no longer pending. Forgetting a told one raises."""
        if trial == -1:
            return
        if trial.id in self.told:
            with pytest.raises(bohb.TellConflict):
                self.optimizer.forget(trial)
        else:
            self.optimizer.forget(trial)
            if self.pending.pop(trial.id, None) is not None:
                self.again[trial.id] = trial

    @rule(target=observed, level=st.integers(0, 5), outcome=losses)
    def observe(self, level: int, outcome: float) -> Any:
        """A result from elsewhere counts once. A failure may be retried."""
        try:
            config = self.other.ask().config
        except bohb.SpaceExhausted:
            return -1
        budget = self.optimizer.ladder[level % len(self.optimizer.ladder)]
        try:
            result = self.optimizer.observe(config, budget, outcome)
        except bohb.TellConflict:
            return -1
        if result.trial.origin is not Origin.OBSERVED:
            return -1
        self.settle(result.trial, result.loss)
        return result.trial

    @rule(outcome=losses)
    def adopt(self, outcome: float) -> None:
        """What another search found counts here once, and never instead of what is known here."""
        try:
            self.other.tell(self.other.ask(), outcome)
        except bohb.SpaceExhausted:
            return
        before = len(self.optimizer.results)
        adopted = self.optimizer.adopt(self.other)
        for result in self.optimizer.results[before:]:
            assert self.settle(result.trial, result.loss)
        assert len(self.optimizer.results) == before + adopted.num_new
        assert adopted.num_read == adopted.num_new + adopted.num_known + len(adopted.left_out)
        events = len(self.optimizer.events)
        assert self.optimizer.adopt(self.other).num_new == 0
        assert len(self.optimizer.events) == events

    @rule(preset=presets)
    def be_adopted(self, preset: str) -> None:
        """A new search of the same space and ladder that adopts this one has the same results."""
        if preset in POPULATIONS and self.parts["ladder"] == "single":
            return
        new = make(preset, **self.parts)
        new.extend(self.optimizer.ladder)
        adopted = new.adopt(self.optimizer)
        assert (adopted.num_new, adopted.left_out) == (len(self.optimizer.results), ())
        here, there = (
            [(r.config, r.budget, r.loss, r.status, r.info) for r in one.results] for one in (self.optimizer, new)
        )
        assert here == there

    @rule(level=st.none() | st.integers(0, 5))
    def enqueue(self, level: int | None) -> None:
        """An enqueued configuration may be refused, but breaks no invariant."""
        try:
            config = self.other.ask().config
        except bohb.SpaceExhausted:
            return
        budget = None if level is None else self.optimizer.ladder[level % len(self.optimizer.ladder)]
        with contextlib.suppress(bohb.ConfigError):  # already evaluated, pending or enqueued there
            self.optimizer.enqueue(config, budget)

    @rule(factor=st.sampled_from([2, 3]))
    def extend(self, factor: int) -> None:
        """A longer ladder changes no result, no pending trial and no incumbent, and is replayed."""
        old = self.optimizer.ladder
        if len(old) > 6:
            return
        new = old[-1] * factor if isinstance(old[-1], int | float) else {"epochs": 100 + len(old)}
        longer = bohb.Ladder((*old.budgets, new), (*old.costs, old.costs[-1] * factor), old.eta)
        before = self.optimizer.incumbent
        assert self.optimizer.extend(longer, released=self.released) == self.optimizer.ladder == longer
        assert self.optimizer.incumbent == before
        assert self.optimizer.extend(old) == longer
        again = bohb.Optimizer.from_state(self.optimizer.to_state())
        assert (again.events, again.results) == (self.optimizer.events, self.optimizer.results)
        assert again.releasable() == self.optimizer.releasable()

    @rule()
    def save_and_restore(self) -> None:
        """Continue with the restored optimizer."""
        self.optimizer = bohb.Optimizer.from_state(json.loads(json.dumps(self.optimizer.to_state())))

    @rule()
    def query(self) -> None:
        """Queries change nothing."""
        before = self.optimizer.to_state()
        str(self.optimizer.health())
        str(self.optimizer.plan(2))
        self.optimizer.releasable()
        for trial in self.optimizer.pending:
            str(self.optimizer.explain(trial))
        assert self.optimizer.to_state() == before

    @invariant()
    def results_agree(self) -> None:
        """Results, pending trials and the incumbent equal those of the plain model."""
        if not hasattr(self, "optimizer"):
            return
        self.released.update(self.optimizer.releasable())
        results = self.optimizer.results
        assert {key_of(r.trial): r.loss for r in results} == self.counted
        assert len(results) == len(self.counted)
        assert {trial.id: trial for trial in self.optimizer.pending} == self.pending
        finite = [r for r in results if math.isfinite(r.loss)]
        incumbent = self.optimizer.incumbent
        if not finite:
            assert incumbent is None
        else:
            largest = max(self.optimizer.ladder.level(r.trial.budget) for r in finite)
            top = [r.loss for r in finite if self.optimizer.ladder.level(r.trial.budget) == largest]
            assert incumbent is not None
            assert incumbent.loss == min(top)
            assert self.optimizer.trajectory()[-1] == incumbent


class AskTellAgain(AskTell):
    """The same with repetitions."""

    repeats = True

    @rule()
    def recommend(self) -> None:
        """A recommendation changes nothing, and counts every training of its configuration at its budget."""
        before = self.optimizer.to_state()
        found = self.optimizer.recommend()
        assert self.optimizer.to_state() == before
        assert (found is None) == (self.optimizer.incumbent is None)
        if found is not None:
            own = [key for key in self.counted if key[:2] == (found.config_id, str(found.budget))]
            assert found.num_results == len(own)


class TrainPopulation(AskTell):
    """The same on a population whose trials end at once, so that many members are replaced."""

    @initialize(
        preset=st.sampled_from(sorted(POPULATIONS)), space=spaces, ladder=st.sampled_from(sorted(LADDERS)), seed=seeds
    )
    def start(self, preset: str, space: str, ladder: str, seed: int) -> None:
        """Make a population."""
        super().start(preset=preset, space=space, ladder=ladder, seed=seed)

    @rule(outcomes=st.lists(losses, min_size=10, max_size=40), num_running=st.integers(0, 3))
    def train(self, outcomes: list[float], num_running: int) -> None:
        """Ask and tell one after the other, while some trials run."""
        asked: list[Any] = []
        for outcome in outcomes:
            asked.append(self.ask(has_twin=False))
            if len(asked) > num_running:
                self.tell(asked.pop(0), outcome)
                self.results_agree()


class TrainPopulationAgain(TrainPopulation):
    """The same with repetitions."""

    repeats = True


TestAskTell = AskTell.TestCase
TestAskTell.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)

TestAskTellAgain = AskTellAgain.TestCase
TestAskTellAgain.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)

TestTrainPopulation = TrainPopulation.TestCase
TestTrainPopulation.settings = settings(max_examples=30, stateful_step_count=25, deadline=None, derandomize=True)

TestTrainPopulationAgain = TrainPopulationAgain.TestCase
TestTrainPopulationAgain.settings = settings(max_examples=30, stateful_step_count=25, deadline=None, derandomize=True)
