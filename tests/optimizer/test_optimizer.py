"""Each call of the optimizer: what it returns and what it refuses."""

import copy
import json
import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace, EqualsCondition, Float, Integer, Normal

import bohb
from bohb.models import Proposal
from bohb.optimizer.events import Asked, Joined
from bohb.trials import Origin, Status
from tests.strategies import GOOD, LADDERS, SPACES, loss_of, make


def advanced(num: int = 40, **kwargs: Any) -> bohb.Optimizer:
    """Return an optimizer after `num` results."""
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
def test_a_loss_may_be_any_number_that_float_accepts(outcome: Any, loss: float) -> None:
    """Numbers of Python, numpy and other types become floats."""
    optimizer = make()
    result = optimizer.tell(optimizer.ask(), outcome)
    assert (result.loss, type(result.loss), result.status) == (loss, float, Status.OK)


REFUSED: dict[str, tuple[Callable[[bohb.Optimizer], Any], type[bohb.BohbError], str]] = {
    "text as loss": (lambda o: o.tell(0, "0.5"), bohb.OutcomeError, "'0.5'"),
    "None as loss": (lambda o: o.tell(0, None), bohb.OutcomeError, "return the loss"),
    "a list as loss": (lambda o: o.tell(0, [1.0]), bohb.OutcomeError, "list"),
    "an array as loss": (lambda o: o.tell(0, np.zeros(2)), bohb.OutcomeError, r"shape \(2,\)"),
    "a mapping without a loss": (lambda o: o.tell(0, {"acc": 0.9}), bohb.OutcomeError, "'acc'"),
    "a complex loss": (lambda o: o.tell(0, 1j), bohb.OutcomeError, "complex"),
    "a loss that cannot be shown": (lambda o: o.tell(0, 10**5000), bohb.OutcomeError, "cannot be shown"),
    "a loss beyond float": (lambda o: o.tell(0, 10**400), bohb.OutcomeError, "too large"),
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
    "a missing parameter": (lambda o: o.observe({"rate": 0.01}, 1, 0.1), bohb.ConfigError, "act"),
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
    """The error is a `BohbError` that names the input. The state and the next ask stay the same."""
    call, error, text = REFUSED[case]
    optimizer, twin = advanced(), advanced()
    optimizer.ask(), twin.ask()
    before = optimizer.to_state()
    with pytest.raises(error, match=text) as caught:
        call(optimizer)
    assert str(caught.value)[0].lower() == "e", "the message begins with what was expected"
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
    """Each error names the argument or its value."""
    with pytest.raises(error, match=text):
        bohb.Optimizer(**{"space": {"x": (0.0, 1.0)}, "budgets": [1, 3]} | arguments)


def test_a_forgotten_trial_counts_if_told_before_its_repetition() -> None:
    """The first result of the two counts. The second one is recorded as late."""
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


@pytest.mark.parametrize("preset", ["default", "hyperband"])
def test_an_enqueued_configuration_is_asked_next(preset: str) -> None:
    """Without a budget it may be promoted, and the halving presets do. With one it is evaluated there, outside."""
    optimizer = advanced(7, preset=preset)
    optimizer.enqueue(GOOD)
    optimizer.enqueue(GOOD | {"units": 9}, 27)
    first, second = optimizer.ask(), optimizer.ask()
    assert (first.config, first.budget, first.rung, first.origin) == (GOOD, 1, 0, Origin.ENQUEUED)
    assert (second.config["units"], second.budget, second.bracket, second.rung) == (9, 27, None, None)
    optimizer.tell(first, -100.0)
    optimizer.tell(second, 0.1)
    budgets = [trial.budget for trial in _until(optimizer, 80) if trial.config_id == first.config_id]
    assert budgets == [3, 9, 27] or preset == "default", "the best configuration is promoted to the top"


def _until(optimizer: bohb.Optimizer, num: int) -> list[bohb.Trial]:
    asked = []
    for _ in range(num):
        trial = optimizer.ask()
        optimizer.tell(trial, -100.0 if trial.config == GOOD else loss_of(trial))
        asked.append(trial)
    return asked


def test_observations_count_for_the_model_and_the_incumbent() -> None:
    """Twenty observed results activate the model before the first tell. Ids of trials still start at 0."""
    optimizer, source = make(), make("random", seed=5)
    for k in range(20):
        result = optimizer.observe(source.ask().config, 27, k)
        assert (result.trial.id, result.trial.origin) == (-1 - k, Origin.OBSERVED)
    assert optimizer.observe(result.trial.config, 27, 19) == result, "a repetition returns the same result"
    assert optimizer.incumbent is not None
    assert optimizer.incumbent.loss == 0
    trials = [optimizer.ask() for _ in range(20)]
    assert trials[0].id == 0
    assert Origin.MODEL in {trial.origin for trial in trials}


def test_no_promotion_needs_a_releasable_checkpoint() -> None:
    """Most checkpoints become releasable, and stay so."""
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


def test_a_checkpoint_shared_by_several_trials_is_kept() -> None:
    """One folder for all trials of a configuration is kept while a promotion may need it."""
    optimizer = make()
    for _ in range(60):
        trial = optimizer.ask()
        assert trial.checkpoint not in optimizer.releasable()
        optimizer.tell(trial, loss_of(trial), checkpoint=f"config-{trial.config_id}")


def rungs_of(optimizer: bohb.Optimizer) -> list[int]:
    """Return how many configurations entered each rung of the first bracket."""
    entered = [(e.bracket, e.rung) for e in optimizer.events if isinstance(e, Joined)]
    entered += [(e.trial.bracket, e.trial.rung) for e in optimizer.events if isinstance(e, Asked)]
    return [entered.count((0, rung)) for rung in range(len(optimizer.ladder))]


@pytest.mark.parametrize("preset", ["default", "fast", "paper", "hpbandster", "hyperband", "asha"])
def test_observed_results_of_a_whole_space_are_halved(preset: str) -> None:
    """They join the brackets, best first, and no configuration is trained again at that budget."""
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
def test_an_endless_bracket_promotes_few_observed_results(preset: str) -> None:
    """It grows by observed results as it does by new configurations."""
    optimizer = bohb.Optimizer({"x": list(range(20)), "y": list(range(20))}, [1, 3, 9], seed=0, preset=preset)
    for i in range(400):
        optimizer.observe({"x": i // 20, "y": i % 20}, 1, float(i))
    for _ in range(40):
        trial = optimizer.ask()
        assert trial.budget > 1
        optimizer.tell(trial, 20.0 * trial.config["x"] + trial.config["y"])
    lowest, middle, _ = rungs_of(optimizer)
    assert lowest > 2 * middle


def test_results_keep_info_and_checkpoint() -> None:
    """At one budget the trajectory only improves."""
    optimizer = make()
    trial = optimizer.ask()
    result = optimizer.tell(trial, 0.5, checkpoint=Path("a/b"), info={"epochs": [1, 2]})
    assert (result.checkpoint, result.info) == ("a/b", {"epochs": [1, 2]})
    losses = [r.loss for r in advanced(80).trajectory() if r.trial.budget == 27]
    assert losses == sorted(losses, reverse=True)


def test_without_a_seed_one_is_drawn_that_repeats_the_search() -> None:
    """It differs from search to search."""
    first, second = (bohb.Optimizer(SPACES["float"](), [1, 3]) for _ in range(2))
    assert first.seed != second.seed
    again = bohb.Optimizer(SPACES["float"](), [1, 3], seed=first.seed)
    assert [again.ask() for _ in range(5)] == [first.ask() for _ in range(5)]


def test_a_dict_is_a_space_and_a_list_is_a_ladder() -> None:
    optimizer = bohb.Optimizer({"x": (0.0, 1.0), "act": ["a", "b"]}, [1, 4, 10, 50], seed=1)
    assert optimizer.ask().budget == 1
    assert list(optimizer.ladder) == [1, 4, 10, 50]


def test_a_trial_has_its_budget_as_given() -> None:
    """The budget may be a dict. Plans use its cost."""
    optimizer = bohb.Optimizer(SPACES["float"](), LADDERS["dicts"], seed=0, preset="asha")
    assert optimizer.ask().budget == {"epochs": 1}
    assert optimizer.plan().cost_afresh == 9 * 1 + 3 * 3 + 1 * 9


def test_conditional_parameters_are_active_when_they_should() -> None:
    space = ConfigurationSpace(space={"flag": [0, 1], "x": Float("x", (0.0, 1.0))})
    space.add(EqualsCondition(space["x"], space["flag"], 1))
    optimizer = bohb.Optimizer(space, [1, 3], seed=0)
    for _ in range(50):
        trial = optimizer.ask()
        assert ("x" in trial.config) == (trial.config["flag"] == 1)
        optimizer.tell(trial, trial.config.get("x", 0.5))


def test_recorded_configurations_are_read_only() -> None:
    """Copies of them can be changed."""
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


def test_a_trial_may_be_told_after_parameters_were_popped() -> None:
    """Training scripts often call `config.pop("units")`."""
    optimizer = make()
    trial = optimizer.ask()
    trial.config.pop("units")  # type: ignore[attr-defined]
    assert optimizer.tell(trial, 0.5).trial.config["units"] >= 4


def test_a_narrow_prior_does_not_exhaust_a_large_space() -> None:
    """When the prior gives nothing new, draws are uniform."""
    space = ConfigurationSpace(seed=0)
    space.add([Integer(f"n{i}", (0, 9), distribution=Normal(5, 0.12)) for i in range(7)])
    optimizer = bohb.Optimizer(space, [1, 3], seed=0, preset="random")
    configs = set()
    for _ in range(60):
        trial = optimizer.ask()
        optimizer.tell(trial, 1.0)
        configs.add(tuple(trial.config.values()))
    assert len(configs) == 60


def test_a_second_request_for_a_configuration_is_refused() -> None:
    """One with a budget and one without conflict, in either order. The first one is asked."""
    for first, second in ((9, None), (None, 9)):
        optimizer = make()
        optimizer.enqueue(GOOD, first)
        with pytest.raises(bohb.ConfigError, match="already enqueued"):
            optimizer.enqueue(GOOD, second)
        assert optimizer.ask().config == GOOD


@pytest.mark.parametrize("preset", ["default", "hpbandster", "hyperband"])
def test_an_optimizer_can_be_pickled_and_copied(preset: str) -> None:
    """The copies continue alike, and do not influence each other."""
    optimizer = make(preset)
    for _ in range(60):
        trial = optimizer.ask()
        optimizer.tell(trial, loss_of(trial))
    copies = [pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer), optimizer]
    asked = [[one.ask() for _ in range(20)] for one in copies]
    assert asked[0] == asked[1] == asked[2]


def test_trials_and_results_are_hashable() -> None:
    """Equal records have equal hashes."""
    optimizer = make()
    trial = optimizer.ask()
    result = optimizer.tell(trial, 1.0)
    assert {trial: 1, result: 2} == {optimizer.trial(trial.id): 1, optimizer.results[0]: 2}


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
