"""The sampler and the pruner in Optuna itself, with the tests that Optuna ships for samplers."""

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import InMemoryStorage
from optuna.testing import pytest_samplers
from optuna.trial import TrialState

import bohb
from bohb.integrations import optuna as adapter
from bohb.integrations.optuna import BOHBPruner, BOHBSampler
from bohb.integrations.optuna_storage import read

SPACE = {
    "lr": FloatDistribution(1e-4, 1.0, log=True),
    "units": IntDistribution(8, 64, step=8),
    "act": CategoricalDistribution(["relu", "tanh", None]),
}
SAME = {
    "lr": {"float": (1e-4, 1.0), "log": True},
    "units": {"int": (8, 64), "step": 8},
    "act": {"choices": ["relu", "tanh", None]},
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(optuna.logging.INFO)


class TestOptunasOwn(
    pytest_samplers.BasicSamplerTestCase,
    pytest_samplers.RelativeSamplerTestCase,
    pytest_samplers.SingleOnlySamplerTestCase,
):
    @pytest.fixture
    def sampler(self) -> Callable[[], BOHBSampler]:
        return lambda: BOHBSampler(seed=0)


def loss_of(config: Mapping[str, Any], step: int) -> float:
    penalty = 0.0 if config["act"] == "tanh" else 0.2
    return abs(float(config["lr"]) - 0.1) + abs(int(config["units"]) - 40) / 64 + penalty + 1 / step


def suggested(trial: optuna.Trial) -> dict[str, Any]:
    lr = trial.suggest_float("lr", 1e-4, 1.0, log=True)
    units = trial.suggest_int("units", 8, 64, step=8)
    return {"lr": lr, "units": units, "act": trial.suggest_categorical("act", ["relu", "tanh", None])}


def objective(trial: optuna.Trial, sign: int = 1, steps: int = 9) -> float:
    config = suggested(trial)
    for step in range(1, steps + 1):
        trial.report(sign * loss_of(config, step), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return sign * loss_of(config, steps)


def study_on(storage: Any, sampler: BOHBSampler, **settings: Any) -> optuna.Study:
    pruner = settings.pop("pruner", BOHBPruner(max_resource=9))
    return optuna.create_study(
        storage=storage, study_name="s", load_if_exists=True, sampler=sampler, pruner=pruner, **settings
    )


def facts(study: optuna.Study) -> list[Any]:
    return [(trial.params, trial.state, trial.intermediate_values, trial.user_attrs) for trial in study.trials]


def results(study: optuna.Study) -> set[Any]:
    """What the search of a sampler knows: its configurations, budgets and losses."""
    assert isinstance(study.sampler, BOHBSampler)
    (search,) = study.sampler._of_study(study).values()
    return {(repr(sorted(result.config.items())), result.budget, result.loss) for result in search.results}


# --- the study is the search -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["default", "fast", "paper", "asha"])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_study_asks_what_the_optimizer_asks(preset: str, direction: str) -> None:
    """With one worker, each trial of Optuna is a training that proceeds until the search turns to another one."""
    sign = 1 if direction == "minimize" else -1
    study = study_on(None, BOHBSampler(SPACE, seed=3, preset=preset), direction=direction)
    study.optimize(lambda trial: objective(trial, sign), n_trials=25)
    opt = bohb.Optimizer(SAME, bohb.geometric(1, 9), seed=3, preset=preset, objectives={"value": direction})
    for trial in study.trials:
        mine: bohb.Trial | None = opt.ask()
        while mine is not None:
            assert trial.params == mine.config
            reached = mine.budget
            mine = opt.proceed(mine, sign * loss_of(mine.config, mine.budget))
        assert trial.last_step == reached
        assert (trial.state is TrialState.COMPLETE) == (reached == 9)


@settings(max_examples=10, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 12), min_size=2, max_size=3),
    preset=st.sampled_from(["default", "fast", "paper"]),
    declared=st.booleans(),
)
def test_a_study_that_is_resumed_equals_one_that_was_not_interrupted(
    cuts: list[int], preset: str, declared: bool
) -> None:
    def sampler() -> BOHBSampler:
        return BOHBSampler(SPACE if declared else None, seed=1, preset=preset)

    whole = study_on(None, sampler())
    whole.optimize(objective, n_trials=sum(cuts))
    storage = InMemoryStorage()
    for num in cuts:
        study_on(storage, sampler()).optimize(objective, n_trials=num)
    assert facts(study_on(storage, sampler())) == facts(whole)


