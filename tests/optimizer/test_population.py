"""Population-based training as its user sees it: what is asked, from where it goes on, and what led to it."""

import json
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bohb
from bohb.errors import BohbWarning
from bohb.models import Proposal
from bohb.optimizer.events import Asked
from bohb.schedules import Population
from bohb.trials import Origin

SPACE = {"x": (0.0, 1.0)}
BUDGETS = [1, 2, 3, 4]
PRESETS = ["population", "pb2"]


def loss_of(trial: bohb.Trial) -> float:
    """Return a loss that depends on the configuration and the budget."""
    return float((trial.config["x"] - 0.3) ** 2 + 1 / trial.budget)


def tell(optimizer: bohb.Optimizer, trial: bohb.Trial) -> bohb.Trial:
    """Tell the loss of a trial with a checkpoint of its own."""
    optimizer.tell(trial, loss_of(trial), checkpoint=f"checkpoint {trial.id}")
    return trial


def train(optimizer: bohb.Optimizer, num_trials: int) -> list[bohb.Trial]:
    """Return trials that were asked and told one after the other."""
    return [tell(optimizer, optimizer.ask()) for _ in range(num_trials)]


def exploited(trials: list[bohb.Trial]) -> list[bohb.Trial]:
    """Return the trials that go on from another's checkpoint."""
    return [trial for trial in trials if trial.origin is Origin.EXPLOITED]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_bad_member_is_replaced_by_a_new_configuration_on_a_higher_rung_in_one_event(preset: str) -> None:
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset=preset)
    trials = train(optimizer, 32)
    members = {result.trial.config_id: result for result in optimizer.results if result.budget == 1}
    by_loss = sorted(members.values(), key=lambda result: result.loss)
    first = exploited(trials)[:2]
    assert [trial.budget for trial in first] == [2, 2]
    assert {trial.previous for trial in first} == {result.trial.id for result in by_loss[:2]}
    assert {trial.checkpoint for trial in first} == {result.checkpoint for result in by_loss[:2]}
    assert not {trial.config_id for trial in first} & members.keys()
    replaced = {optimizer.explain(trial).facts["replaces"] for trial in first}
    assert replaced == {result.trial.config_id for result in by_loss[-2:]}
    assert sum(isinstance(event, Asked) for event in optimizer.events) == len(optimizer.events) // 2
    assert not replaced & {trial.config_id for trial in trials if trial.budget > 1}


def test_explain_says_whom_it_replaces_and_from_where_it_goes_on() -> None:
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset="population")
    trial = exploited(train(optimizer, 16))[0]
    text = str(optimizer.explain(trial))
    assert f"replaces configuration {optimizer.explain(trial).facts['replaces']}, which has rank 7 of 8" in text
    assert f"goes on from where trial {trial.previous} ended" in text


def test_lineage_is_the_schedule_of_hyperparameters() -> None:
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset="population")
    trials = train(optimizer, 32)
    changed = 0
    for trial in trials:
        line = optimizer.lineage(trial)
        assert [budget for budget, _ in line] == BUDGETS[: len(line)]
        assert line == optimizer.lineage(trial.id)
        changed += len({tuple(config.items()) for _, config in line}) > 1
    assert changed
    best = optimizer.incumbent
    assert best is not None
    line = optimizer.lineage(best.trial)
    assert len(line) == len(BUDGETS)
    assert line[-1] == (best.budget, best.config)


def test_lineage_of_a_search_without_population_has_one_configuration() -> None:
    optimizer = bohb.Optimizer(SPACE, bohb.geometric(1, 9), seed=0, preset="hyperband")
    trials = train(optimizer, 30)
    promoted = next(trial for trial in trials if trial.budget == 9 and trial.previous is not None)
    assert optimizer.lineage(promoted) == tuple((budget, promoted.config) for budget in (1, 3, 9))
    observed = optimizer.observe({"x": 0.5}, 3, 1.0).trial
    assert optimizer.lineage(observed) == ((3, observed.config),)
    with pytest.raises(bohb.UnknownTrial):
        optimizer.lineage(1000)


def test_without_checkpoints_it_warns_at_the_first_promotion_and_only_then() -> None:
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset="population")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(40):
            trial = optimizer.ask()
            assert bool(caught) == (trial.id >= 8)
            optimizer.tell(trial, loss_of(trial))
    assert [warning.category for warning in caught] == [BohbWarning]
    assert "without checkpoints" in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.filterwarnings("ignore:.*without checkpoints:bohb.errors.BohbWarning")
