"""A callback for CatBoost: at a budget the boosting goes on from the model in memory, or stops.

Budgets are boosting rounds, which CatBoost calls iterations. CatBoost passes its callbacks no model, so none can be
saved while `fit` runs. Therefore `BOHBCallback.fit` calls it once for each budget, with `init_model`.
"""

import math
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from catboost import CatBoost
from catboost.core import is_maximizable_metric

from bohb._text import brief
from bohb.errors import SettingError
from bohb.integrations._progress import Search, TrainingProgress, mode_of, pausable, saver
from bohb.trials import Trial

__all__ = ["BOHBCallback", "pausable"]

M = TypeVar("M", bound=Any)

ITERATIONS = ("iterations", "n_estimators", "num_boost_round", "num_trees")
LEARNING_RATE = ("learning_rate", "eta")
SNAPSHOT = ("save_snapshot", "snapshot_file")


class BOHBCallback(Generic[M]):
    """Fit a model up to the budget of a trial, and further where the search goes on, and report a metric on the way.

    `fit` tells the trial, and all that follow in place. Do not tell them yourself; only if it raises an error, tell it
    for `callback.trial`. A trial with a checkpoint resumes from it.

    A model that stops itself earlier, such as by `od_wait`, is told with the iterations that it used.

    Args:
        search: An optimizer, a study, or what `pausable` passed to the function that trains.
        trial: The trial with which this training begins.
        metric: The metric, by its name in CatBoost's log. By default the `eval_metric` of the model, or else its loss.
        eval_set_index: Which of several evaluation sets counts. By default the only one.
        maximize: Whether to maximise the metric. By default the direction of the search's objective; without one,
            CatBoost knows.
        directory: A folder for the model at each budget. By default the folder that `bohb.run(..., directory=...)`
            gives the trial. Without any, no model is saved, and a paused trial starts from scratch.

    Example::

        trial = optimizer.ask()
        callback = BOHBCallback(optimizer, trial, directory="checkpoints")
        model = callback.fit(CatBoostClassifier(**trial.config), X, y, eval_set=(X_valid, y_valid), verbose=False)
    """

    def __init__(
        self,
        search: Search,
        trial: Trial,
        *,
        metric: str | None = None,
        eval_set_index: int | None = None,
        maximize: bool | None = None,
        directory: Any = None,
    ) -> None:
        self.metric, self.eval_set_index, self.maximize, self.directory = metric, eval_set_index, maximize, directory
        self.progress = TrainingProgress(search, trial, mode=mode_of(maximize))
        self._fitted: M | None = None
        self._value: float | None = None
        self._eval_metric: Any = None
        self._num_values = 0
        self._begun_at: float = 0
        self._error: BaseException | None = None

    @property
    def trial(self) -> Trial:
        """The trial that runs now, or ran last."""
        return self.progress.trial

    def fit(self, model: M, *args: Any, callbacks: Any = (), **kwargs: Any) -> M:
        """Fit copies of a model, from budget to budget, for as long as the search goes on.

        Args:
            model: The model with its parameters, a learning rate among them, and not fitted; its number of iterations
                is ignored.
            args: As for the `fit` of the model.
            callbacks: Further callbacks.
            kwargs: As for the `fit` of the model; `eval_set` is needed.

        Returns:
            The last copy, fitted.

        Raises:
            SettingError: If the model has no learning rate, an argument is one that the callback sets, the model keeps
                snapshots, or the metric cannot be found.
        """
        _check_model(model, kwargs)
        refused = sorted({"init_model", "use_best_model"} & kwargs.keys())
        if refused:
            raise SettingError(f"expected fit without {' and '.join(refused)}, which the callback sets by the budget")
        if self.trial.checkpoint is not None:
            self._fitted = CatBoost().load_model(self.trial.checkpoint)
        self.progress.begin(0 if self._fitted is None else self._fitted.tree_count_)
        while not self.progress.is_over:
            self._fit_piece(model, *args, callbacks=callbacks, **kwargs)
        assert self._fitted is not None  # there is a budget above that of the checkpoint
        return self._fitted

    def _fit_piece(self, model: M, *args: Any, callbacks: Any, **kwargs: Any) -> None:
        """Fit the rounds that the budget of the trial still has, and tell it."""
        progress, self._begun_at = self.progress, self.progress.at
        self._value, self._num_values, self._error = None, 0, None
        piece = model.copy()
        piece.set_params(**{_named(model, ITERATIONS): math.ceil(self.trial.budget - progress.at)})
        self._eval_metric = piece.get_param("eval_metric") or piece.get_param("loss_function")
        own = {"init_model": self._fitted, "callbacks": [self, *callbacks], "use_best_model": False}
        piece.fit(*args, **{**kwargs, **own})
        if self._error is not None:
            raise self._error
        self._fitted = piece

        save = saver(piece.save_model, self.directory, ".cbm")
        if self._value is None:
            progress.end()
        else:
            progress.advance(piece.tree_count_, self._value, checkpoint=save)

    def after_iteration(self, info: Any) -> bool:
        """Report the metric; CatBoost calls it after each round. At the budget, keep it until the model is there.

        CatBoost would turn every error into one of its own, also an interrupt; `fit` raises it as it is.
        """
        try:
            return self._reach(self._begun_at + info.iteration, info.metrics)
        except BaseException as error:
            self._error = error
            return False

    def _reach(self, at: float, metrics: Any) -> bool:
        """Report the metric, if it was evaluated in this round; return whether the model is fitted further."""
        name, values = self._monitored(metrics)
        is_new, self._num_values = len(values) > self._num_values, len(values)
        if self.maximize is None and not self.progress.has_objective:
            self.progress.use_mode("max" if self._is_maximised(name) else "min")
        if at >= self.trial.budget:
            self._value = float(values[-1])
            return True
        return self.progress.advance(at, float(values[-1])) if is_new else True

    def _is_maximised(self, name: str) -> bool:
        own = self._eval_metric
        if name == _name_of(own) and hasattr(own, "is_max_optimal"):
            return bool(own.is_max_optimal())
        return bool(is_maximizable_metric(name))

    def _monitored(self, metrics: Mapping[str, Mapping[str, list[float]]]) -> tuple[str, list[float]]:
        """Return the name of the metric and its values up to now."""
        sets = [name for name in metrics if name != "learn"]
        wanted = None if self.eval_set_index is None else f"validation_{self.eval_set_index}"
        found = [name for name in sets if wanted in (None, name)]
        if len(found) != 1:
            raise SettingError(
                f"expected eval_set_index to name one evaluation set, got {', '.join(sets)}"
                if sets
                else "expected at least one evaluation set for BOHBCallback: pass eval_set"
            )
        values = metrics[found[0]]
        name = self.metric or self._default(values)
        if name not in values:
            raise SettingError(f"expected metric to be one of {', '.join(values)}, got {brief(name)}")
        return name, values[name]

    def _default(self, values: Mapping[str, Any]) -> str:
        """Return the metric that CatBoost itself watches; of a classifier without a loss, that of its classes."""
        if len(values) == 1:
            return next(iter(values))
        if self._eval_metric is None:
            return "MultiClass" if "MultiClass" in values else "Logloss"
        return _name_of(self._eval_metric)


def _name_of(metric: Any) -> str:
    """Return the name of a metric in CatBoost's log; one of the user's own is an object."""
    return metric if isinstance(metric, str) else type(metric).__name__


def _check_model(model: Any, kwargs: Mapping[str, Any]) -> None:
    """Refuse a model whose learning rate CatBoost would choose by the number of iterations: it differs in each fit.

    And one with snapshots, from which each fit would go on, also that of another trial.
    """
    kept = [name for name in SNAPSHOT if kwargs.get(name) or model.get_param(name)]
    if kept:
        raise SettingError(
            f"expected a model without {' and '.join(kept)}, from which the fit of the next budget would go on; pass "
            "directory to BOHBCallback, which keeps a model at each budget"
        )
    if model.get_param(_named(model, LEARNING_RATE)) is None:
        raise SettingError(
            "expected a model with a learning rate, got none; CatBoost would choose it by the number of iterations, "
            "anew at each budget"
        )


def _named(model: Any, synonyms: tuple[str, ...]) -> str:
    """Return under which of its names a parameter was set; the first if it was not."""
    return next((name for name in synonyms if model.get_param(name) is not None), synonyms[0])
