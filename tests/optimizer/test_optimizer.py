"""What each call of the optimizer says, and what it refuses."""

import copy
import json
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace, EqualsCondition, Float, Integer, Normal

import bohb
from bohb.budgets import Ladder
from bohb.facts import Facts
from bohb.models import Observations, Proposal, RandomModel
from bohb.optimizer.events import Asked, Enqueued, Forgotten, Joined, Observed, Told
from bohb.schedules import Brackets, Promote, Start
from bohb.schedules.bracket_sizes import BracketPlan
from bohb.space import Space
from bohb.trials import Origin, Status
from tests.strategies import LADDERS, SPACES, loss_of, make

GOOD = {
    "rate": 0.01,
    "units": 8,
    "depth": 2,
    "act": "relu",
    "size": "small",
    "dropout": 0.5,
    "decay": 1e-4,
    "task": "digits",
}


def advanced(num: int = 40, **kwargs: Any) -> bohb.Optimizer:
    """Returns an optimizer that was told so many trials."""
    optimizer = make(**kwargs)
    for _ in range(num):
        trial = optimizer.ask()
        optimizer.tell(trial, loss_of(trial), checkpoint=f"ckpt/{trial.id}")
    return optimizer


@pytest.mark.parametrize(
    ("outcome", "loss"),
    [
        (1, 1.0),
        (0.25, 0.25),
        (True, 1.0),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (np.array(0.125), 0.125),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
        (1e308, 1e308),
    ],
)
def test_a_loss_is_whatever_float_accepts(outcome: Any, loss: float) -> None:
    """Python's, numpy's and other numbers are told as floats."""
    optimizer = make()
    result = optimizer.tell(optimizer.ask(), outcome)
    assert (result.loss, type(result.loss), result.status) == (loss, float, Status.OK)