def test_without_a_checkpoint_no_other_configuration_is_part_of_the_lineage() -> None:
    """Such a member starts anew; one that stays as it is may have gone on in place."""
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset="population")
    for _ in range(32):
        trial = optimizer.ask()
        optimizer.tell(trial, loss_of(trial), checkpoint=f"{trial.id}" if trial.budget == 2 else None)
    taken_over = 0
    for trial in (result.trial for result in optimizer.results):
        line = optimizer.lineage(trial)
        taken_over += len({tuple(config.items()) for _, config in line}) > 1
        if trial.origin is Origin.EXPLOITED:
            assert ("starts anew" in str(optimizer.explain(trial))) == (trial.checkpoint is None) == (len(line) == 1)
    assert 0 < taken_over < len(exploited([result.trial for result in optimizer.results]))


@pytest.mark.parametrize("preset", ["population", "asha"])
def test_with_checkpoints_or_another_schedule_it_does_not_warn(preset: str) -> None:
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset=preset)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for trial in (optimizer.ask() for _ in range(40)):
            optimizer.tell(trial, loss_of(trial), checkpoint="x" if preset == "population" else None)


def test_enqueued_and_observed_configurations_are_first_members() -> None:
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset="population")
    optimizer.observe({"x": 0.9}, 1, 5.0)
    optimizer.observe({"x": 0.3}, 1, 0.1)
    optimizer.enqueue({"x": 0.4})
    trials = train(optimizer, 14)
    assert [trial.origin for trial in trials[:7]] == [Origin.ENQUEUED] + [Origin.RANDOM] * 5 + [Origin.PROMOTED]
    (promoted,) = (trial for trial in trials if trial.config == {"x": 0.3} and trial.budget == 2)
    assert (promoted.origin, promoted.previous) == (Origin.PROMOTED, None)  # nobody trained it at the first budget
    assert any(optimizer.explain(trial).facts["replaces"] == 0 for trial in exploited(trials))  # and the worst replaced


def test_proceed_goes_on_with_members_that_stay_and_never_with_replaced_ones() -> None:
    """The same trials as with tell and ask, of which many need no checkpoint."""
    one, other = (bohb.Optimizer(SPACE, BUDGETS, seed=3, preset="population") for _ in range(2))
    expected = train(other, 64)
    found: list[bohb.Trial] = []
    while len(found) < 64:
        trial: bohb.Trial | None = one.ask()
        while trial is not None and len(found) < 64:
            found.append(trial)
            following = one.proceed(trial, loss_of(trial), checkpoint=f"checkpoint {trial.id}")
            if following is not None:
                assert (following.config_id, following.previous) == (trial.config_id, trial.id)
                assert following.origin is Origin.PROMOTED
            trial = following
    assert found[:64] == expected


def test_a_training_that_changed_on_its_way_is_not_that_of_a_trial_from_scratch() -> None:
    """Its last configuration may be enqueued in full, to see what it does alone."""
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset="population")
    while (trial := optimizer.ask()).origin is not Origin.EXPLOITED:
        tell(optimizer, trial)
    optimizer.enqueue(trial.config, 4)
    assert optimizer.proceed(trial, loss_of(trial), checkpoint="x") is None
    alone = optimizer.ask()
    assert (alone.config, alone.budget, alone.previous) == (trial.config, 4, None)


def test_a_population_of_one_is_one_training_in_place() -> None:
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, schedule=Population(size=1), model=bohb.models.RandomModel())
    trial: bohb.Trial | None = optimizer.ask()
    budgets = []
    while trial is not None:
        budgets.append(trial.budget)
        trial = optimizer.proceed(trial, loss_of(trial), checkpoint="x")
    assert budgets == BUDGETS


def test_a_worker_that_is_lost_in_the_middle_of_a_generation_costs_its_trial_only() -> None:
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset="population")
    train(optimizer, 8)
    running = [optimizer.ask() for _ in range(8)]
    lost = exploited(running)[0]
    optimizer.forget(lost)
    again = optimizer.ask()
    assert (again.previous, again.checkpoint, again.origin) == (lost.previous, lost.checkpoint, Origin.EXPLOITED)
    assert lost.checkpoint not in optimizer.releasable()
    for trial in [*(one for one in running if one is not lost), again]:
        tell(optimizer, trial)
    assert sum(result.budget == 2 for result in optimizer.results) == 8
    assert optimizer.ask().budget == 3


