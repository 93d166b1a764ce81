"""`health` reports only what a user should change; `explain` names the origin of each trial."""

import math

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float, ForbiddenInClause
from scipy.stats import kendalltau

import bohb
from bohb.models import Facts, Proposal
from tests.strategies import GOOD, SPACES, loss_of, make

SPACE = {"x": (0.0, 1.0)}
TEN = list("abcdefghij")


def fully_told(*losses: float) -> bohb.Optimizer:
    """Return a random search at one budget that was told these losses."""
    optimizer = bohb.Optimizer(SPACE, [1], seed=0, preset="random")
    for loss in losses:
        optimizer.tell(optimizer.ask(), loss)
    return optimizer


def space_with_allowed(num: int) -> ConfigurationSpace:
    """Return a space of ten equally likely choices, with only the first `num` allowed."""
    space = ConfigurationSpace(space={"choice": Categorical("choice", TEN), "x": Float("x", (0.0, 1.0))})
    if num < len(TEN):
        space.add(ForbiddenInClause(space["choice"], TEN[num:]))
    return space


def observed_at_two_budgets(ranks: list[int]) -> bohb.Optimizer:
    """Return a search whose i-th configuration has rank i at budget 1 and `ranks[i]` at budget 3."""
    optimizer = bohb.Optimizer(SPACE, [1, 3], seed=0, preset="random")
    for i, rank in enumerate(ranks):
        config = {"x": (i + 0.5) / len(ranks)}
        optimizer.observe(config, 1, float(i))
        optimizer.observe(config, 3, float(rank))
    return optimizer


def ranks_with_tau(num: int, tau: float) -> list[int]:
    """Return a permutation whose Kendall's tau with 0, 1, 2, ... is as close to `tau` as possible."""
    left = round(num * (num - 1) / 4 * (1 - tau))  # pairs that must be in the wrong order
    remaining, ranks = list(range(num)), []
    while remaining:
        step = min(left, len(remaining) - 1)
        ranks.append(remaining.pop(step))
        left -= step
    return ranks


def messages_with(optimizer: bohb.Optimizer, text: str) -> list[str]:
    return [message for message in optimizer.health().messages if text in message]


def test_a_new_search_is_healthy() -> None:
    health = bohb.Optimizer(SPACE, [1, 3], seed=0).health()
    assert (health.acceptance_rate, health.failure_rate, health.num_duplicates, health.num_lost) == (1.0, 0.0, 0, 0)
    assert not health.is_model_active
    assert (health.origins, health.rank_correlation, health.random_reasons) == ({}, {}, ())
    assert health.messages == ()
    assert str(health) == "nothing to report"


@pytest.mark.parametrize("num_failures", [0, 1, 20, 21, 50, 100])
def test_more_than_a_fifth_of_failures_is_reported(num_failures: int) -> None:
    optimizer = fully_told(*[math.nan] * num_failures, *[1.0] * (100 - num_failures))
    assert optimizer.health().failure_rate == num_failures / 100
    expected = 1 if num_failures > 20 else 0
    assert len(messages_with(optimizer, "failures")) == expected
    assert len(messages_with(optimizer, f"{num_failures}% of the results")) == expected


@pytest.mark.parametrize("preset", ["default", "fast", "random"])
def test_exceptions_and_infinite_losses_count_as_failures(preset: str) -> None:
    optimizer = bohb.Optimizer(SPACE, [1, 3], seed=0, preset=preset)
    for outcome in (1.0, RuntimeError("out of memory"), math.inf, 2.0):
        optimizer.tell(optimizer.ask(), outcome)
    assert optimizer.health().failure_rate == 0.5


@pytest.mark.parametrize("num", [1, 3, 10])
def test_the_acceptance_rate_is_the_allowed_share_of_the_space(num: int) -> None:
    """It agrees within four standard errors. Less than a fifth is reported."""
    optimizer = bohb.Optimizer(space_with_allowed(num), [1], seed=0, preset="random")
    for _ in range(200):
        optimizer.tell(optimizer.ask(), 1.0)
    share, rate = num / len(TEN), optimizer.health().acceptance_rate
    # Draws go on until one is accepted, so 200 accepted draws are 200 / share draws.
    assert rate == pytest.approx(share, abs=4 * share * math.sqrt((1 - share) / 200) + 1e-12)
    assert messages_with(optimizer, "allowed") == (
        [f"only {rate:.1%} of the draws are allowed: tighten the space itself"] * (num < 2)
    )


