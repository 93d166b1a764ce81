"""A callback for XGBoost: at a budget the boosting goes on in place, or stops.

Budgets are boosting rounds. A trial that was paused resumes from a model that XGBoost saved: `xgb_model=...`.
"""

import warnings
from typing import Any

import xgboost as xgb

from bohb.errors import SettingError
from bohb.integrations._progress import Search, TrainingProgress, mode_of, pausable, saver
from bohb.trials import Trial

__all__ = ["BOHBCallback", "pausable"]

MAXIMISED = ("auc", "pre", "map", "ndcg")
"""How the names of XGBoost's own metrics begin that are to be maximised, except `mape`."""


class BOHBCallback(xgb.callback.TrainingCallback):  # type: ignore[misc]  # where XGBoost is not installed, it has no type
    """Report a metric after each boosting round; where the trial reaches its budget, go on in place or stop.

    The callback tells the trial, and all that follow in place. Do not tell them yourself; only if the training raises
    an error, tell it for `callback.trial`. Train for as many rounds as the largest budget, and resume with
    `xgb_model=trial.checkpoint`.

    A training that stops itself earlier, such as by `early_stopping_rounds`, is told with the rounds that it used. Put
    this callback before an `EarlyStopping` of your own.

    Args:
        search: An optimizer, a study, or what `pausable` passed to the function that trains.
        trial: The trial with which this training begins.
        metric_name: The metric. By default the last one, as for `xgboost.callback.EarlyStopping`.
        data_name: The data set on which it is evaluated. By default the last one.
        maximize: Whether to maximise it. By default the direction of the search's objective; without one, it follows
            from the name of the metric.
        directory: A folder for the model at each budget. By default the folder that `bohb.run(..., directory=...)`
            gives the trial. Without any, no model is saved, and a paused trial starts from scratch.

    Raises:
        SettingError: If there is no such metric, or no evaluation.
        TypeError: If it is passed to `xgboost.cv`.

    Example::

        trial = optimizer.ask()
        callback = BOHBCallback(optimizer, trial, directory="checkpoints")
        xgb.train(
            dict(trial.config), train, 243, evals=[(valid, "valid")], callbacks=[callback], xgb_model=trial.checkpoint
        )
    """

    def __init__(
        self,
        search: Search,
        trial: Trial,
        *,
        metric_name: str | None = None,
        data_name: str | None = None,
        maximize: bool | None = None,
        directory: Any = None,
    ) -> None:
        super().__init__()
        self.metric_name, self.data_name, self.maximize, self.directory = metric_name, data_name, maximize, directory
        self.progress = TrainingProgress(search, trial, mode=mode_of(maximize))

    @property
    def trial(self) -> Trial:
        """The trial that runs now, or ran last."""
        return self.progress.trial

    def before_training(self, model: Any) -> Any:
        """Note how many rounds the model has that the training resumes from."""
        if not isinstance(model, xgb.Booster):
            raise TypeError("expected xgboost.train or a model of its scikit-learn interface, got xgboost.cv")
        if xgb.collective.get_world_size() > 1:
            raise SettingError("expected a training in one process, got a distributed one; each process would decide")
        self.progress.begin(model.num_boosted_rounds())
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Report the metric, and stop where the search does not go on."""
        name, value = self._monitored(evals_log)
        if self.maximize is None:
            self.progress.use_mode("max" if name != "mape" and name.startswith(MAXIMISED) else "min")

        save = saver(model.save_model, self.directory, ".ubj")
        return not self.progress.advance(self.progress.start + epoch + 1, value, checkpoint=save)

    def after_training(self, model: Any) -> Any:
        """Tell a training that stopped itself."""
        if not self.progress.is_over and model.attr("best_iteration") is None:  # which early stopping sets
            warnings.warn(
                f"the training ended after {self.progress.at} rounds, below the budget {self.trial.budget}; if nothing "
                "stopped it early, raise num_boost_round or n_estimators to the largest budget",
                stacklevel=2,
            )
        self.progress.end()
        return model

    def _monitored(self, evals_log: Any) -> tuple[str, float]:
        """Return the name of the metric and its latest value."""
        if not evals_log:
            raise SettingError("expected at least 1 validation data set for BOHBCallback: pass evals or eval_set")
        data = _chosen(evals_log, self.data_name, "data_name")
        metric = _chosen(evals_log[data], self.metric_name, "metric_name")
        return metric, float(evals_log[data][metric][-1])


def _chosen(names: Any, wanted: str | None, argument: str) -> str:
    """Return what was asked for, or the last one."""
    if wanted is not None and wanted not in names:
        raise SettingError(f"expected {argument} to be one of {', '.join(names)}, got {wanted!r}")
    return list(names)[-1] if wanted is None else wanted
