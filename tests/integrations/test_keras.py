"""The callback for Keras 3, in real trainings of a few weights, with the backend that `KERAS_BACKEND` names."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import bohb
from tests.integrations.examples import saved_by, trained_by
from tests.integrations.trainings import Scripted, train_twice
from tests.runner.engines import requires

pytestmark = [
    *requires("trainers", "keras", "sklearn"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # its deprecations are not ours
]

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

import numpy as np  # noqa: E402

from bohb.integrations.keras import BOHBCallback, pausable  # noqa: E402

X = np.linspace(-1, 1, 32)[:, None]
Y = np.sin(3 * X)


def model_of(lr: float = 0.1) -> Any:
    """Learns a sine, with momentum, and a rate that falls with each step."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)])
    rate = keras.optimizers.schedules.ExponentialDecay(lr, 4, 0.8)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss="mse", metrics=["mae"])
    return model


def fit(model: Any, *callbacks: Any, epochs: int = 9, **settings: Any) -> None:
    settings = {"validation_data": (X, Y), **settings}
    model.fit(X, Y, batch_size=8, shuffle=False, epochs=epochs, verbose=0, callbacks=list(callbacks), **settings)


def train(search: Any, trial: bohb.Trial, folder: Path | None, **settings: Any) -> Any:
    callback, model = BOHBCallback(search, trial, backup_dir=folder), model_of(trial.config.get("lr", 0.1))
    fit(model, callback, **settings)
    return callback, model


@pytest.mark.parametrize("pauses", [{1}, {3}, {1, 3}])
def test_a_training_that_pauses_is_the_one_that_does_not(pauses: set[int], tmp_path: Path) -> None:
    """Up to rounding: weights, optimizer, its schedule and epochs come back with the checkpoint."""
    whole, model, paused, again = train_twice(train, pauses, tmp_path)
    for told, again_told in ((whole.told, paused.told), (whole.reports, paused.reports)):
        assert set(told) == set(again_told)
        assert all(again_told[at]["loss"] == pytest.approx(told[at]["loss"], rel=1e-5) for at in told)
    for mine, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_every_epoch_is_reported_and_the_rest_of_the_logs_kept() -> None:
    search = Scripted([2, 6], set())
    callback, _ = train(search, search.ask(), None)
    assert sorted({**search.reports, **search.told}) == [1, 2, 3, 4, 5, 6]
    assert set(search.told[6]) == {"loss", "val_loss", "mae", "val_mae"}
    assert search.told[6]["loss"] == search.told[6]["val_loss"]
    assert (callback.progress.at, callback.progress.in_place) == (6, 2)


def test_a_callback_serves_one_training() -> None:
    search = Scripted([1], set())
    callback, _ = train(search, search.ask(), None)
    with pytest.raises(bohb.SettingError, match="a new callback for each training"):
        fit(model_of(), callback)


def test_a_model_that_stops_below_the_budget_warns() -> None:
    search = Scripted([2, 9], set())
    with pytest.warns(UserWarning, match="epochs=3, below the budget 9"):
        train(search, search.ask(), None, epochs=3)
    assert search.used == 3


def test_a_metric_with_a_value_for_each_class_is_left_out() -> None:
    search, classes = Scripted([1, 2], set()), np.eye(2)[np.arange(32) % 2]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, "softmax")])
    model.compile("sgd", loss="mse", metrics=[keras.metrics.F1Score(average=None)])
    model.fit(
        X, classes, validation_data=(X, classes), epochs=2, verbose=0, callbacks=[BOHBCallback(search, search.ask())]
    )
    assert set(search.told[2]) == {"loss", "val_loss"}


def test_early_stopping_tells_what_was_used() -> None:
    search = Scripted([2, 9], set())
    callback = BOHBCallback(search, search.ask())
    fit(model_of(), callback, keras.callbacks.EarlyStopping(min_delta=99.0, patience=3))
    assert search.used == callback.progress.at
    assert 2 < search.used < 9


def test_a_quantity_that_is_missing_is_an_error_at_the_budget_only() -> None:
    search = Scripted([2, 4], set())
    train(search, search.ask(), None, validation_freq=2)
    assert sorted(search.told) == [2, 4]
    assert not search.reports
    search = Scripted([2, 4], set())
    with pytest.raises(ValueError, match="`val_loss` in the logs of epoch 2"):
        train(search, search.ask(), None, validation_data=None)


@pytest.mark.parametrize("lost", ["*", "*.h5", "*.json"])
def test_a_checkpoint_of_which_a_part_is_gone_is_an_error(lost: str, tmp_path: Path) -> None:
    """Keras alone would train from scratch, or from its weights but the first epoch."""
    search = Scripted([1, 3], {1})
    train(search, search.ask(), tmp_path)
    folder = Path(str(search.ask().checkpoint))
    for path in folder.glob(lost):
        path.unlink()
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="which is gone or incomplete"):
            train(search, search.ask(), tmp_path)
        shutil.rmtree(folder, ignore_errors=True)


def test_the_mode_is_that_of_the_objective_or_of_a_loss_or_given() -> None:
    plain = bohb.Optimizer({"lr": [0.1]}, [1], seed=0)
    trial = plain.ask()
    with pytest.raises(ValueError, match="mode='min' or mode='max' for 'val_mae'"):
        BOHBCallback(plain, trial, monitor="val_mae")
    fit(model_of(), BOHBCallback(plain, trial, monitor="val_mae", mode="max"))
    assert plain.results[-1].loss == -plain.results[-1].info["val_mae"]
    named = bohb.Optimizer({"lr": [0.1]}, [1], seed=0, objectives={"val_mae": "minimize"})
    fit(model_of(), BOHBCallback(named, named.ask(), monitor="val_mae"))
    assert named.results[-1].metrics["val_mae"] == named.results[-1].loss


def test_a_run_gets_what_a_loop_gets(tmp_path: Path) -> None:
    """The folder of the run holds the checkpoints."""
    space = {"lr": (1e-3, 0.3, "log")}
    loop = bohb.Optimizer(space, [1, 2, 4], seed=0, preset="hyperband")
    while len([result for result in loop.results if result.trial.id >= 0]) < 5:
        train(loop, loop.ask(), tmp_path / "loop", epochs=4)
    told = [(result.trial.id, result.loss) for result in loop.results if result.trial.id >= 0]

    driven = bohb.Optimizer(space, [1, 2, 4], seed=0, preset="hyperband")
    objective = pausable(lambda search, trial: train(search, trial, None, epochs=4))
    bohb.run(objective, driven, max_trials=len(told), directory=tmp_path / "run", progress=False)
    results = [result for result in driven.results if result.trial.id >= 0]
    assert [result.trial.id for result in results] == [number for number, _ in told]
    assert [result.loss for result in results] == pytest.approx([loss for _, loss in told], rel=1e-4)
    assert all(Path(str(result.checkpoint)).is_dir() for result in results)


def test_the_example_saves_in_place_and_by_checkpoints(tmp_path: Path) -> None:
    assert min(saved_by("keras_digits", tmp_path, KERAS_BACKEND="torch")) > 0


def test_the_example_with_workers_trains_less_than_from_scratch(tmp_path: Path) -> None:
    trained, from_scratch = trained_by("keras_workers", tmp_path, KERAS_BACKEND="torch")
    assert trained < from_scratch