REFUSED: dict[str, tuple[Callable[[bohb.Optimizer], Any], type[bohb.BohbError], str]] = {
    "text as loss": (lambda o: o.tell(0, "0.5"), bohb.OutcomeError, "'0.5'"),
    "None as loss": (lambda o: o.tell(0, None), bohb.OutcomeError, "NoneType"),
    "a list as loss": (lambda o: o.tell(0, [1.0]), bohb.OutcomeError, "list"),
    "an array as loss": (lambda o: o.tell(0, np.zeros(1)), bohb.OutcomeError, r"shape \(1,\)"),
    "a complex loss": (lambda o: o.tell(0, 1j), bohb.OutcomeError, "complex"),
    "a loss beyond float": (lambda o: o.tell(0, 10**400), bohb.OutcomeError, "too large"),
    "info that is no mapping": (lambda o: o.tell(0, 1.0, info=[1]), bohb.OutcomeError, "list"),
    "info that JSON cannot carry": (lambda o: o.tell(0, 1.0, info={"a": object()}), bohb.OutcomeError, "JSON"),
    "nan in info": (lambda o: o.tell(0, 1.0, info={"a": math.nan}), bohb.OutcomeError, "JSON"),
    "a number as checkpoint": (lambda o: o.tell(0, 1.0, checkpoint=3), bohb.OutcomeError, "path"),
    "an unknown trial": (lambda o: o.tell(10**6, 1.0), bohb.UnknownTrial, "1000000"),
    "a negative trial": (lambda o: o.tell(-1, 1.0), bohb.UnknownTrial, "-1"),
    "text as trial": (lambda o: o.tell("0", 1.0), bohb.UnknownTrial, "'0'"),
    "True as trial": (lambda o: o.tell(True, 1.0), bohb.UnknownTrial, "True"),
    "a foreign trial": (lambda o: o.tell(make(seed=99).ask(), 1.0), bohb.UnknownTrial, "another optimizer"),
    "a different tell": (lambda o: o.tell(o.results[0].trial, 77.0), bohb.TellConflict, "the first one stays"),
    "another checkpoint": (
        lambda o: o.tell(o.results[0].trial, o.results[0].loss, checkpoint="x"), bohb.TellConflict, "'x'"
    ),
    "forgetting what was told": (lambda o: o.forget(o.results[0].trial), bohb.TellConflict, "was told"),
    "forgetting the unknown": (lambda o: o.forget(10**6), bohb.UnknownTrial, "ask first"),
    "an unknown parameter": (lambda o: o.enqueue(GOOD | {"lr": 1}), bohb.ConfigError, "lr"),
    "a missing parameter": (lambda o: o.enqueue({"rate": 0.01}), bohb.ConfigError, "act"),
    "a value out of range": (lambda o: o.enqueue(GOOD | {"units": 1000}), bohb.ConfigError, "1000"),
    "an inactive parameter": (lambda o: o.observe(GOOD | {"act": None}, 1, 0.1), bohb.ConfigError, "dropout"),
    "a forbidden pair": (
        lambda o: o.observe(GOOD | {"act": "tanh", "size": "large"}, 1, 0.1), bohb.ConfigError, "act"
    ),
    "no configuration at all": (lambda o: o.enqueue(None), bohb.ConfigError, "None"),
    "a budget off the ladder": (lambda o: o.enqueue(GOOD, 2), bohb.BudgetError, "2"),
    "observing off the ladder": (lambda o: o.observe(GOOD, 2, 0.1), bohb.BudgetError, "2"),
    "observing no number": (lambda o: o.observe(GOOD, 1, "low"), bohb.OutcomeError, "low"),
    "enqueueing what is known": (lambda o: o.enqueue(o.results[0].trial.config), bohb.ConfigError, "already"),
    "enqueueing what is known there": (
        lambda o: o.enqueue(o.results[0].trial.config, o.results[0].trial.budget), bohb.ConfigError, "already"
    ),
    "observing otherwise": (
        lambda o: o.observe(o.results[0].trial.config, o.results[0].trial.budget, 77.0), bohb.TellConflict, "77"
    ),
    "no worker": (lambda o: o.plan(0), bohb.SettingError, "num_workers"),
    "half a cycle": (lambda o: o.plan(cycles=0.5), bohb.SettingError, "cycles"),
    "explaining the unknown": (lambda o: o.explain(10**6), bohb.UnknownTrial, "ask first"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_bad_input_is_refused_and_changes_nothing(case: str) -> None:
    """The error is ours, says what came, and the optimizer is as it was: same state, same next ask."""
    call, error, text = REFUSED[case]
    optimizer, twin = advanced(), advanced()
    optimizer.ask(), twin.ask()
    before = optimizer.to_state()
    with pytest.raises(error, match=text) as caught:
        call(optimizer)
    assert str(caught.value)[0].lower() == "e", "it says what was expected first"
    assert optimizer.to_state() == before
    assert optimizer.ask() == twin.ask()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"budgets": [1, 1]}, bohb.BudgetError, "once"),
        ({"budgets": [3, 1]}, bohb.BudgetError, "increasing"),
        ({"budgets": []}, bohb.BudgetError, "at least one"),
        ({"budgets": 81}, bohb.BudgetError, "81"),
        ({"space": {}}, bohb.SpaceError, "parameter"),
        ({"space": ["lr"]}, bohb.SpaceError, "lr"),
        ({"seed": -1}, bohb.SettingError, "-1"),
        ({"seed": 2**64}, bohb.SettingError, "seed"),
        ({"seed": 0.5}, bohb.SettingError, "0.5"),
        ({"seed": True}, bohb.SettingError, "True"),
        ({"preset": "best"}, bohb.SettingError, "hpbandster"),
        ({"schedule": "asha"}, bohb.SettingError, "cycle"),
        ({"model": Proposal}, bohb.SettingError, "instance"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], error: type[Exception], text: str) -> None:
    """Each with an error that names what came."""
    with pytest.raises(error, match=text):
        bohb.Optimizer(**{"space": {"x": (0.0, 1.0)}, "budgets": [1, 3]} | arguments)


def test_a_late_tell_counts_if_nobody_was_faster() -> None:
    """A forgotten trial that was told after all settles its twin; a twin told first makes it late."""
    optimizer = make()
    first = optimizer.ask()
    optimizer.forget(first)
    assert optimizer.tell(first, 0.5).status is Status.OK  # before the twin was asked
    assert optimizer.ask().config != first.config

    second = optimizer.ask()
    optimizer.forget(second)
    twin = optimizer.ask()
    assert (twin.config, twin.id != second.id) == (second.config, True)
    assert optimizer.tell(second, 0.4).status is Status.OK
    assert twin not in optimizer.pending
    late = optimizer.tell(twin, 0.3)
    assert (late.status, late.loss) == (Status.LATE, 0.3)
    assert optimizer.tell(twin, 0.3) == late
    with pytest.raises(bohb.TellConflict):
        optimizer.tell(twin, 0.2)
    assert [result.loss for result in optimizer.results] == [0.5, 0.4]


