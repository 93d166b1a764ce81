"""A population in a study: replayed, shared, verified, and with leases."""

import json

import pytest

import bohb
from bohb.cli.verify import differences
from bohb.trials import Origin
from tests.study.common import SPACE, loss_of

BUDGETS = range(1, 7)
PRESETS = ["population", "pb2"]


def open_population(target, preset="population"):
    return bohb.Study.open(target, SPACE, BUDGETS, seed=0, preset=preset)


def train(searches, num_trials, num_running):
    """Return the trials that searches ask in turn, while some of them run."""
    trials, running = [], []
    for number in range(num_trials):
        search = searches[number % len(searches)]
        running.append(search.ask())
        trials.append(running[-1])
        if len(running) > num_running:
            trial = running.pop(0)
            search.tell(trial, loss_of(trial), checkpoint=f"checkpoint {trial.id}")
    return trials


@pytest.mark.parametrize("preset", PRESETS)
def test_it_asks_what_an_optimizer_asks_and_goes_on_after_it_was_opened_again(preset, tmp_path):
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset=preset)
    with open_population(tmp_path / "a.db", preset) as study:
        assert train([study], 60, 3) == train([optimizer], 60, 3)
    with bohb.Study.open(tmp_path / "a.db") as study:
        assert study.releasable() == optimizer.releasable()
        for trial in study.pending:
            for search in (study, optimizer):
                search.tell(trial, loss_of(trial), checkpoint=f"checkpoint {trial.id}")
        assert train([study], 40, 3) == train([optimizer], 40, 3)
        assert study.lineage(study.incumbent.trial) == optimizer.lineage(optimizer.incumbent.trial)
        assert json.loads(json.dumps(study.to_state())) == json.loads(json.dumps(optimizer.to_state()))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_ask_of_workers_that_share_it_can_be_computed_again(preset, tmp_path):
    studies = [open_population(tmp_path / "a.db", preset) for _ in range(4)]
    trials = train(studies, 120, 6)
    assert sum(trial.origin is Origin.EXPLOITED for trial in trials) > 10
    assert list(differences(studies[0].snapshot())) == []
    for study in studies:
        study.close()


def test_advice_to_vary_a_configuration_counts_at_its_place_alone(tmp_path):
    """Another process takes that place before the advice is followed; then the next place needs advice of its own."""
    optimizer = bohb.Optimizer(SPACE, BUDGETS, seed=0, preset="population")
    train([optimizer], 8 + 8 * 2, 0)
    while True:
        advice = optimizer.advise()
        if advice is not None:
            break
        optimizer.ask()
    first = optimizer.ask()
    assert first.origin is Origin.EXPLOITED
    assert optimizer.follow(advice) is None
    assert optimizer.ask().config != first.config


@pytest.mark.parametrize("preset", PRESETS)
def test_an_exploited_trial_whose_lease_expired_is_asked_again_with_its_checkpoint(preset, tmp_path, clock):
    with open_population(tmp_path / "a.db", preset) as study:
        trial = study.ask(lease=60)
        while trial.origin is not Origin.EXPLOITED:
            study.tell(trial, loss_of(trial), checkpoint=f"checkpoint {trial.id}")
            trial = study.ask(lease=60)
        clock.now += 61
        again = study.ask(lease=60)
        assert (again.config, again.checkpoint, again.origin) == (trial.config, trial.checkpoint, trial.origin)
        assert again.id > trial.id
