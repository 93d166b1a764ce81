"""The callback for PyTorch Lightning, in real trainings of a few weights."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import bohb
from tests.integrations.examples import saved_by, trained_by
from tests.integrations.trainings import Scripted, train_twice
from tests.runner.engines import requires

pytestmark = [
    *requires("trainers", "torch", "lightning", "sklearn"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # its deprecations are not ours
]

L = pytest.importorskip("lightning")
torch = pytest.importorskip("torch")

from lightning.pytorch.callbacks import Callback, EarlyStopping  # noqa: E402
from lightning.pytorch.utilities.exceptions import MisconfigurationException  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from bohb.integrations.lightning import BOHBCallback, pausable  # noqa: E402

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
x = torch.linspace(-1, 1, 32)[:, None]
DATA = DataLoader(TensorDataset(x, torch.sin(3 * x)), batch_size=8)


class Small(L.LightningModule):  # type: ignore[misc,name-defined]
    """Learns a sine, with momentum, and a rate that falls after each epoch."""

    def __init__(self, lr: float = 0.1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
        self.lr = lr

    def training_step(self, batch: Any) -> Any:
        loss = torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Any) -> None:
        self.log("val_loss", torch.nn.functional.mse_loss(self.net(batch[0]), batch[1]))

    def on_train_epoch_end(self) -> None:
        self.log("late", float(self.current_epoch + 1))

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.8)]


def trainer_of(*callbacks: Any, epochs: int = 9, **settings: Any) -> Any:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    return L.Trainer(max_epochs=epochs, callbacks=list(callbacks), **quiet, **settings)


def train(search: Any, trial: bohb.Trial, folder: Path | None, lr: float = 0.1, **settings: Any) -> Any:
    callback = BOHBCallback(search, trial, monitor="val_loss", mode="min", dirpath=folder)
    model = Small(trial.config.get("lr", lr))
    trainer_of(callback, **settings).fit(model, DATA, DATA, ckpt_path=trial.checkpoint)
    return callback, model


@pytest.mark.parametrize("pauses", [{1}, {3}, {1, 3}])
def test_a_training_that_pauses_is_the_one_that_does_not(pauses: set[int], tmp_path: Path) -> None:
    """To the last bit: optimizer, schedule of the learning rate, and epochs come back with the checkpoint."""
    whole, model, paused, again = train_twice(train, pauses, tmp_path)
    assert paused.told == whole.told
    assert {**paused.told, **paused.reports} == {**whole.told, **whole.reports}
    assert all(torch.equal(*pair) for pair in zip(model.parameters(), again.parameters(), strict=True))


def test_every_epoch_is_reported_and_the_rest_of_the_metrics_kept(tmp_path: Path) -> None:
    search = Scripted([2, 6], set())
    callback, _ = train(search, search.ask(), tmp_path)
    assert sorted({**search.reports, **search.told}) == [1, 2, 3, 4, 5, 6]
    assert all(outcome["late"] == epoch for epoch, outcome in {**search.reports, **search.told}.items())
    assert {"loss", "val_loss", "train_loss"} <= set(search.told[6])
    assert (callback.progress.at, callback.progress.in_place) == (6, 2)


def test_without_a_folder_there_is_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    search = Scripted([1, 3], {1})
    train(search, search.ask(), None)
    assert search.ask().checkpoint is None
    assert not list(tmp_path.iterdir())


def test_early_stopping_tells_what_was_used(tmp_path: Path) -> None:
    search = Scripted([2, 9], set())
    callback = BOHBCallback(search, search.ask(), monitor="val_loss", dirpath=tmp_path)
    stopping = EarlyStopping("val_loss", min_delta=99.0, patience=3)
    trainer_of(callback, stopping).fit(Small(), DATA, DATA)
    assert search.used == callback.progress.at == 4
    assert search.told[9] == search.reports.get(4)


def test_a_trainer_that_stops_below_the_budget_warns() -> None:
    search = Scripted([2, 9], set())
    with pytest.warns(UserWarning, match="max_epochs=3, below the budget 9"):
        train(search, search.ask(), None, epochs=3)
    assert search.used == 3


@pytest.mark.parametrize("epochs", [2, 3])
def test_a_checkpoint_with_all_epochs_of_the_trainer_is_an_error(epochs: int, tmp_path: Path) -> None:
    """Lightning trains nothing then, and the trial would stay pending for ever."""
    search = Scripted([1, 3, 9], {3})
    train(search, search.ask(), tmp_path)
    with pytest.raises(bohb.OutcomeError, match="up to the budget 9 of trial 2, got one that ended after 3 without"):
        train(search, search.ask(), tmp_path, epochs=epochs)


@pytest.mark.parametrize("least", [{"min_epochs": 2}, {"min_steps": 1}])
def test_a_trainer_that_would_not_stop_at_the_budget_is_refused(least: dict[str, int]) -> None:
    search = Scripted([1, 3], {1})
    with pytest.raises(MisconfigurationException, match=r"can stop at the budget 1 of trial 0, got min_epochs"):
        train(search, search.ask(), None, **least)
    train(search, search.ask(), None, min_epochs=1)
    assert list(search.told) == [1]


def test_the_state_of_other_callbacks_is_in_the_checkpoint(tmp_path: Path) -> None:
    """That of the epoch itself, not of the one before."""
    search = Scripted([2, 9], {2})
    for seen in (1, 3):
        if search.is_done:
            break
        trial = search.ask()
        stopping = EarlyStopping("val_loss", min_delta=99.0, patience=3)
        callback = BOHBCallback(search, trial, monitor="val_loss", dirpath=tmp_path)
        trainer_of(callback, stopping).fit(Small(), DATA, DATA, ckpt_path=trial.checkpoint)
        assert stopping.wait_count == seen
    assert search.used == 4


def test_a_metric_that_is_missing_is_an_error_at_the_budget_only(tmp_path: Path) -> None:
    search = Scripted([2, 4], set())
    train(search, search.ask(), tmp_path, check_val_every_n_epoch=2)
    assert sorted(search.told) == [2, 4]
    assert not search.reports  # the value of epoch 2 is none of epoch 3
    search = Scripted([2, 3], set())
    with pytest.raises(bohb.SettingError, match="`val_loss` at epoch 3"):
        train(search, search.ask(), tmp_path, check_val_every_n_epoch=2)
    search = Scripted([2, 4], set())
    callback = BOHBCallback(search, search.ask(), monitor="accuracy")
    with pytest.raises(MisconfigurationException, match="`accuracy` at epoch 2"):
        trainer_of(callback).fit(Small(), DATA, DATA)


def test_a_training_that_diverges_is_a_failure_and_stops() -> None:
    search = bohb.Optimizer({"lr": [1e30]}, [2, 9], seed=0)
    callback, _ = train(search, search.ask(), None)
    assert callback.progress.at == 2
    assert search.results[-1].is_failure


def test_a_callback_serves_one_training() -> None:
    search = Scripted([1], set())
    callback, _ = train(search, search.ask(), None)
    with pytest.raises(bohb.SettingError, match="a new callback for each training"):
        trainer_of(callback).fit(Small(), DATA, DATA)


def test_several_devices_are_refused() -> None:
    search = Scripted([1], set())
    callback = BOHBCallback(search, search.ask(), monitor="val_loss")
    with pytest.raises(MisconfigurationException, match="one device"):
        callback.setup(SimpleNamespace(world_size=2), Small(), "fit")


def test_a_run_gets_what_a_loop_gets(tmp_path: Path) -> None:
    """In this process and in workers; the folder of the run holds the checkpoints."""
    space = {"lr": (1e-3, 0.3, "log")}
    loop = bohb.Optimizer(space, [1, 2, 4], seed=0, preset="hyperband")
    while len([result for result in loop.results if result.trial.id >= 0]) < 8:
        train(loop, loop.ask(), tmp_path / "loop", epochs=4)
    told = [(result.trial.id, result.loss) for result in loop.results if result.trial.id >= 0]

    driven = bohb.Optimizer(space, [1, 2, 4], seed=0, preset="hyperband")
    objective = pausable(lambda search, trial: train(search, trial, None, epochs=4))
    bohb.run(objective, driven, max_trials=len(told), directory=tmp_path / "run", progress=False)
    assert [(result.trial.id, result.loss) for result in driven.results if result.trial.id >= 0] == told
    assert all(Path(str(result.checkpoint)).exists() for result in driven.results if result.trial.id >= 0)


def test_the_example_saves_in_place_and_by_checkpoints(tmp_path: Path) -> None:
    assert min(saved_by("lightning_digits", tmp_path)) > 0


def test_the_example_with_workers_trains_less_than_from_scratch(tmp_path: Path) -> None:
    trained, from_scratch = trained_by("lightning_workers", tmp_path)
    assert trained < from_scratch


def test_it_stands_beside_other_callbacks() -> None:
    search = Scripted([1, 2], set())
    seen: list[int] = []

    class Other(Callback):  # type: ignore[misc]
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            seen.append(trainer.current_epoch)

    trainer_of(BOHBCallback(search, search.ask(), monitor="val_loss"), Other()).fit(Small(), DATA, DATA)
    assert seen == [0, 1]
