"""A state machine: any sequence of calls, checked against a plain model of the results and pending trials."""

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
    """Ask, tell, repeat a tell, contradict it, tell late, fail, forget, enqueue, observe, save, restore."""

    trials = Bundle("trials")

    @initialize(preset=presets, space=spaces, ladder=st.sampled_from(sorted(LADDERS)), seed=seeds)
    def start(self, preset: str, space: str, ladder: str, seed: int) -> None:
        """Make an optimizer, and another one as a source of configurations to enqueue and observe."""
        self.optimizer = make(preset, space=space, ladder=ladder, seed=seed)
        self.other = make("random", space=space, ladder=ladder, seed=seed ^ 1)
        self.told: dict[int, float] = {}
        self.counted: dict[tuple[int, str], float] = {}
        self.pending: dict[int, bohb.Trial] = {}

    def settle(self, trial: bohb.Trial, loss: float) -> bool:
        """Record a tell in the model. It counts unless the configuration already has a result at this budget."""
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
        """An ask returns a new id, and a configuration that is neither pending nor evaluated at its budget."""
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
        """The first tell of a trial counts. A repetition returns the same result, and a contradiction raises."""
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
        """A forgotten trial is no longer pending. Forgetting a told one raises."""
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
        """An enqueued configuration may be refused, but breaks no invariant."""
        try:
            config = self.other.ask().config
        except bohb.SpaceExhausted:
            return
        budget = None if level is None else self.optimizer.ladder[level % len(self.optimizer.ladder)]
        with contextlib.suppress(bohb.ConfigError):  # already evaluated, pending or enqueued there
            self.optimizer.enqueue(config, budget)

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