TURNS = st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=20, max_size=60)


def work(studies: list[optuna.Study], turns: list[tuple[int, bool]]) -> None:
    """Each worker asks some trials, and trains the oldest that it has."""
    running: list[list[tuple[optuna.Trial, dict[str, Any]]]] = [[] for _ in studies]
    for worker, is_ask in turns:
        if is_ask or not running[worker]:
            trial = studies[worker].ask()
            running[worker].append((trial, suggested(trial)))
            continue
        trial, config = running[worker].pop(0)
        for step in range(1, 10):
            trial.report(loss_of(config, step), step)
            if trial.should_prune():
                studies[worker].tell(trial, state=TrialState.PRUNED)
                break
        else:
            studies[worker].tell(trial, loss_of(config, 9))


@settings(max_examples=10, deadline=None)
@given(turns=TURNS)
def test_workers_that_share_a_storage_share_the_search(turns: list[tuple[int, bool]]) -> None:
    """Nobody trains a configuration twice to the same budget, and all know the same in the end."""
    storage = InMemoryStorage()
    studies = [study_on(storage, BOHBSampler(SPACE, seed=seed, preset="fast")) for seed in range(3)]
    work(studies, turns)
    budgets = [(repr(sorted(t.params.items())), t.user_attrs["bohb:budget"]) for t in studies[0].trials]
    assert len(set(budgets)) == len(budgets)
    assert all(t.user_attrs["bohb:budget"] >= (t.last_step or 1) for t in studies[0].trials)
    known = []
    for study in [*studies, study_on(storage, BOHBSampler(SPACE, seed=9, preset="fast"))]:
        suggested(study.ask())  # so that it reads what the others did
        known.append(results(study))
    assert known[0]
    assert all(each == known[0] for each in known)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=TURNS, late=st.integers(0, 2**64))
