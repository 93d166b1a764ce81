"""Custom schedules and models: they drive the search, and invalid answers are refused."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bohb
from bohb.budgets import Ladder
from bohb.facts import Facts
from bohb.models import Observations, Proposal, RandomModel
from bohb.schedules import Brackets, Promote, Start
from bohb.schedules.bracket_sizes import BracketPlan
from bohb.space import Space
from tests.strategies import SPACES


@dataclass(frozen=True)
class Doubling:
    """A user's schedule: two starts, then a promotion of the better one, again and again."""

    def cycle(self, ladder: Ladder) -> Sequence[BracketPlan]:
        return [BracketPlan((0, len(ladder) - 1), (2, 1))]

    def next(self, brackets: Brackets) -> Start | Promote:
        for bracket in brackets.open:
            low, high = bracket.rungs
            if len(low.entered) < 2:
                return Start(bracket.index)
            if not low.num_pending and not high.entered and low.waiting:
                return Promote(bracket.index, 1, low.waiting[0][1])
        return Start(len(brackets))

    def start(self, brackets: Brackets) -> Start:
        return self.next(brackets) if isinstance(self.next(brackets), Start) else Start(len(brackets))


@dataclass(frozen=True)
class Corner:
    """A user's model that proposes near the lower corner."""

    def propose(self, observations: Observations, space: Space, rng: np.random.Generator) -> Proposal:
        return Proposal(rng.random((4, len(space.names))) * 0.1, Facts(more={"corner": True}))


def test_a_custom_schedule_and_model_drive_the_search() -> None:
    """A restored state requires them again."""
    optimizer = bohb.Optimizer(SPACES["float"](), [1, 9], seed=0, schedule=Doubling(), model=Corner())
    for _ in range(30):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["x"])
    assert [r.trial.budget for r in optimizer.results[:6]] == [1, 1, 9, 1, 1, 9]
    assert all(r.trial.config["x"] <= 0.1 for r in optimizer.results)
    assert optimizer.plan().num_trials == 3
    state = json.loads(json.dumps(optimizer.to_state()))
    with pytest.raises(bohb.StateError, match="schedule"):
        bohb.Optimizer.from_state(state)
    restored = bohb.Optimizer.from_state(state, schedule=Doubling(), model=Corner())
    assert restored.ask() == optimizer.ask()


@dataclass(frozen=True)
class Constant:
    """A user's model that always returns the same answer."""

    answer: Any

    def propose(self, observations: Observations, space: Space, rng: np.random.Generator) -> Proposal:
        return self.answer


NOWHERE = np.empty((0, 3))


@pytest.mark.parametrize(
    "answer",
    [
        *(None, [[0.5, 0.5, 0.5]], Proposal([0.5, 0.5, 0.5]), Proposal(np.zeros((1, 2)))),
        *(Proposal(NOWHERE, facts) for facts in [None, {"reason": "none"}, Facts(level=2), Facts(level=-1)]),
        *(Proposal(NOWHERE, Facts(more=more)) for more in [{"a": {1}}, {"n": np.int64(1)}, {"x": math.nan}]),
        Proposal(NOWHERE, Facts(reissue_of=0)),
    ],
    ids=repr,
)
def test_an_invalid_proposal_is_refused(answer: Any) -> None:
    """The ask raises and records no event."""
    optimizer = bohb.Optimizer(SPACES["float"](), [1, 9], seed=0, model=Constant(answer))
    with pytest.raises(bohb.SettingError, match="model"):
        optimizer.ask()
    assert not optimizer.events


def test_facts_of_a_custom_model_are_explained() -> None:
    """They are copied, so later changes have no effect."""
    more = {"mood": ["high"]}
    facts = Facts(level=1, good=2, bad=3, score=1, more=more)
    optimizer = bohb.Optimizer(SPACES["float"](), [1, 9], seed=0, model=Constant(Proposal(np.full((1, 3), 0.5), facts)))
    trial = optimizer.ask()
    more["mood"].append("low")
    explanation = optimizer.explain(trial)
    assert explanation.facts["mood"] == ["high"]
    assert "at 9, with 2 good and 3 bad ones; its score is 1" in str(explanation)


class Choosing:
    """A model that answers `choose` with a given function."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def propose(self, observations: Any, space: Any, rng: Any) -> Any:
        return Proposal(np.empty((0, len(space.names))), Facts(reason="none"))

    def choose(self, observations: Any, space: Any, rng: Any, waiting: Any, remaining_cost: Any, start: Any) -> Any:
        assert len(waiting) == len(remaining_cost)
        assert all(0 < share < 1 for share in remaining_cost)
        return self.answer(self.propose(observations, space, rng), waiting, start)


def search_with(answer: Any) -> bohb.Optimizer:
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, bohb.geometric(1, 9), seed=0, model=Choosing(answer))
    for _ in range(60):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["x"])
    return optimizer


def test_a_model_with_choose_decides_about_promotions() -> None:
    """It may even promote the worst configuration that waits."""
    worst = search_with(lambda proposal, waiting, start: proposal if start is not None else len(waiting) - 1)
    promoted = [r.trial for r in worst.results if r.trial.origin is bohb.Origin.PROMOTED]
    assert promoted
    for trial in promoted:
        facts = worst.explain(trial).facts
        assert facts["chosen_from"] >= 1
    assert any(worst.explain(trial).facts["rank"] > 0 for trial in promoted)
    assert "and the model chose it from" in str(worst.explain(promoted[-1]))


def test_the_schedule_chooses_if_the_model_returns_none() -> None:
    """It promotes by loss, as it does for a model without `choose`."""
    left = search_with(lambda proposal, waiting, start: None)
    plain = bohb.Optimizer({"x": (0.0, 1.0)}, bohb.geometric(1, 9), seed=0, model=RandomModel())
    for _ in range(60):
        trial = plain.ask()
        plain.tell(trial, trial.config["x"])
    assert [r.trial.config for r in left.results] == [r.trial.config for r in plain.results]


@pytest.mark.parametrize("answer", [-1, 10**6])
def test_an_invalid_choice_is_refused(answer: int) -> None:
    with pytest.raises(bohb.SettingError, match="ids in `waiting`"):
        search_with(lambda proposal, waiting, start: proposal if start is not None else answer)
