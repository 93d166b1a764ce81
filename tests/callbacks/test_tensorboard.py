"""Searches in TensorBoard, read back by its own reader."""

from pathlib import Path

import pytest

from tests.callbacks.resumed import needs, plain, run_killed_and_resumed, run_script_of_the_documentation, with_curve

pytestmark = [
    needs("tensorboard", "tensorboardX", "tensorboard"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # its deprecations are not ours
]


def test_every_trial_is_there_once_after_kills(tmp_path: Path) -> None:
    """Loss by budget and hyperparameters of each configuration."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    target = tmp_path / "events"
    run_killed_and_resumed(tmp_path, str(target), "TensorBoardCallback", "target")
    results = plain().results
    for config_id in {result.trial.config_id for result in results}:
        mine = [result for result in results if result.trial.config_id == config_id and result.trial.id != 4]
        if not mine:
            assert not (target / f"config-{config_id}").exists()
            continue
        events = EventAccumulator(str(target / f"config-{config_id}")).Reload()
        read = [(event.step, event.value) for event in events.Scalars("loss")]
        assert sorted(read) == [(result.trial.budget, pytest.approx(result.loss)) for result in mine]
        packed = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
        values = plugin_data_pb2.HParamsPluginData.FromString(packed).session_start_info.hparams
        assert values["x"].number_value == mine[0].trial.config["x"]
        assert values["kind"].string_value == mine[0].trial.config["kind"]
    search = EventAccumulator(str(target)).Reload()
    steps = [event.step for event in search.Scalars("loss/budget_1")]
    assert sorted(steps) == [result.trial.id for result in results if result.trial.budget == 1 and result.trial.id != 4]


def test_a_curve_is_the_scalar_of_its_configuration(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from bohb.callbacks import TensorBoardCallback

    TensorBoardCallback(tmp_path)(with_curve())
    events = EventAccumulator(str(tmp_path / "config-0")).Reload()
    read = [(event.step, event.value) for event in events.Scalars("loss")]
    assert read == [(1, pytest.approx(0.9)), (2, pytest.approx(0.7)), (9, pytest.approx(0.5))]
    assert [event.value for event in events.Scalars("top5")] == [0.75]


def test_the_script_of_the_documentation_runs(tmp_path: Path) -> None:
    run_script_of_the_documentation("tensorboard", tmp_path)
