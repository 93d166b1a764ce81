"""A callback for PyTorch Lightning: at a budget the training goes on in place, or the trainer stops.

Budgets are epochs. A trial that was paused resumes from Lightning's own checkpoint: `trainer.fit(ckpt_path=...)`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from bohb.errors import SettingError
from bohb.integrations._progress import Search, TrainingProgress, pausable, saver
from bohb.trials import Trial

__all__ = ["BOHBCallback", "MetricMissing", "pausable"]


class MetricMissing(SettingError, MisconfigurationException):  # type: ignore[misc]  # as BOHBCallback
    """The metric is not there when the trial reaches its budget."""


class BOHBCallback(Checkpoint):  # type: ignore[misc]  # where Lightning is not installed, it has no type
    """Report a metric after each epoch; where the trial reaches its budget, go on in place or stop the trainer.

    The callback tells the trial, and all that follow in place. Do not tell them yourself; only if `fit` raises an
    error, tell it for `callback.trial`. Leave `max_epochs` of the trainer at the largest budget, and resume with
    `trainer.fit(model, ckpt_path=trial.checkpoint)`.

    A training that stops itself earlier, such as by `EarlyStopping`, is told with the epochs that it used.

    Args:
        search: An optimizer, a study, or what `pausable` passed to the function that trains.
        trial: The trial with which this training begins.
        monitor: The metric that the model logs. Validate at every epoch that is a budget.
        mode: `"min"` or `"max"`. By default the direction of the search's objective; without one, `"min"`.
        dirpath: A folder for a checkpoint at each budget. By default the folder that `bohb.run(..., directory=...)`
            gives the trial. Without any, no checkpoint is written, and a paused trial starts from scratch.

    Raises:
        MetricMissing: If the metric is not there when the trial reaches its budget.
        OutcomeError: If the training ends with nothing to tell, such as one that resumes at `max_epochs`.
        MisconfigurationException: If the trainer uses several devices, or would not stop at a budget, because of
            `min_epochs` or `min_steps`.

    Example::

        trial = optimizer.ask()
        callback = BOHBCallback(optimizer, trial, monitor="val_loss", dirpath="checkpoints")
        trainer = Trainer(max_epochs=27, callbacks=[callback])
        trainer.fit(Model(**trial.config), data, ckpt_path=trial.checkpoint)
    """

    # A `Checkpoint` is called last, when all metrics are logged and the state of the other callbacks is up to date.

    def __init__(
        self,
        search: Search,
        trial: Trial,
        monitor: str,
        mode: Literal["min", "max"] | None = None,
        dirpath: Any = None,
    ) -> None:
        super().__init__()
        self.monitor, self.dirpath = monitor, dirpath
        self.progress = TrainingProgress(search, trial, mode=mode)
        self._before: dict[str, Any] = {}

    @property
    def trial(self) -> Trial:
        """The trial that runs now, or ran last."""
        return self.progress.trial

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse what several processes would each decide, and what would not stop where the search wants it."""
        if stage != "fit":
            return
        if trainer.world_size > 1:
            raise MisconfigurationException(
                f"expected a trainer with one device for BOHBCallback, got {trainer.world_size}; run one trial on each "
                "device with bohb.run(..., executor=bohb.runner.ProcessExecutor(gpus_per_trial=1))"
            )
        if (trainer.min_epochs or 0) > self.trial.budget or trainer.min_steps:
            raise MisconfigurationException(
                f"expected a trainer that can stop at the budget {self.trial.budget} of trial {self.trial.id}, got "
                f"min_epochs={trainer.min_epochs} and min_steps={trainer.min_steps}; leave them out"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note from which epoch the training resumes."""
        self.progress.begin(trainer.current_epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report the metric, and stop the trainer where the search does not go on."""
        progress, at = self.progress, trainer.current_epoch + 1
        metrics = self._new(trainer.callback_metrics)
        if progress.is_over or not self._is_there(metrics, at):
            return

        save = saver(trainer.save_checkpoint, self.dirpath, ".ckpt")
        if not progress.advance(at, metrics[self.monitor], metrics=metrics, checkpoint=save):
            trainer.should_stop = True

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell a training that stopped itself. Lightning calls this also where there was nothing left to train."""
        if not self.progress.at:
            self.progress.begin(trainer.current_epoch)
        self.progress.warn_if_short(trainer.max_epochs or 0, "max_epochs")
        self.progress.end()

    def _new(self, logged: Mapping[str, Any]) -> dict[str, float]:
        """Return what was logged in this epoch: Lightning keeps the tensor of an earlier one until it has another."""
        before, self._before = self._before, dict(logged)
        return {name: float(it) for name, it in logged.items() if it.numel() == 1 and it is not before.get(name)}

    def _is_there(self, metrics: dict[str, float], at: int) -> bool:
        """Return whether there is something to report; at a budget there must be."""
        if self.monitor in metrics:
            return True
        if at < self.trial.budget:
            return False
        raise MetricMissing(
            f"BOHBCallback needs the metric `{self.monitor}` at epoch {at}, where the trial reaches its budget, and it "
            f"is not available. Log it with `self.log`, and validate at this epoch; available are: "
            f"`{'`, `'.join(metrics)}`"
        )
