"""A callback for Keras 3, with any backend: at a budget the training goes on in place, or the model stops.

Budgets are epochs. A trial that was paused resumes as after `keras.callbacks.BackupAndRestore`, which writes and reads
the checkpoints: weights, state of the optimizer, and epoch. Keras keeps no state of random layers there, and none of
other callbacks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from bohb.errors import SettingError
from bohb.integrations._progress import Mode, Search, TrainingProgress, pausable, saver
from bohb.objectives import goal_of
from bohb.trials import Trial

__all__ = ["BOHBCallback", "pausable"]

KEPT = ("*.weights.h5", "*.json")
"""What `BackupAndRestore` writes; where one is missing, it restores what is left, or nothing, and says nothing."""


class BOHBCallback(keras.callbacks.Callback):  # type: ignore[misc]  # where Keras is not installed, it has no type
    """Report a value after each epoch; where the trial reaches its budget, go on in place or stop the model.

    The callback tells the trial, and all that follow in place. Do not tell them yourself; only if `fit` raises an
    error, tell it for `callback.trial`. Pass the largest budget as `epochs` to `fit`. A trial with a checkpoint is
    restored when the training begins, with its epoch.

    A training that stops itself earlier, such as by `EarlyStopping`, is told with the epochs that it used.

    Args:
        search: An optimizer, a study, or what `pausable` passed to the function that trains.
        trial: The trial with which this training begins.
        monitor: The quantity of the logs to optimise. Validate at every epoch that is a budget.
        mode: `"min"`, `"max"` or `"auto"`: the direction of the search's objective. Without one, a loss is minimised,
            and for any other quantity the mode is needed.
        backup_dir: A folder for a checkpoint at each budget. By default the folder that `bohb.run(..., directory=...)`
            gives the trial. Without any, no checkpoint is written, and a paused trial starts from scratch.

    Raises:
        SettingError: If the mode is needed, or the quantity is not in the logs when the trial reaches its budget.
        FileNotFoundError: If the checkpoint of the trial, or a part of it, is gone.

    Example::

        trial = optimizer.ask()
        callback = BOHBCallback(optimizer, trial, monitor="val_loss", backup_dir="checkpoints")
        model = build_and_compile(**trial.config)
        model.fit(x, y, validation_split=0.2, epochs=27, callbacks=[callback])
    """

    def __init__(
        self,
        search: Search,
        trial: Trial,
        monitor: str = "val_loss",
        mode: Literal["auto", "min", "max"] = "auto",
        backup_dir: Any = None,
    ) -> None:
        super().__init__()
        self.monitor, self.backup_dir = monitor, backup_dir
        self.progress = TrainingProgress(search, trial, mode=_mode(search, monitor, mode))
        self._has_begun = False

    @property
    def trial(self) -> Trial:
        """The trial that runs now, or ran last."""
        return self.progress.trial

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Restore the checkpoint of the trial."""
        self._has_begun = False
        path = self.trial.checkpoint
        if path is None:
            return
        if not all(any(Path(path).glob(pattern)) for pattern in KEPT):
            raise FileNotFoundError(
                f"expected the checkpoint of trial {self.trial.id} in {path}, which is gone or incomplete; tell this "
                "error for the trial"
            )
        self._backup(path).on_train_begin()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note from which epoch the training resumes."""
        if not self._has_begun:
            self.progress.begin(epoch)
            self._has_begun = True

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Report the value, and stop the model where the search does not go on."""
        progress, metrics = self.progress, _numbers(logs or {})
        if progress.is_over or not self._is_there(metrics, epoch + 1):
            return

        save = saver(lambda path: self._backup(path).on_epoch_end(epoch), self.backup_dir, "")
        if not progress.advance(epoch + 1, metrics[self.monitor], metrics=metrics, checkpoint=save):
            self.model.stop_training = True

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Tell a training that stopped itself."""
        self.progress.warn_if_short(self.params["epochs"], "epochs")
        self.progress.end()

    def _backup(self, path: str | Path) -> Any:
        backup = keras.callbacks.BackupAndRestore(str(path), delete_checkpoint=False)
        backup.set_model(self.model)
        return backup

    def _is_there(self, metrics: Mapping[str, float], at: int) -> bool:
        """Return whether there is something to report; at a budget there must be."""
        if self.monitor in metrics:
            return True
        if at < self.trial.budget:
            return False
        raise SettingError(
            f"expected `{self.monitor}` in the logs of epoch {at}, where the trial reaches its budget; got "
            f"{', '.join(metrics)}; add the metric in `compile`, or validation data in `fit`"
        )


def _numbers(logs: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers in the logs; a metric such as `F1Score` may have one for each class."""
    return {name: float(value) for name, value in logs.items() if np.ndim(value) == 0}


def _mode(search: Search, monitor: str, mode: Literal["auto", "min", "max"]) -> Mode | None:
    """Return the mode that `"auto"` stands for; None for the direction of the search's objective."""
    if mode != "auto":
        return mode
    if not goal_of(search).is_declared and not monitor.endswith("loss"):
        raise SettingError(f"expected mode='min' or mode='max' for {monitor!r}, got 'auto'")
    return None
