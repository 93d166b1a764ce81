"""A callback for LightGBM: at a budget the boosting goes on in place, or stops.

Budgets are boosting rounds. A trial that was paused resumes from a model that LightGBM saved: `init_model=...`.
"""

from typing import Any

import lightgbm as lgb
from lightgbm.callback import CallbackEnv, EarlyStopException

from bohb.errors import SettingError
from bohb.integrations._progress import Search, TrainingProgress, mode_of, pausable, saver
from bohb.trials import Trial

__all__ = ["BOHBCallback", "pausable"]


class BOHBCallback:
    """Report a metric after each boosting round; where the trial reaches its budget, go on in place or stop.

    The callback tells the trial, and all that follow in place. Do not tell them yourself; only if the training raises
    an error, tell it for `callback.trial`. Train for as many rounds as the largest budget, and resume with
    `init_model=trial.checkpoint`.

    If another callback may stop the training earlier, such as `lightgbm.early_stopping`, call `end` afterwards.

    Args:
        search: An optimizer, a study, or what `pausable` passed to the function that trains.
        trial: The trial with which this training begins.
        metric: The metric, by its name in LightGBM's log. Needed only if several are evaluated.
        valid_name: The validation set on which it is evaluated. Needed only if there are several.
        maximize: Whether to maximise it. By default the direction of the search's objective; without one, LightGBM
            knows.
        directory: A folder for the model at each budget. By default the folder that `bohb.run(..., directory=...)`
            gives the trial. Without any, no model is saved, and a paused trial starts from scratch.

    Raises:
        SettingError: If there is no such metric, or several, or the training has fewer rounds than a budget.
        TypeError: If it is passed to `lightgbm.cv`.

    Example::

        trial = optimizer.ask()
        callback = BOHBCallback(optimizer, trial, directory="checkpoints")
        lgb.train(
            dict(trial.config), train, 243, valid_sets=[valid], callbacks=[callback], init_model=trial.checkpoint
        )
    """

    order = 25  # after LightGBM's own, which log and record; before early_stopping
    before_iteration = False

    def __init__(
        self,
        search: Search,
        trial: Trial,
        *,
        metric: str | None = None,
        valid_name: str | None = None,
        maximize: bool | None = None,
        directory: Any = None,
    ) -> None:
        self.metric, self.valid_name, self.maximize, self.directory = metric, valid_name, maximize, directory
        self.progress = TrainingProgress(search, trial, mode=mode_of(maximize))

    @property
    def trial(self) -> Trial:
        """The trial that runs now, or ran last."""
        return self.progress.trial

    def __call__(self, env: CallbackEnv) -> None:
        """Report the metric, and stop where the search does not go on."""
        self._begin(env)
        value, is_maximised = self._monitored(env)
        if self.maximize is None:
            self.progress.use_mode("max" if is_maximised else "min")

        save = saver(env.model.save_model, self.directory, ".txt")
        if not self.progress.advance(env.iteration + 1, value, checkpoint=save):
            raise EarlyStopException(env.iteration, env.evaluation_result_list)
        self._check_rounds(env)

    def end(self) -> None:
        """Say that the training is over. If another callback stopped it, its last value is the result of its trial."""
        self.progress.end()

    def _begin(self, env: CallbackEnv) -> None:
        """Note how many rounds the model has that the training resumes from."""
        if env.iteration != env.begin_iteration:
            return
        if isinstance(env.model, lgb.CVBooster):
            raise TypeError("expected lightgbm.train or a model of its scikit-learn interface, got lightgbm.cv")
        self.progress.begin(env.begin_iteration)
        self._check_rounds(env)

    def _check_rounds(self, env: CallbackEnv) -> None:
        """Refuse a training that would end below its budget."""
        if env.end_iteration < self.trial.budget:
            raise SettingError(
                f"expected at least as many boosting rounds as the budget {self.trial.budget} of trial "
                f"{self.trial.id}, got {env.end_iteration}; set num_boost_round or n_estimators to the largest budget"
            )

    def _monitored(self, env: CallbackEnv) -> tuple[float, bool]:
        """Return the latest value of the metric, and whether it is to be maximised."""
        found = [each for each in env.evaluation_result_list or () if self._is_wanted(each, env)]
        if len(found) == 1:
            return float(found[0][2]), bool(found[0][3])
        names = ", ".join(f"{each[1]} on {each[0]}" for each in found or env.evaluation_result_list or ())
        raise SettingError(
            f"expected metric= and valid_name= to name one metric of a validation set, got {names}"
            if names
            else "expected at least one validation set for BOHBCallback: pass valid_sets or eval_set"
        )

    def _is_wanted(self, evaluated: Any, env: CallbackEnv) -> bool:
        name, metric = evaluated[0], evaluated[1]
        is_train = name == getattr(env.model, "_train_data_name", "training")
        return self.metric in (None, metric) and (not is_train if self.valid_name is None else name == self.valid_name)