def test_a_repeated_draw_counts_as_a_duplicate() -> None:
    """A space of ten values gives duplicates, and a continuous one none."""
    finite = bohb.Optimizer({"choice": TEN}, [1], seed=0, preset="random")
    for _ in TEN:
        finite.tell(finite.ask(), 1.0)
    assert finite.health().num_duplicates > 0
    assert fully_told(*[1.0] * 10).health().num_duplicates == 0


@pytest.mark.parametrize("tau", [-1.0, -0.5, 0.0, 0.06, 0.2, 0.3, 1.0])
def test_a_clearly_misleading_budget_is_reported(tau: float) -> None:
    """With 64 configurations two standard errors of tau are 0.17, so the limit is 0.2 - 0.17."""
    ranks = ranks_with_tau(64, tau)
    optimizer = observed_at_two_budgets(ranks)
    health = optimizer.health()
    assert health.rank_correlation[1, 3] == pytest.approx(kendalltau(range(64), ranks).statistic)
    assert health.rank_correlation[1, 3] == pytest.approx(tau, abs=0.001)
    assert health.num_compared == {(1, 3): 64}
    assert len(messages_with(optimizer, "raise the smallest budget")) == (tau <= 0)


@pytest.mark.parametrize("num", [2, 3, 4])
def test_few_configurations_are_no_evidence_against_a_budget(num: int) -> None:
    """The same tau is reported for many configurations, but may be chance for a few."""
    tau = -0.3
    assert not messages_with(observed_at_two_budgets(ranks_with_tau(num, tau)), "raise the smallest budget")
    assert messages_with(observed_at_two_budgets(ranks_with_tau(40, tau)), "raise the smallest budget")


def test_rank_correlation_needs_two_configurations() -> None:
    optimizer = bohb.Optimizer(SPACE, [1, 3], seed=0)
    for x in (0.25, 0.75):
        assert optimizer.health().rank_correlation == {}
        optimizer.observe({"x": x}, 1, x)
        optimizer.observe({"x": x}, 3, x)
    assert optimizer.health().rank_correlation == {(1, 3): 1.0}


@pytest.mark.parametrize("preset", ["default", "fast", "paper", "hpbandster"])
def test_an_inactive_model_is_reported_with_the_reason(preset: str) -> None:
    optimizer = bohb.Optimizer(SPACE, [1, 3], seed=0, preset=preset)
    optimizer.tell(optimizer.ask(), 1.0)
    [message] = messages_with(optimizer, "the model is not active")
    assert optimizer.health().random_reasons[0] in message
    assert not optimizer.health().is_model_active
    for _ in range(40):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["x"])
    assert optimizer.health().is_model_active
    assert not messages_with(optimizer, "the model is not active")


def test_random_reasons_are_recent_and_most_frequent_first() -> None:

    class Model:
        reasons = iter(["old"] * 30 + ["rare"] * 5 + ["frequent"] * 15)

        def propose(self, observations, space, rng):
            return Proposal(np.empty((0, len(space.names))), Facts(reason=next(self.reasons)))

    optimizer = bohb.Optimizer(SPACE, [1], seed=0, model=Model(), preset="random")
    for _ in range(50):
        optimizer.tell(optimizer.ask(), 1.0)
    assert optimizer.health().random_reasons == ("frequent", "rare")


def test_origins_count_only_asked_trials() -> None:
    optimizer = bohb.Optimizer(SPACE, [1, 3], seed=0, preset="fast")
    optimizer.enqueue({"x": 0.5})
    optimizer.observe({"x": 0.25}, 3, 1.0)
    for _ in range(30):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["x"])
    origins = optimizer.health().origins
    assert (origins["enqueued"], sum(origins.values())) == (1, 30)
    assert "observed" not in origins


def test_a_repeated_trial_is_explained_and_counted_once() -> None:
    optimizer = bohb.Optimizer({"choice": TEN}, [1], seed=0, preset="random")
    for _ in TEN:
        first = optimizer.ask()
    drawn = optimizer.health()
    optimizer.forget(first)
    again = optimizer.ask()
    before, after = str(optimizer.explain(first)), str(optimizer.explain(again))
    assert after.startswith(before)
    assert f"trial {first.id}" in after
    assert optimizer.explain(again).facts["reissue_of"] == first.id
    assert optimizer.explain(first).facts["duplicates"] > 0
    assert optimizer.health().num_duplicates == drawn.num_duplicates