def test_workers_that_overtake_each_other_lose_no_result(
    turns: list[tuple[int, bool]], late: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They ask the same at one moment, as with one seed, before either has written it down."""
    reads = iter(np.random.default_rng(late).integers(0, 2, 1000))
    monkeypatch.setattr(adapter, "read", lambda *args: None if next(reads) else read(*args))
    storage = InMemoryStorage()
    studies = [study_on(storage, BOHBSampler(SPACE, seed=0, preset="fast")) for _ in range(3)]
    work(studies, turns)
    monkeypatch.setattr(adapter, "read", read)
    expected = {
        (repr(sorted(trial.params.items())), budget, trial.intermediate_values[budget])
        for trial in studies[0].trials
        for budget in (1, 3, 9)
        if budget in trial.intermediate_values and trial.state is not TrialState.RUNNING
    }
    for study in [*studies, study_on(storage, BOHBSampler(SPACE, seed=9, preset="fast"))]:
        suggested(study.ask())
        assert results(study) == expected


def test_threads_share_the_search() -> None:
    study = study_on(None, BOHBSampler(SPACE, seed=0, preset="fast"))
    study.optimize(objective, n_trials=40, n_jobs=4)
    assert {trial.state for trial in study.trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    budgets = [(repr(sorted(t.params.items())), t.user_attrs["bohb:budget"]) for t in study.trials]
    assert len(set(budgets)) == len(budgets)


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_study_goes_on_from_its_file(tmp_path: Any, kind: str) -> None:
    def storage() -> Any:
        if kind == "sqlite":
            return optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/s.db")
        backend = optuna.storages.journal.JournalFileBackend(f"{tmp_path}/s.log")
        return optuna.storages.JournalStorage(backend)

    whole = study_on(None, BOHBSampler(SPACE, seed=1))
    whole.optimize(objective, n_trials=16)
    for num in (5, 11):
        opened = storage()
        study_on(opened, BOHBSampler(SPACE, seed=1)).optimize(objective, n_trials=num)
        if kind == "sqlite":
            opened.engine.dispose()
    opened = storage()
    assert facts(study_on(opened, BOHBSampler(SPACE, seed=1))) == facts(whole)
    if kind == "sqlite":
        opened.engine.dispose()


# --- trainings that go on --------------------------------------------------------------------------------------------


def test_a_configuration_that_is_taken_up_again_names_the_trial_to_resume() -> None:
    study = study_on(None, BOHBSampler(SPACE, seed=0, preset="paper"))
    study.optimize(objective, n_trials=30)
    taken_up = [trial for trial in study.trials if "bohb:resumes" in trial.user_attrs]
    assert taken_up
    for trial in taken_up:
        before = study.trials[trial.user_attrs["bohb:resumes"]]
        assert before.params == trial.params
        assert before.user_attrs["bohb:budget"] < trial.user_attrs["bohb:budget"]


def test_a_resumed_training_reports_only_what_is_new() -> None:
    """The search is the same, whether a training that is taken up starts from scratch or from a checkpoint."""

    def resuming(trial: optuna.Trial) -> float:
        config = suggested(trial)
        number = trial.user_attrs.get("bohb:resumes")
        done = 0 if number is None else trial.study.trials[number].user_attrs["trained"]
        for step in range(done + 1, 10):
            trial.set_user_attr("trained", step)
            trial.report(loss_of(config, step), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss_of(config, 9)

    studies = []
    for each in (objective, resuming):
        studies.append(study_on(None, BOHBSampler(SPACE, seed=0)))
        studies[-1].optimize(each, n_trials=30)
    scratch, resumed = studies
    assert [trial.params for trial in scratch.trials] == [trial.params for trial in resumed.trials]
    reports = [sum(len(trial.intermediate_values) for trial in study.trials) for study in studies]
    assert reports[1] < reports[0]


def test_a_report_beyond_a_budget_counts_there() -> None:
    """What was reported at 5 counts at 1 and at 3, and what was reported at 10 at 9."""

    def coarse(trial: optuna.Trial) -> float:
        config = suggested(trial)
        for step in (5, 10):
            trial.report(loss_of(config, step), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss_of(config, 27)

    study = study_on(None, BOHBSampler(SPACE, seed=0), pruner=BOHBPruner(max_resource=27))
    study.optimize(coarse, n_trials=30)
    steps = {(trial.user_attrs["bohb:budget"], trial.last_step) for trial in study.trials}
    assert {(1, 5), (3, 5), (9, 10)} <= steps <= {(1, 5), (3, 5), (9, 10), (27, 10)}


# --- without declared space or budgets -------------------------------------------------------------------------------


def test_the_largest_budget_comes_from_the_first_complete_trial() -> None:
    storage = InMemoryStorage()
    study = study_on(storage, BOHBSampler(seed=0), pruner=BOHBPruner())
    study.optimize(lambda trial: objective(trial, steps=8), n_trials=20)
    assert study.trials[0].state is TrialState.COMPLETE
    assert {trial.user_attrs["bohb:budget"] for trial in study.trials[1:]} <= set(bohb.geometric(1, 9))
    again = study_on(storage, BOHBSampler(seed=0), pruner=BOHBPruner())
    again.optimize(lambda trial: objective(trial, steps=5), n_trials=1)
    assert study.trials[-1].user_attrs["bohb:budget"] in bohb.geometric(1, 9)


@pytest.mark.parametrize("pruner", [optuna.pruners.NopPruner(), optuna.pruners.MedianPruner(n_startup_trials=3)])
def test_without_our_pruner_a_trial_is_a_whole_training(pruner: optuna.pruners.BasePruner) -> None:
    study = study_on(None, BOHBSampler(SPACE, seed=0), pruner=pruner)
    study.optimize(objective, n_trials=30)
    assert {trial.user_attrs["bohb:budget"] for trial in study.trials} == {1}
    assert {trial.user_attrs["bohb:origin"] for trial in study.trials} == {"random", "model"}
    assert study.best_value < min(trial.value or 9 for trial in study.trials[:3])


def test_our_pruner_needs_our_sampler() -> None:
    study = study_on(None, optuna.samplers.TPESampler(seed=0))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected BOHBSampler"):
        study.optimize(objective, n_trials=1)


def test_a_space_of_ours_is_declared_with_its_conditions() -> None:
    space = {"opt": ["sgd", "adam"], "momentum": {"range": (0.0, 1.0), "when": {"opt": "sgd"}}, "n": range(2, 11, 2)}

    def conditional(trial: optuna.Trial) -> float:
        if trial.suggest_categorical("opt", ["sgd", "adam"]) == "sgd":
            return trial.suggest_float("momentum", 0.0, 1.0) + trial.suggest_int("n", 2, 10, step=2)
        return 0.5 + trial.suggest_int("n", 2, 10, step=2)

    study = study_on(None, BOHBSampler(space, seed=0), pruner=optuna.pruners.NopPruner())
    study.optimize(conditional, n_trials=20)
    assert all("momentum" in trial.params or trial.params["opt"] == "adam" for trial in study.trials)
    assert {trial.user_attrs["bohb:origin"] for trial in study.trials} == {"random", "model"}


def test_a_patient_pruner_may_wrap_ours() -> None:
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        patient = optuna.pruners.PatientPruner(BOHBPruner(1, 9), 1)
    study = study_on(None, BOHBSampler(SPACE, seed=0), pruner=patient)
    study.optimize(objective, n_trials=10)
    assert {trial.user_attrs["bohb:budget"] for trial in study.trials} <= {1, 3, 9}


def test_partly_fixed_parameters_are_searched_in_what_is_left() -> None:
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        sampler = optuna.samplers.PartialFixedSampler({"act": "tanh"}, BOHBSampler(SPACE, seed=0))
    study = study_on(None, sampler)  # type: ignore[arg-type]
    study.optimize(objective, n_trials=10)
    assert {trial.params["act"] for trial in study.trials} == {"tanh"}
    assert {trial.user_attrs["bohb:budget"] for trial in study.trials} <= {1, 3, 9}
    assert all(trial.last_step == trial.user_attrs["bohb:budget"] for trial in study.trials)  # none counts as failed


@pytest.mark.parametrize("is_declared", [False, True])
@pytest.mark.parametrize(
    "choices", [[1.0, float("inf")], [float("nan"), None, float("-inf")], [1, "sqrt", 1.0, True], ["a", "b", "a"]]
)
def test_whatever_optuna_takes_as_a_choice_is_searched(choices: list[Any], is_declared: bool) -> None:
    space = {"x": FloatDistribution(0, 1), "c": CategoricalDistribution(choices)}

    def with_choice(trial: optuna.Trial) -> float:
        return trial.suggest_float("x", 0, 1) + repr(choices).index(repr(trial.suggest_categorical("c", choices)))

    storage = InMemoryStorage()
    for _ in range(2):  # the second time, everything is read from the storage
        study = study_on(
            storage, BOHBSampler(space if is_declared else None, seed=0), pruner=optuna.pruners.NopPruner()
        )
        study.enqueue_trial({"x": 0.5, "c": choices[-1]})
        study.optimize(with_choice, n_trials=6)
        num_results, losses = len(results(study)), [loss for *_, loss in results(study)]
        assert num_results >= len(study.trials) - 2  # what was enqueued twice
        assert np.isfinite(losses).all()
    assert {repr(trial.params["c"]) for trial in study.trials} <= {repr(choice) for choice in choices}


@pytest.mark.filterwarnings("ignore:Choices for a categorical")
def test_a_declared_space_may_have_choices_of_any_kind_and_distributions_beside_ours() -> None:
    space = {
        "layers": {"choices": [[8], [8, 8]]},
        "lr": FloatDistribution(1e-4, 1.0, log=True),
        "act": ["relu", "tanh"],
    }

    def layered(trial: optuna.Trial) -> float:
        lr, act = trial.suggest_float("lr", 1e-4, 1.0, log=True), trial.suggest_categorical("act", ["relu", "tanh"])
        return lr + (act == "relu") + len(trial.suggest_categorical("layers", [[8], [8, 8]]))  # type: ignore[list-item]

    study = study_on(None, BOHBSampler(space, seed=0), pruner=optuna.pruners.NopPruner())
    study.optimize(layered, n_trials=6)
    assert np.isfinite([loss for *_, loss in results(study)]).all()
    assert {tuple(trial.params["layers"]) for trial in study.trials} == {(8,), (8, 8)}


# --- what a study may hold -------------------------------------------------------------------------------------------


def test_an_enqueued_trial_is_part_of_the_search() -> None:
    study = study_on(None, BOHBSampler(SPACE, seed=0))
    good = {"lr": 0.1, "units": 40, "act": "tanh"}
    study.enqueue_trial(good)
    study.enqueue_trial({"units": 8})
    study.optimize(objective, n_trials=40)
    assert study.trials[0].params == good
    assert study.trials[0].user_attrs["bohb:origin"] == "enqueued"
    assert study.trials[1].params["units"] == 8
    assert study.best_params == good


def test_trials_of_other_samplers_count() -> None:
    storage = InMemoryStorage()
    study_on(storage, optuna.samplers.RandomSampler(seed=0), pruner=optuna.pruners.NopPruner()).optimize(  # type: ignore[arg-type]
        objective, n_trials=20
    )
    study = study_on(storage, BOHBSampler(SPACE, seed=0))
    study.optimize(objective, n_trials=3)
    assert "model" in [trial.user_attrs["bohb:origin"] for trial in study.trials[-3:]]  # by itself, it needs 4 results


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_training_that_diverges_is_stopped(value: float) -> None:
    def diverging(trial: optuna.Trial) -> float:
        suggested(trial)
        for step in range(1, 10):
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    study = study_on(None, BOHBSampler(SPACE, seed=0, preset="fast"))
    study.optimize(diverging, n_trials=10)
    assert {trial.last_step for trial in study.trials} == {1}


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_trial_that_breaks_a_constraint_is_a_failure(is_ours: bool) -> None:
    def constrained(trial: optuna.Trial) -> float:
        config = suggested(trial)
        trial.set_constraint("size", 1 if config["units"] > 32 else 0)
        return -float(config["units"])

    study = study_on(None, BOHBSampler(SPACE, seed=0), pruner=optuna.pruners.NopPruner())
    if not is_ours:
        study.sampler = optuna.samplers.RandomSampler(seed=0)
    study.optimize(constrained, n_trials=20)
    study.sampler = BOHBSampler(SPACE, seed=0)
    study.optimize(constrained, n_trials=1)
    (search,) = study.sampler._of_study(study).values()
    assert len(search.results) == 21
    assert search.incumbent is not None
    assert search.incumbent.config == study.best_params
    assert study.best_params["units"] <= 32


def test_a_failure_is_not_repeated() -> None:
    def failing(trial: optuna.Trial) -> float:
        suggested(trial)
        raise ValueError

    study = study_on(None, BOHBSampler(SPACE, seed=0, preset="fast"))
    study.optimize(failing, n_trials=10, catch=ValueError)
    assert len({repr(trial.params) for trial in study.trials}) == 10


def with_a_lost_trial() -> tuple[InMemoryStorage, optuna.Study, optuna.Trial, dict[str, Any]]:
    """Return a storage, its study after three trials and a fourth that was lost, that trial and its parameters."""
    storage = InMemoryStorage()
    study = study_on(storage, BOHBSampler(SPACE, seed=0))
    study.optimize(objective, n_trials=3)
    lost = study.ask()
    config = suggested(lost)
    storage.set_trial_state_values(lost._trial_id, TrialState.FAIL)
    return storage, study, lost, config


def test_a_trial_that_was_lost_with_its_process_is_asked_again() -> None:
    """Optuna's heartbeat sets the state of such a trial, and no sampler hears of it."""
    storage, study, _, config = with_a_lost_trial()
    for each in (study, study_on(storage, BOHBSampler(SPACE, seed=0))):
        trial = each.ask()
        assert suggested(trial) == config
        storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    study.enqueue_trial(config)
    trial = study.ask()
    assert suggested(trial) == config
    assert trial.user_attrs["bohb:budget"] == 1


@pytest.mark.parametrize("keeps_values", [False, True])
def test_a_retry_takes_the_place_of_the_lost_trial(keeps_values: bool) -> None:
    """Optuna's callback for lost trials adds a copy of the trial, with what the sampler wrote there."""
    storage, study, lost, config = with_a_lost_trial()
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        retry = optuna.storages.RetryHeartbeatStaleTrialCallback(inherit_intermediate_values=keeps_values)
    retry(study, study.trials[lost.number])
    study.optimize(objective, n_trials=5)
    assert [trial.params == config for trial in study.trials[3:]] == [True, True, False, False, False, False]
    assert study.trials[4].user_attrs["bohb:resumes"] == lost.number
    again = study_on(storage, BOHBSampler(SPACE, seed=0))
    again.optimize(objective, n_trials=1)
    assert results(again) >= {
        (repr(sorted(trial.params.items())), trial.last_step, trial.value) for trial in study.trials[4:]
    }


def test_an_enqueued_trial_needs_only_its_active_parameters() -> None:
    space = {"opt": ["sgd", "adam"], "momentum": {"range": (0.0, 1.0), "when": {"opt": "sgd"}}}

    def conditional(trial: optuna.Trial) -> float:
        if trial.suggest_categorical("opt", ["sgd", "adam"]) == "sgd":
            return trial.suggest_float("momentum", 0, 1)
        return 0.5

    study = study_on(None, BOHBSampler(space, seed=0), pruner=optuna.pruners.NopPruner())
    study.enqueue_trial({"opt": "adam"})
    study.enqueue_trial({"opt": "sgd", "momentum": 0.25})
    study.optimize(conditional, n_trials=2)
    assert [trial.user_attrs["bohb:origin"] for trial in study.trials] == ["enqueued", "enqueued"]


def test_a_finite_space_that_is_used_up_is_repeated() -> None:
    space = {"x": IntDistribution(1, 3)}
    study = study_on(None, BOHBSampler(space, seed=0), pruner=optuna.pruners.NopPruner())
    study.optimize(lambda trial: trial.suggest_int("x", 1, 3), n_trials=8)
    assert sorted(trial.params["x"] for trial in study.trials[:3]) == [1, 2, 3]
    assert len(study.trials) == 8


def test_ranges_in_the_objective_that_are_not_those_of_the_space_are_failures_there() -> None:
    study = study_on(None, BOHBSampler({"x": FloatDistribution(0, 1)}, seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0.9, 1.0), n_trials=10)
    assert all(trial.state is TrialState.COMPLETE for trial in study.trials)


def test_a_sampler_can_be_pickled_and_goes_on() -> None:
    storage = InMemoryStorage()
    sampler = BOHBSampler(SPACE, seed=0)
    study_on(storage, sampler).optimize(objective, n_trials=10)
    restored = pickle.loads(pickle.dumps(sampler))
    study = study_on(storage, restored)
    study.optimize(objective, n_trials=10)
    whole = study_on(None, BOHBSampler(SPACE, seed=0))
    whole.optimize(objective, n_trials=20)
    assert facts(study) == facts(whole)


def test_a_sampler_may_serve_several_studies() -> None:
    sampler = BOHBSampler(SPACE, seed=0)
    found = []
    for _ in range(2):
        study = study_on(None, sampler)
        study.optimize(objective, n_trials=10)
        found.append(facts(study))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: BOHBSampler(seed=-1),
        lambda: BOHBSampler(preset="best"),
        lambda: BOHBSampler({}),
        lambda: BOHBPruner(min_resource=0),
        lambda: BOHBPruner(max_resource="most"),
        lambda: BOHBPruner(min_resource=9, max_resource=3),
        lambda: BOHBPruner(reduction_factor=1),
    ],
)
def test_what_is_wrong_is_refused_at_once(wrong: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        wrong()


def test_the_example_goes_on_where_it_ended(tmp_path: Path) -> None:
    """In processes of their own, on a file of SQLite; a training that is taken up resumes its checkpoint."""
    program = Path(__file__).parents[2] / "docs" / "examples" / "optuna" / "digits.py"
    found = []
    for num in (4, 12):
        command = [sys.executable, str(program), str(num)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        found.append(done.stdout.split())
    assert [int(words[3]) for words in found] == [4, 16]
    assert found[1][9] == "accuracy"
    assert int(found[1][0]) < 16 * 27


def test_a_parameter_outside_of_the_declared_space_is_named() -> None:
    """It may be misspelt there. One that is not active is no such parameter."""
    space = {"opt": ["sgd", "adam"], "momentum": {"range": (0.0, 1.0), "when": {"opt": "sgd"}}}

    def careless(trial: optuna.Trial) -> float:
        trial.suggest_categorical("opt", ["sgd", "adam"])
        return trial.suggest_float("momentum", 0.0, 1.0)

    optuna.create_study(sampler=BOHBSampler(space, seed=0)).optimize(careless, n_trials=5)
    with pytest.warns(UserWarning, match="'momentum' is not in the search space"):
        optuna.create_study(sampler=BOHBSampler({"opt": ["sgd", "adam"]}, seed=0)).optimize(careless, n_trials=1)


@pytest.mark.parametrize("preset", ["population", "pb2"])
def test_a_population_is_refused(preset: str) -> None:
    with pytest.raises(ValueError, match=f"without a population.*'{preset}'"):
        BOHBSampler(preset=preset)