def test_what_is_enqueued_comes_next_and_competes() -> None:
    """Without a budget it starts like any other, with one it is evaluated there outside every bracket."""
    optimizer = advanced(7)
    optimizer.enqueue(GOOD)
    optimizer.enqueue(GOOD | {"units": 9}, 27)
    first, second = optimizer.ask(), optimizer.ask()
    assert (first.config, first.budget, first.rung, first.origin) == (GOOD, 1, 0, Origin.ENQUEUED)
    assert (second.config["units"], second.budget, second.bracket, second.rung) == (9, 27, None, None)
    optimizer.tell(first, -100.0)
    optimizer.tell(second, 0.1)
    budgets = [trial.budget for trial in _until(optimizer, 80) if trial.config_id == first.config_id]
    assert budgets == [3, 9, 27], "the best of all is promoted to the top"


def _until(optimizer: bohb.Optimizer, num: int) -> list[bohb.Trial]:
    asked = []
    for _ in range(num):
        trial = optimizer.ask()
        optimizer.tell(trial, -100.0 if trial.config == GOOD else loss_of(trial))
        asked.append(trial)
    return asked


def test_observations_count_for_the_model_and_the_incumbent() -> None:
    """Twenty results from elsewhere wake the model before anything was told; they shift no ask's id."""
    optimizer, source = make(), make("random", seed=5)
    for k in range(20):
        result = optimizer.observe(source.ask().config, 27, k)
        assert (result.trial.id, result.trial.origin) == (-1 - k, Origin.OBSERVED)
    assert optimizer.observe(result.trial.config, 27, 19) == result, "the same again is the same"
    assert optimizer.incumbent is not None
    assert optimizer.incumbent.loss == 0
    trials = [optimizer.ask() for _ in range(20)]
    assert trials[0].id == 0
    assert Origin.MODEL in {trial.origin for trial in trials}


def test_releasable_names_what_no_promotion_can_need() -> None:
    """No trial is ever asked with a checkpoint that was releasable before, and much is released."""
    optimizer = make("hyperband")
    released: set[str] = set()
    for _ in range(300):
        trial = optimizer.ask()
        assert trial.checkpoint not in released
        assert trial.checkpoint not in optimizer.releasable()
        optimizer.tell(trial, loss_of(trial), checkpoint=f"ckpt/{trial.id}")
        now = optimizer.releasable()
        assert released <= set(now), "once released, always released"
        released = set(now)
    assert optimizer.incumbent is not None
    assert optimizer.incumbent.checkpoint not in released
    assert len(released) > 250


def test_a_checkpoint_shared_by_the_trials_of_a_configuration_is_kept() -> None:
    """One folder for each configuration is not released while a promotion may need it."""
    optimizer = make()
    for _ in range(60):
        trial = optimizer.ask()
        assert trial.checkpoint not in optimizer.releasable()
        optimizer.tell(trial, loss_of(trial), checkpoint=f"config-{trial.config_id}")


@pytest.mark.parametrize(("preset", "words"), [("default", "Gaussian process over"), ("fast", "good and")])
def test_explain_and_health_say_what_happened(preset: str, words: str) -> None:
    """Random, model, promoted and enqueued are told apart, in words."""
    optimizer = make(preset)
    for k in range(120):
        if k == 100:
            optimizer.enqueue(GOOD)
        trial = optimizer.ask()
        optimizer.tell(trial, loss_of(trial))
    texts = {str(optimizer.trial(i).origin): str(optimizer.explain(i)) for i in range(120)}
    assert texts["random"].startswith("random (")
    assert words in texts["model"]
    assert "rank" in texts["promoted"]
    assert texts["enqueued"] == "enqueued by the user"
    health = optimizer.health()
    assert health.is_model_active
    assert sum(health.origins.values()) == 120
    assert all(-1 <= tau <= 1 for tau in health.rank_correlation.values())
    assert 0.5 < health.acceptance_rate <= 1


