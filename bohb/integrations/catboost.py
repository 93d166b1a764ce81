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
from bohb.integrations._progress import Search, TrainingProgress, mode_of, pausable, saver
from bohb.trials import Trial

__all__ = ["BOHBCallback", "pausable"]

M = TypeVar("M", bound=Any)

ITERATIONS = ("iterations", "n_estimators", "num_boost_round", "num_trees")
LEARNING_RATE = ("learning_rate", "eta")


class BOHBCallback(Generic[M]):
    """Fit a model up to the budget of a trial, and further where the search goes on, and report a metric on the way.

    `fit` tells the trial, and all that follow in place. Do not tell them yourself; only if it raises an error, tell it
    for `callback.trial`. A trial with a checkpoint resumes from it.

    A model that stops itself earlier, such as by `od_wait`, is told with the iterations that it used.

    Args:
        search: An optimizer, a study, or what `pausable` passed to the function that trains.
        trial: The trial with which this training begins.
        metric: The metric, by its name in CatBoost's log. By default the `eval_metric` of the model.
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
        self._begun_at: float = 0

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
            ValueError: If the model has no learning rate, an argument is one that the callback sets, or the metric
                cannot be found.
        """
        _check_model(model)
        refused = sorted({"init_model", "use_best_model"} & kwargs.keys())
        if refused:
            raise ValueError(f"expected fit without {' and '.join(refused)}, which the callback sets by the budget")
        if self.trial.checkpoint is not None:
            self._fitted = CatBoost().load_model(self.trial.checkpoint)
        self.progress.begin(0 if self._fitted is None else self._fitted.tree_count_)
        while not self.progress.is_over:
            self._fit_piece(model, *args, callbacks=callbacks, **kwargs)
        assert self._fitted is not None  # there is a budget above that of the checkpoint
        return self._fitted

    def _fit_piece(self, model: M, *args: Any, callbacks: Any, **kwargs: Any) -> None:
        """Fit the rounds that the budget of the trial still has, and tell it."""
        progress, self._begun_at, self._value = self.progress, self.progress.at, None
        piece = model.copy()
        piece.set_params(**{_named(model, ITERATIONS): math.ceil(self.trial.budget - progress.at)})
        self._eval_metric = piece.get_param("eval_metric")
        own = {"init_model": self._fitted, "callbacks": [self, *callbacks], "use_best_model": False}
        piece.fit(*args, **{**kwargs, **own})
        self._fitted = piece

        save = saver(piece.save_model, self.directory, ".cbm")
        if self._value is None:
            progress.end()
        else:
            progress.advance(piece.tree_count_, self._value, checkpoint=save)

    def after_iteration(self, info: Any) -> bool:
        """Report the metric; CatBoost calls it after each round. At the budget, keep it until the model is there."""
        name, value = self._monitored(info.metrics)
        if self.maximize is None and not self.progress.has_objective:
            self.progress.use_mode("max" if is_maximizable_metric(name) else "min")
        at = self._begun_at + info.iteration
        if at >= self.trial.budget:
            self._value = value
            return True
        return self.progress.advance(at, value)

    def _monitored(self, metrics: Mapping[str, Mapping[str, list[float]]]) -> tuple[str, float]:
        """Return the name of the metric and its latest value."""
        sets = [name for name in metrics if name != "learn"]
        wanted = None if self.eval_set_index is None else f"validation_{self.eval_set_index}"
        found = [name for name in sets if wanted in (None, name)]
        if len(found) != 1:
            raise ValueError(f"expected eval_set_index to name one evaluation set, got {', '.join(sets) or 'none'}")
        values = metrics[found[0]]
        name = next(iter(values)) if len(values) == 1 and self.metric is None else self.metric or self._eval_metric
        if name not in values:
            raise ValueError(f"expected metric to be one of {', '.join(values)}, got {brief(name)}")
        return str(name), float(values[name][-1])


def _check_model(model: Any) -> None:
    """Refuse a model whose learning rate CatBoost would choose by the number of iterations: it differs in each fit."""
    if model.get_param(_named(model, LEARNING_RATE)) is None:
        raise ValueError(
            "expected a model with a learning rate, got none; CatBoost would choose it by the number of iterations, "
            "anew at each budget"
        )


def _named(model: Any, synonyms: tuple[str, ...]) -> str:
    """Return under which of its names a parameter was set; the first if it was not."""
    return next((name for name in synonyms if model.get_param(name) is not None), synonyms[0])
