"""A stateful machine: any sequence of calls, checked against a plain model of what should be known."""

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

import bohb
from bohb.trials import Origin, Status
from tests.strategies import LADDERS, losses, make, presets, seeds, spaces


class AskTell(RuleBasedStateMachine):
    """Ask, tell, tell again, tell otherwise, tell late, fail, forget, enqueue, observe, save, restore."""

    trials = Bundle("trials")

    @initialize(preset=presets, space=spaces, ladder=st.sampled_from(sorted(LADDERS)), seed=seeds)
    def start(self, preset: str, space: str, ladder: str, seed: int) -> None:
        """A fresh optimizer, and another with the same arguments to draw foreign configurations from."""
        self.optimizer = make(preset, space=space, ladder=ladder, seed=seed)
        self.other = make("random", space=space, ladder=ladder, seed=seed ^ 1)
        self.told: dict[int, float] = {}
        self.counted: dict[tuple[int, str], float] = {}
        self.pending: dict[int, bohb.Trial] = {}

    def settle(self, trial: bohb.Trial, loss: float) -> bool:
        """The model's side of a tell: it counts unless the configuration has a result at this budget."""
        key = (trial.config_id, str(trial.budget))
        if key in self.counted:
            return False
        self.counted[key] = loss
        for other in list(self.pending.values()):
            if (other.config_id, str(other.budget)) == key:
                del self.pending[other.id]
        return True

    @rule(target=trials)
    def ask(self) -> Any:
        """Every ask returns a new id and something that is neither pending nor evaluated."""
        try:
            trial = self.optimizer.ask()
        except bohb.SpaceExhausted:
            return -1
        assert trial.id not in self.pending
        assert (trial.config_id, str(trial.budget)) not in self.counted
        self.pending[trial.id] = trial
        return trial

    @rule(trial=trials, outcome=losses)
    def tell(self, trial: Any, outcome: float) -> None:
        """The first tell of a trial stands; the same again answers the same; another one conflicts."""
        if trial == -1:
            return
        loss = outcome if math.isfinite(outcome) else math.inf
        if trial.id in self.told:
            before = self.optimizer.to_state()
            status = Status.NAN if math.isnan(outcome) else Status.OK if math.isfinite(outcome) else Status.INFINITE
            answer = self.optimizer._history.answers[trial.id]
            if self.told[trial.id] == loss and answer.status in (status, Status.LATE):
                assert self.optimizer.tell(trial, outcome) == answer
            else:
                with pytest.raises(bohb.TellConflict):
                    self.optimizer.tell(trial, outcome)
            assert self.optimizer.to_state() == before
            return
        result = self.optimizer.tell(trial.id, outcome)
        self.told[trial.id] = loss
        assert result.loss == loss
        assert (result.status is not Status.LATE) == self.settle(trial, loss)

    @rule(trial=trials)
    def fail(self, trial: Any) -> None:
        """An exception is a failure."""
        if trial != -1 and trial.id not in self.told:
            result = self.optimizer.tell(trial, RuntimeError("out of memory"))
            self.told[trial.id] = math.inf
            assert result.loss == math.inf
            assert result.status is (Status.ERROR if self.settle(trial, math.inf) else Status.LATE)

    @rule(trial=trials)
    def forget(self, trial: Any) -> None:
        """A pending trial goes; a told one stays, with an error; the rest is as before."""
        if trial == -1:
            return
        if trial.id in self.told:
            with pytest.raises(bohb.TellConflict):
                self.optimizer.forget(trial)
        else:
            self.optimizer.forget(trial)
            self.pending.pop(trial.id, None)

    @rule(level=st.integers(0, 5), outcome=losses)
    def observe(self, level: int, outcome: float) -> None:
        """A result from elsewhere counts once."""
        try:
            config = self.other.ask().config
        except bohb.SpaceExhausted:
            return
        budget = self.optimizer.ladder[level % len(self.optimizer.ladder)]
        try:
            result = self.optimizer.observe(config, budget, outcome)
        except bohb.TellConflict:
            return
        if result.trial.origin is Origin.OBSERVED:
            self.settle(result.trial, result.loss)

    @rule(level=st.none() | st.integers(0, 5))
    def enqueue(self, level: int | None) -> None:
        """The next ask that nothing forgotten precedes tries what was enqueued."""
        try:
            config = self.other.ask().config
        except bohb.SpaceExhausted:
            return
        budget = None if level is None else self.optimizer.ladder[level % len(self.optimizer.ladder)]
        with contextlib.suppress(bohb.ConfigError):  # already evaluated, pending or enqueued there
            self.optimizer.enqueue(config, budget)

    @rule()
    def save_and_restore(self) -> None:
        """What goes on is the restored one."""
        self.optimizer = bohb.Optimizer.from_state(json.loads(json.dumps(self.optimizer.to_state())))

    @rule()
    def look(self) -> None:
        """Looking changes nothing."""
        before = self.optimizer.to_state()
        str(self.optimizer.health())
        str(self.optimizer.plan(2))
        self.optimizer.releasable()
        for trial in self.optimizer.pending:
            str(self.optimizer.explain(trial))
        assert self.optimizer.to_state() == before

    @invariant()
    def facts_agree(self) -> None:
        """Results, pending trials and the incumbent are what the plain model says."""
        if not hasattr(self, "optimizer"):
            return
        results = self.optimizer.results
        assert {(r.trial.config_id, str(r.trial.budget)): r.loss for r in results} == self.counted
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


TestAskTell = AskTell.TestCase
TestAskTell.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