def test_health_says_that_the_smallest_budget_misleads() -> None:
    """A ladder whose rungs contradict each other is reported, with what to do; one that agrees is not."""

    def messages(sign: float) -> str:
        optimizer = bohb.Optimizer(SPACES["float"](), bohb.geometric(1, 9), seed=0, preset="hyperband")
        for _ in range(300):
            trial = optimizer.ask()
            optimizer.tell(trial, trial.config["x"] * (sign if trial.budget == 1 else 1))
        return str(optimizer.health())

    assert "rank correlation 1 -> 3 is -1.00: raise the smallest budget" in messages(-1)
    assert "raise" not in messages(1)


def test_health_says_that_trials_seem_to_be_lost() -> None:
    """Trials that nobody tells are reported as soon as others finished many times more; those of a batch are not."""
    optimizer = bohb.Optimizer(SPACES["float"](), [1, 3], seed=0, preset="random")
    batch = [optimizer.ask() for _ in range(20)]
    for trial in batch[2:]:
        optimizer.tell(trial, 1.0)
    assert optimizer.health().num_lost == 0
    for _ in range(500):
        optimizer.tell(optimizer.ask(), 1.0)
    assert "2 pending trials seem to be lost: tell them as failures, or forget them" in optimizer.health().messages
    optimizer.tell(batch[0], 1.0)
    optimizer.forget(batch[1])
    assert optimizer.health().num_lost == 0
    optimizer.ask()
    assert optimizer.health().num_lost == 0


def rungs_of(optimizer: bohb.Optimizer) -> list[int]:
    """How many trials, or configurations without one, were asked in the first bracket, by rung."""
    entered = [(e.bracket, e.rung) for e in optimizer.events if isinstance(e, Joined)]
    entered += [(e.trial.bracket, e.trial.rung) for e in optimizer.events if isinstance(e, Asked)]
    return [entered.count((0, rung)) for rung in range(len(optimizer.ladder))]


