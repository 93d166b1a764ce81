"""What the search and the scheduler for Ray Tune make of what trials report, without a cluster."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import bohb
from tests.runner.engines import requires

pytestmark = [*requires("ray", "ray", "pandas", "pyarrow"), pytest.mark.filterwarnings("default")]


def begun(time_attr: str = "training_iteration") -> tuple[Any, Any, Any]:
    """Return a search that began, its scheduler, and the controller with its first trial."""
    from ray import tune

    from bohb.integrations.ray_tune import BOHBScheduler, BOHBSearch

    search = BOHBSearch({"x": tune.uniform(0, 1)}, metric="loss", mode="min", seed=0)
    scheduler = BOHBScheduler(time_attr=time_attr, max_t=4, reduction_factor=2)
    trial = SimpleNamespace(trial_id="a", status="PENDING", config=search.suggest("a"), is_finished=lambda: False)
    controller = SimpleNamespace(search_alg=search, get_trials=lambda: [trial])
    scheduler.on_trial_add(controller, trial)
    return search, scheduler, controller


@pytest.mark.parametrize("value", ["0.5", None, np.array([1.0, 2.0]), object(), True])
def test_what_is_no_number_is_a_failure_of_its_trial(value: Any) -> None:
    """And not the end of the whole search."""
    search, scheduler, controller = begun()
    (trial,) = controller.get_trials()
    assert scheduler.on_trial_result(controller, trial, {"training_iteration": 1, "loss": value}) == "PAUSE"
    (result,) = search.optimizer.results
    assert result.is_failure
    assert "expected a value of loss" in str(result.reason)


@pytest.mark.parametrize("kind", [np.int64, np.float32, np.array, int, float])
def test_numbers_of_numpy_are_numbers(kind: Any) -> None:
    """For the metric, and for how far a trial is; the state of the search is JSON for all of them."""
    search, scheduler, controller = begun("epoch")
    (trial,) = controller.get_trials()
    assert scheduler.on_trial_result(controller, trial, {"epoch": kind(1), "loss": kind(3)}) == "PAUSE"
    search.trainings.resume(is_last=True)
    search.trainings.advance("a", 2, 2.0, {})
    search.trainings.resume(is_last=True)
    assert scheduler.on_trial_result(controller, trial, {"epoch": kind(3), "loss": kind(2)}) == "CONTINUE"
    assert scheduler.on_trial_result(controller, trial, {"epoch": kind(4), "loss": kind(1)}) == "STOP"
    assert [(result.budget, result.loss, result.curve) for result in search.optimizer.results] == [
        (1, 3.0, ()),
        (2, 2.0, ()),
        (4, 1.0, ((3, 2.0),)),
    ]


@pytest.mark.parametrize("reached", [float("nan"), None, "1"])
def test_without_a_number_a_trial_goes_on_until_it_ends(reached: Any) -> None:
    search, scheduler, controller = begun()
    (trial,) = controller.get_trials()
    assert scheduler.on_trial_result(controller, trial, {"training_iteration": reached, "loss": 1.0}) == "CONTINUE"
    search.on_trial_complete("a", {"training_iteration": reached, "loss": 1.0, "done": True})
    assert [result.loss for result in search.optimizer.results] == [1.0]


def test_a_training_that_ends_without_a_report_is_a_failure() -> None:
    """One that Ray stops before its first report, without an end of its own, is asked again."""
    search, *_ = begun()
    search.on_trial_complete("a", {"done": True})
    assert [str(result.reason) for result in search.optimizer.results] == [
        "the training ended before it reported 'loss'"
    ]
    search, *_ = begun()
    search.on_trial_complete("a", {})
    assert not search.optimizer.results


def test_settings_that_are_not_valid_are_refused() -> None:
    from ray.tune.search import Repeater

    from bohb.integrations.ray_tune import BOHBScheduler, BOHBSearch

    for settings, why in [
        ({"metric": ["a", "b"]}, "the name of one metric"),
        ({"mode": "maximum"}, "'min' or 'max' as mode"),
        ({"max_concurrent": -1}, "an integer from 0 as max_concurrent"),
        ({"points_to_evaluate": {"x": 0.5}}, "a list of configurations as points_to_evaluate"),
        ({"points_to_evaluate": [0.5]}, "a list of configurations as points_to_evaluate"),
    ]:
        with pytest.raises(bohb.SettingError, match=why):
            BOHBSearch(**settings)
    with pytest.raises(bohb.SettingError, match="'min' or 'max' as mode"):
        BOHBScheduler(mode="maximum")
    search, _, controller = begun()
    (trial,) = controller.get_trials()
    with pytest.raises(bohb.SettingError, match=r"as in BOHBSearch, \('loss', 'min'\), got \('loss', 'max'\)"):
        BOHBScheduler(metric="loss", mode="max").on_trial_add(controller, trial)
    controller.search_alg = Repeater(search, repeat=2)
    with pytest.raises(bohb.SettingError, match="got Repeater"):
        BOHBScheduler().on_trial_add(controller, trial)


def test_the_goal_may_come_by_the_scheduler() -> None:
    """Without a `param_space`, as with a space of ours, Ray says it to nobody else."""
    from bohb.integrations.ray_tune import BOHBScheduler, BOHBSearch

    search, scheduler = BOHBSearch({"x": (0.0, 1.0)}, seed=0), BOHBScheduler(max_t=4)
    trial = SimpleNamespace(trial_id="a", status="PENDING", config=search.suggest("a"), is_finished=lambda: False)
    controller = SimpleNamespace(search_alg=search, get_trials=lambda: [trial])
    with pytest.raises(RuntimeError, match="`mode`"):
        scheduler.on_trial_add(controller, trial)
    scheduler.set_search_properties("accuracy", "max")
    scheduler.on_trial_add(controller, trial)
    assert search.optimizer.objectives == {"accuracy": "maximize"}


def test_a_metric_without_a_name_ends_the_search_with_advice() -> None:
    """Ray takes another name for one that may still come, and such a trial might never end."""
    from ray.tune.result import DEFAULT_METRIC

    search, scheduler, controller = begun()
    search._metric = DEFAULT_METRIC
    (trial,) = controller.get_trials()
    with pytest.raises(bohb.SettingError, match=r"expected metric= in tune.TuneConfig, got none"):
        scheduler.on_trial_result(controller, trial, {"training_iteration": 1, "loss": 1.0})


@pytest.mark.parametrize("kept", [0, 10])
def test_half_a_snapshot_is_said_and_not_searched_on_without(kept: int, tmp_path: Path) -> None:
    """Ray logs what a restore raises, and goes on."""
    from bohb.integrations.ray_tune import BOHBSearch

    search = BOHBSearch({"x": (0.0, 1.0)}, metric="loss", mode="min", seed=0)
    search.save(str(tmp_path / "state"))
    (tmp_path / "state").write_text((tmp_path / "state").read_text()[:kept])
    again = BOHBSearch({"x": (0.0, 1.0)}, metric="loss", mode="min", seed=0)
    for call in (lambda: again.restore(str(tmp_path / "state")), lambda: again.suggest("a")):
        with pytest.raises(bohb.StateError, match="got half a file"):
            call()