def test_a_failure_that_is_retried_after_it_was_replaced_stays_replaced() -> None:
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset="population")
    failed = optimizer.ask()
    train(optimizer, 7)
    optimizer.tell(failed, RuntimeError("out of memory"))
    trials = train(optimizer, 8)
    assert failed.config_id in {optimizer.explain(trial).facts["replaces"] for trial in exploited(trials)}
    optimizer.retry(failed)
    again = optimizer.ask()
    assert again.config == failed.config
    optimizer.tell(again, 0.0, checkpoint="best")
    assert failed.config_id not in {trial.config_id for trial in train(optimizer, 24)}
    assert sum(result.trial.bracket == 0 and result.budget == 4 for result in optimizer.results) == 8


def test_a_failure_that_is_retried_before_it_was_replaced_goes_on() -> None:
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset="population")
    failed = optimizer.ask()
    optimizer.tell(failed, RuntimeError("out of memory"))
    optimizer.retry(failed)
    tell(optimizer, optimizer.ask())
    assert {trial.budget for trial in train(optimizer, 7)} == {1}
    assert {trial.budget for trial in train(optimizer, 8)} == {2}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_population_in_a_space_of_fewer_configurations_is_smaller_and_ends(preset: str) -> None:
    """Every configuration is trained once at each budget, and then there is nothing left."""
    optimizer = bohb.Optimizer({"x": [0.1, 0.2, 0.3]}, BUDGETS, seed=0, preset=preset)
    with pytest.raises(bohb.SpaceExhausted):
        train(optimizer, 13)
    keys = [(result.budget, result.config["x"]) for result in optimizer.results]
    assert sorted(keys) == [(budget, x) for budget in BUDGETS for x in (0.1, 0.2, 0.3)]


def test_members_keep_to_conditions_and_forbidden_clauses() -> None:
    from tests.strategies import SPACES

    optimizer = bohb.Optimizer(SPACES["mixed"](), BUDGETS, seed=0, preset="population")
    for step in range(200):
        trial = optimizer.ask()
        assert dict(trial.config) == optimizer.space.canonical(trial.config)
        optimizer.tell(trial, float(np.sin(step)), checkpoint=f"{step}")
    assert len({trial.config_id for trial in exploited([result.trial for result in optimizer.results])}) > 20


@dataclass(frozen=True)
class Shrinking:
    """A model of one's own that takes a part of the value of a configuration to vary it."""

    def propose(self, observations: Any, space: Any, rng: np.random.Generator) -> Proposal:
        """Propose a random configuration."""
        return Proposal(rng.random((1, 1)))

    def explore(self, observations: Any, space: Any, rng: np.random.Generator, source: int, level: int) -> Proposal:
        """Propose a part of the value."""
        return Proposal(observations.vectors([source]) * rng.random())


def test_a_model_of_ones_own_varies_configurations() -> None:
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, schedule=Population(), model=Shrinking())
    for trial in exploited(train(optimizer, 32)):
        assert trial.previous is not None
        assert trial.config["x"] < optimizer.trial(trial.previous).config["x"]


def test_a_model_that_cannot_vary_has_its_configurations_perturbed() -> None:
    model = bohb.models.ExpectedImprovementModel()
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, schedule=Population(), model=model)
    assert exploited(train(optimizer, 32))


@pytest.mark.parametrize(
    ("name", "value"),
    [("replaces", 99), ("replaces", None), ("previous", 1000), ("rung", 0), ("rung", 7), ("bracket", None)],
)
def test_a_forged_event_is_refused(name: str, value: Any) -> None:
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset="population")
    train(optimizer, 16)
    state = json.loads(json.dumps(optimizer.to_state()))
    event = next(event for event in state["events"] if event.get("origin") == "exploited")
    facts = event["why"] if name == "replaces" else event
    facts[name] = value
    if value is None and name == "replaces":
        del facts[name]
    with pytest.raises(bohb.StateError):
        bohb.Optimizer.from_state(state)


def test_on_a_longer_ladder_an_open_population_goes_on_with_all_its_members() -> None:
    """They change on their way there, too."""
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset="population")
    train(optimizer, 28)
    optimizer.extend([*BUDGETS, 20, 200])
    trials = train(optimizer, 20)
    assert [trial.budget for trial in trials] == [4] * 4 + [20] * 8 + [200] * 8
    assert {trial.budget for trial in exploited(trials)} == {4, 20, 200}
    assert bohb.Optimizer.from_state(optimizer.to_state()).results == optimizer.results


def test_on_a_longer_ladder_the_best_of_former_populations_go_on() -> None:
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset="population")
    train(optimizer, 32)
    best = sorted((result.loss, result.trial.id) for result in optimizer.results if result.budget == 4)
    optimizer.extend([*BUDGETS, 16])
    trials = [trial for trial in train(optimizer, 10) if trial.budget == 16]
    assert [trial.previous for trial in trials] == [trial_id for _, trial_id in best[:2]]