def test_a_search_shows_its_figures() -> None:
    text = str(fully_told(1.0, 2.0, math.nan, 3.0, 4.0).health())
    assert text.startswith("the model is not active: no model\n5 trials were asked (5 random);")
    assert "20.0% of the results are failures\n100.0% of the draws are allowed; 0 draws were repeats\n" in text


def test_the_reason_of_a_failure_is_explained() -> None:
    """Its last line; of a command, also the last line of its stderr."""
    optimizer = fully_told(1.0)
    optimizer.tell(optimizer.ask(), ValueError("first line\nlast \x1b line\n\n"))
    assert optimizer.explain(1).text.endswith(" It failed: last \\x1b line.")
    told = optimizer.tell(optimizer.ask(), bohb.Failure("exit status 1"), info={"stderr": "Traceback\nKeyError: 'a'\n"})
    assert told.reason == "exit status 1: KeyError: 'a'"
    assert optimizer.tell(optimizer.ask(), math.inf).reason == "the loss is infinite"
    assert optimizer.results[0].reason is None


def test_an_observed_trial_is_explained_as_observed() -> None:
    optimizer = bohb.Optimizer(SPACE, [1, 3], seed=0)
    result = optimizer.observe({"x": 0.25}, 3, 1.0)
    assert str(optimizer.explain(result.trial)).endswith("its result was observed elsewhere.")
    assert optimizer.explain(result.trial).origin is bohb.Origin.OBSERVED


@pytest.mark.parametrize(("preset", "words"), [("default", "Gaussian process over"), ("fast", "good and")])
def test_explain_and_health_say_what_happened(preset: str, words: str) -> None:
    """Explanations tell random, proposed, promoted and enqueued trials apart."""
    optimizer = make(preset)
    for k in range(120):
        if k == 100:
            optimizer.enqueue(GOOD)
        trial = optimizer.ask()
        optimizer.tell(trial, loss_of(trial))
    texts = {str(optimizer.trial(i).origin): str(optimizer.explain(i)) for i in range(120)}
    assert texts["random"].startswith("The configuration was drawn at random from the space")
    assert words in texts["model"]
    assert "rank" in texts["promoted"]
    assert texts["enqueued"].startswith("The user enqueued the configuration.")
    assert all(text.endswith(".") and "It ended with loss" in text for text in texts.values())
    health = optimizer.health()
    assert health.is_model_active
    assert sum(health.origins.values()) == 120
    assert all(-1 <= tau <= 1 for tau in health.rank_correlation.values())
    assert 0.5 < health.acceptance_rate <= 1


def test_health_reports_a_misleading_smallest_budget() -> None:
    """It says what to do. Budgets that agree are not reported."""

    def messages(sign: float) -> str:
        optimizer = bohb.Optimizer(SPACES["float"](), bohb.geometric(1, 9), seed=0, preset="hyperband")
        for _ in range(300):
            trial = optimizer.ask()
            optimizer.tell(trial, trial.config["x"] * (sign if trial.budget == 1 else 1))
        return str(optimizer.health())

    assert "rank correlation 1 -> 3 is -1.00: raise the smallest budget" in messages(-1)
    assert "raise" not in messages(1)


def test_health_reports_lost_trials() -> None:
    """A trial counts as lost when the others have finished much more since. A slow batch does not."""
    optimizer = bohb.Optimizer(SPACES["float"](), [1, 3], seed=0, preset="random")
    batch = [optimizer.ask() for _ in range(20)]
    for trial in batch[2:]:
        optimizer.tell(trial, 1.0)
    assert optimizer.health().num_lost == 0
    for _ in range(500):
        optimizer.tell(optimizer.ask(), 1.0)
    assert "2 pending trials seem to be lost: tell as a failure, or forget" in optimizer.health().messages
    optimizer.tell(batch[0], 1.0)
    optimizer.forget(batch[1])
    assert optimizer.health().num_lost == 0
    optimizer.ask()
    assert optimizer.health().num_lost == 0


def test_health_works_for_budgets_of_several_types() -> None:
    optimizer = bohb.Optimizer(SPACES["float"](), bohb.ladder([1, {"epochs": 3}], costs=[1, 3]), seed=0)
    for _ in range(60):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["x"])
    assert (1, "{'epochs': 3}") in optimizer.health().rank_correlation