@pytest.mark.parametrize("preset", ["default", "fast", "paper", "hpbandster", "hyperband", "asha"])
def test_a_finite_space_that_is_known_at_the_smallest_budget_is_halved_from_there(preset: str) -> None:
    """What was observed takes part as if it had been asked, the best first; nothing is trained there again."""
    optimizer = bohb.Optimizer({"x": list(range(10)), "y": list(range(10))}, [1, 3, 9], seed=0, preset=preset)
    for i in range(100):
        optimizer.observe({"x": i // 10, "y": i % 10}, 1, float(i))
    asked = []
    while not asked or asked[-1].budget < 9:
        asked.append(optimizer.ask())
        optimizer.tell(asked[-1], 10.0 * asked[-1].config["x"] + asked[-1].config["y"])
    assert [trial.budget for trial in asked] == [3, 3, 3, 9]
    assert {trial.origin for trial in asked} == {Origin.PROMOTED}
    assert {trial.config["x"] for trial in asked} == {0}
    assert rungs_of(optimizer) == [9, 3, 1]


@pytest.mark.parametrize("preset", ["default", "fast"])
def test_of_a_known_space_no_more_goes_on_than_of_one_that_is_not(preset: str) -> None:
    """An endless bracket grows by what is known as it would by new configurations: most of them stay behind."""
    optimizer = bohb.Optimizer({"x": list(range(20)), "y": list(range(20))}, [1, 3, 9], seed=0, preset=preset)
    for i in range(400):
        optimizer.observe({"x": i // 20, "y": i % 20}, 1, float(i))
    for _ in range(40):
        trial = optimizer.ask()
        assert trial.budget > 1
        optimizer.tell(trial, 20.0 * trial.config["x"] + trial.config["y"])
    lowest, middle, _ = rungs_of(optimizer)
    assert lowest > 2 * middle


def test_results_come_in_order_with_their_info() -> None:
    """Info and checkpoints are kept; the trajectory only improves."""
    optimizer = make()
    trial = optimizer.ask()
    result = optimizer.tell(trial, 0.5, checkpoint=Path("a/b"), info={"epochs": [1, 2]})
    assert (result.checkpoint, result.info) == ("a/b", {"epochs": [1, 2]})
    losses = [r.loss for r in advanced(80).trajectory() if r.trial.budget == 27]
    assert losses == sorted(losses, reverse=True)


def test_without_a_seed_every_search_is_another() -> None:
    """The drawn seed is public, and repeats the search."""
    first, second = (bohb.Optimizer(SPACES["float"](), [1, 3]) for _ in range(2))
    assert first.seed != second.seed
    again = bohb.Optimizer(SPACES["float"](), [1, 3], seed=first.seed)
    assert [again.ask() for _ in range(5)] == [first.ask() for _ in range(5)]


@dataclass(frozen=True)
class Doubling:
    """A user's schedule: two starts, then the better one goes up, over and over."""

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
    """A user's model: always near the lower corner."""

    def propose(self, observations: Observations, space: Space, rng: np.random.Generator) -> Proposal:
        return Proposal(rng.random((4, len(space.names))) * 0.1, Facts(more={"corner": True}))


def test_a_users_own_schedule_and_model_plug_in() -> None:
    """They drive the search, and are asked for when a state is restored."""
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


def _damaged(change: Callable[[dict[str, Any]], Any]) -> Mapping[str, Any]:
    state = json.loads(json.dumps(advanced(20).to_state()))
    change(state)
    return state


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update(format=99),
        lambda s: s.pop("events"),
        lambda s: s.update(preset="best"),
        lambda s: s.update(space={"name": 3}),
        lambda s: s["events"].pop(0),
        lambda s: s["events"].append({"kind": "guessed"}),
        lambda s: s["events"].append(s["events"][1] | {"id": 10**6}),
        lambda s: s["events"].append({"kind": "forgotten", "id": 0}),
        lambda s: s["events"][0].update(config={}),
        lambda s: s["events"][0].update(budget=2),
        lambda s: s["ladder"].update(budgets=[]),
    ],
)  # fmt: skip
def test_a_damaged_state_is_refused(change: Callable[[dict[str, Any]], Any]) -> None:
    """With a StateError, whatever is wrong."""
    with pytest.raises(bohb.StateError):
        bohb.Optimizer.from_state(_damaged(change))
    with pytest.raises(bohb.StateError):
        bohb.Optimizer.from_state([])  # type: ignore[arg-type]


def test_a_dict_is_a_space_and_a_list_is_a_ladder() -> None:
    """The short forms work."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0), "act": ["a", "b"]}, [1, 4, 10, 50], seed=1)
    assert optimizer.ask().budget == 1
    assert list(optimizer.ladder) == [1, 4, 10, 50]


def test_budgets_that_are_dicts_reach_the_trial_as_given() -> None:
    """The trial carries the value; the plan counts the costs."""
    optimizer = bohb.Optimizer(SPACES["float"](), LADDERS["dicts"], seed=0, preset="asha")
    assert optimizer.ask().budget == {"epochs": 1}
    assert optimizer.plan().cost_afresh == 9 * 1 + 3 * 3 + 1 * 9


def test_a_condition_on_the_value_that_was_asked_is_respected() -> None:
    """A child of a number near its threshold is active exactly where ConfigSpace says so."""
    space = ConfigurationSpace(space={"flag": [0, 1], "x": Float("x", (0.0, 1.0))})
    space.add(EqualsCondition(space["x"], space["flag"], 1))
    optimizer = bohb.Optimizer(space, [1, 3], seed=0)
    for _ in range(50):
        trial = optimizer.ask()
        assert ("x" in trial.config) == (trial.config["flag"] == 1)
        optimizer.tell(trial, trial.config.get("x", 0.5))


def test_what_is_recorded_cannot_be_changed() -> None:
    """The records that are handed out refuse it, so that a search cannot be damaged by accident; copies do not."""
    optimizer = advanced(20)
    optimizer.ask()
    assert optimizer.incumbent is not None
    recorded = [
        optimizer.incumbent.trial,
        optimizer.results[0].trial,
        optimizer.pending[0],
        optimizer.trajectory()[0].trial,
    ]
    for trial in recorded:
        with pytest.raises(TypeError, match="copy"):
            trial.config["rate"] = 0.5  # type: ignore[index]
        with pytest.raises(TypeError, match="copy"):
            trial.config.pop("rate")  # type: ignore[attr-defined]
        assert pickle.loads(pickle.dumps(trial)) == copy.deepcopy(trial) == trial
        assert dict(trial.config) | {"rate": 0.5} != trial.config


def test_a_user_may_take_parameters_out_of_what_was_asked() -> None:
    """The usual `config.pop("units")` in a training script does not make its trial a foreign one."""
    optimizer = make()
    trial = optimizer.ask()
    trial.config.pop("units")  # type: ignore[attr-defined]
    assert optimizer.tell(trial, 0.5).trial.config["units"] >= 4


def test_a_large_finite_space_with_a_narrow_prior_goes_on() -> None:
    """When the prior gives nothing new any more, the rest of the space is drawn evenly."""
    space = ConfigurationSpace(seed=0)
    space.add([Integer(f"n{i}", (0, 9), distribution=Normal(5, 0.12)) for i in range(7)])
    optimizer = bohb.Optimizer(space, [1, 3], seed=0, preset="random")
    configs = set()
    for _ in range(60):
        trial = optimizer.ask()
        optimizer.tell(trial, 1.0)
        configs.add(tuple(trial.config.values()))
    assert len(configs) == 60


def test_nothing_that_is_enqueued_is_dropped() -> None:
    """The same configuration at a budget and anywhere is one request too many, in either order."""
    for first, second in ((9, None), (None, 9)):
        optimizer = make()
        optimizer.enqueue(GOOD, first)
        with pytest.raises(bohb.ConfigError, match="already enqueued"):
            optimizer.enqueue(GOOD, second)
        assert optimizer.ask().config == GOOD


def test_health_of_a_ladder_with_numbers_and_dicts() -> None:
    """Any ladder can be reported on."""
    optimizer = bohb.Optimizer(SPACES["float"](), bohb.ladder([1, {"epochs": 3}], costs=[1, 3]), seed=0)
    for _ in range(60):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["x"])
    assert (1, "{'epochs': 3}") in optimizer.health().rank_correlation


@pytest.mark.parametrize("preset", ["default", "hpbandster", "hyperband"])
def test_an_optimizer_can_be_pickled_and_copied(preset: str) -> None:
    """The copy goes on alike, and neither changes the other."""
    optimizer = make(preset)
    for _ in range(60):
        trial = optimizer.ask()
        optimizer.tell(trial, loss_of(trial))
    copies = [pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer), optimizer]
    asked = [[one.ask() for _ in range(20)] for one in copies]
    assert asked[0] == asked[1] == asked[2]


def test_records_can_be_keys() -> None:
    """Although a configuration is a dict: equal records have equal hashes."""
    optimizer = make()
    trial = optimizer.ask()
    result = optimizer.tell(trial, 1.0)
    assert {trial: 1, result: 2} == {optimizer.trial(trial.id): 1, optimizer.results[0]: 2}


def foreign_events(trial: bohb.Trial) -> list[Any]:
    """Events that cannot follow the one in which a trial was asked in an optimizer without any other."""
    new = replace(trial, id=1, config={**trial.config, "depth": 6 - trial.config["depth"] % 5}, config_id=1)
    return [
        *(Asked(replace(new, **change), Facts()) for change in [{"id": 2}, {"config_id": 5}, {"config_id": -1}]),
        *(
            Asked(replace(new, **change), Facts())
            for change in [{"bracket": 7}, {"bracket": -1}, {"rung": 9}, {"rung": -1}]
        ),
        *(Asked(replace(new, **change), Facts()) for change in [{"rung": 1}, {"budget": 27}, {"budget": 5}]),
        Asked(replace(new, config={"depth": 99}), Facts()),
        *(Asked(new, Facts(reissue_of=number)) for number in (0, 3)),
        *(Joined(*ids) for ids in [(3, 0, 0), (0, 5, 0), (0, 0, 9), (-1, 0, 0)]),
        *(Told(number, 1.0, Status.OK, None, {}) for number in (1, -1)),
        Forgotten(4),
        Enqueued(new.config, 5),
        Enqueued({"depth": 99}, None),
        Observed(new.config, 5, 1.0, Status.OK),
    ]


def test_an_event_that_is_refused_changes_nothing() -> None:
    """However far it was from fitting; the control is one that fits, and changes something."""
    trial = make().ask()
    for event in foreign_events(trial):
        optimizer = make()
        optimizer.ask()
        before = pickle.dumps(optimizer)
        with pytest.raises(bohb.StateError):
            optimizer.apply(event)
        assert pickle.dumps(optimizer) == before, event
    optimizer.apply(Told(0, 1.0, Status.OK, None, {}))
    assert pickle.dumps(optimizer) != before


@dataclass(frozen=True)
class Saying:
    """A user's model that returns the same whatever happens."""

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
def test_a_model_that_says_something_else_is_refused(answer: Any) -> None:
    """When it says so, and nothing has changed by then."""
    optimizer = bohb.Optimizer(SPACES["float"](), [1, 9], seed=0, model=Saying(answer))
    with pytest.raises(bohb.SettingError, match="model"):
        optimizer.ask()
    assert not optimizer.events


def test_what_a_users_model_notes_is_explained() -> None:
    """And belongs to the optimizer from then on."""
    more = {"mood": ["high"]}
    facts = Facts(level=1, good=2, bad=3, score=1, more=more)
    optimizer = bohb.Optimizer(SPACES["float"](), [1, 9], seed=0, model=Saying(Proposal(np.full((1, 3), 0.5), facts)))
    trial = optimizer.ask()
    more["mood"].append("low")
    explanation = optimizer.explain(trial)
    assert explanation.facts["mood"] == ["high"]
    assert "9, 2 good and 3 bad, score 1" in str(explanation)


class Picky:
    """A model that answers `choose` as it is told."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def propose(self, observations: Any, space: Any, rng: Any) -> Any:
        return Proposal(np.empty((0, len(space.names))), Facts(reason="none"))

    def choose(self, observations: Any, space: Any, rng: Any, waiting: Any, remaining_cost: Any, start: Any) -> Any:
        assert len(waiting) == len(remaining_cost)
        assert all(0 < share < 1 for share in remaining_cost)
        return self.answer(self.propose(observations, space, rng), waiting, start)


def drive_picky(answer: Any) -> bohb.Optimizer:
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, bohb.geometric(1, 9), seed=0, model=Picky(answer))
    for _ in range(60):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["x"])
    return optimizer


def test_a_model_that_chooses_decides_who_goes_on() -> None:
    """It is asked whenever the schedule leaves a choice; the worst that waits goes on if the model says so."""
    worst = drive_picky(lambda proposal, waiting, start: proposal if start is not None else len(waiting) - 1)
    promoted = [r.trial for r in worst.results if r.trial.origin is bohb.Origin.PROMOTED]
    assert promoted
    for trial in promoted:
        facts = worst.explain(trial).facts
        assert facts["chosen_from"] >= 1
    assert any(worst.explain(trial).facts["rank"] > 0 for trial in promoted)
    assert "chosen by the model of" in str(worst.explain(promoted[-1]))


def test_a_model_that_leaves_the_choice_gets_the_schedules_own() -> None:
    """The schedule then promotes by loss, as it does for a model that cannot choose."""
    left = drive_picky(lambda proposal, waiting, start: None)
    plain = bohb.Optimizer({"x": (0.0, 1.0)}, bohb.geometric(1, 9), seed=0, model=RandomModel())
    for _ in range(60):
        trial = plain.ask()
        plain.tell(trial, trial.config["x"])
    assert [r.trial.config for r in left.results] == [r.trial.config for r in plain.results]


@pytest.mark.parametrize("answer", [-1, 10**6])
def test_a_choice_that_is_none_is_refused(answer: int) -> None:
    """Before anything changes, and with advice."""
    with pytest.raises(bohb.SettingError, match="ids in `waiting`"):
        drive_picky(lambda proposal, waiting, start: proposal if start is not None else answer)


def test_a_failure_is_an_outcome_with_its_text():
    opt = make("random")
    first, second = opt.ask(), opt.ask()
    result = opt.tell(first, bohb.Failure("out of memory"), info={"host": "a"})
    assert (result.status, result.info) == (bohb.Status.ERROR, {"error": "out of memory", "host": "a"})
    assert opt.tell(second, ValueError("no")).info == {"error": "ValueError: no"}


@pytest.mark.parametrize("outcome", [bohb.Failure("ValueError: no"), ValueError("no")])
def test_the_text_of_an_observed_failure_is_kept(outcome):
    opt = make("random")
    result = opt.observe(dict(make("random", seed=1).ask().config), 27, outcome)
    assert result.info == {"error": "ValueError: no"}
    restored = bohb.Optimizer.from_state(json.loads(json.dumps(opt.to_state())))
    assert restored.results == opt.results
