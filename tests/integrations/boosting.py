"""The three boosting libraries behind one function each, for laws that hold for all of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bohb

LARGEST = 9
SPACE = {"learning_rate": (0.05, 1.0, "log"), "depth": (1, 3)}


def data() -> tuple[Any, Any, Any, Any]:
    """Return a small binary task, not separable: rows and labels to train on, and to validate on."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    y = (x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=300) > 0).astype(int)
    return x[:200], y[:200], x[200:], y[200:]


def train_xgboost(
    search: Any, trial: bohb.Trial, *, directory: Any = None, rounds: int = LARGEST, stop: int = 0, **options: Any
) -> Any:
    """Train; `stop` are the rounds without progress after which early stopping ends it, `evaluated` is the metric.

    `callback` is one to use in place of a new one.
    """
    import xgboost as xgb

    from bohb.integrations.xgboost import BOHBCallback

    x, y, x_valid, y_valid = data()
    evaluated, base = options.pop("evaluated", "logloss"), options.pop("base", None)
    callback = options.pop("callback", None) or BOHBCallback(search, trial, directory=directory, **options)
    params = {"learning_rate": trial.config["learning_rate"], "max_depth": trial.config["depth"], "nthread": 1}
    params |= {"objective": "binary:logistic", "eval_metric": evaluated}
    stopping = {"early_stopping_rounds": stop} if stop else {}
    evals, resume = [(xgb.DMatrix(x_valid, y_valid), "valid")], base or trial.checkpoint
    more = {"evals": evals, "callbacks": [callback], "xgb_model": resume, "verbose_eval": False, **stopping}
    xgb.train(params, xgb.DMatrix(x, y), rounds, **more)
    return callback


def train_lightgbm(
    search: Any, trial: bohb.Trial, *, directory: Any = None, rounds: int = LARGEST, stop: int = 0, **options: Any
) -> Any:
    import lightgbm as lgb

    from bohb.integrations.lightgbm import BOHBCallback

    x, y, x_valid, y_valid = data()
    evaluated = options.pop("evaluated", "binary_logloss")
    callback = options.pop("callback", None) or BOHBCallback(search, trial, directory=directory, **options)
    params = {"learning_rate": trial.config["learning_rate"], "max_depth": trial.config["depth"], "num_threads": 1}
    params |= {"objective": "binary", "metric": evaluated, "verbosity": -1}
    train = lgb.Dataset(x, y)
    valid = lgb.Dataset(x_valid, y_valid, reference=train)
    callbacks = [callback, *([lgb.early_stopping(stop, verbose=False)] if stop else [])]
    lgb.train(params, train, rounds, valid_sets=[valid], callbacks=callbacks, init_model=trial.checkpoint)
    callback.end()
    return callback


def train_catboost(
    search: Any, trial: bohb.Trial, *, directory: Any = None, rounds: int = LARGEST, stop: int = 0, **options: Any
) -> Any:
    from catboost import CatBoostClassifier

    from bohb.integrations.catboost import BOHBCallback

    x, y, x_valid, y_valid = data()
    evaluated, more = options.pop("evaluated", "Logloss"), options.pop("model", {})
    callback: Any = options.pop("callback", None) or BOHBCallback(search, trial, directory=directory, **options)
    stopping = {"od_type": "Iter", "od_wait": stop} if stop else {}
    settings = {"bootstrap_type": "No", "random_strength": 0, "boosting_type": "Plain", "thread_count": 1}
    settings |= {"eval_metric": evaluated, "iterations": rounds, "allow_writing_files": False}
    settings |= stopping | more
    callback.fit(CatBoostClassifier(**trial.config, **settings), x, y, eval_set=(x_valid, y_valid), verbose=False)
    return callback


def rounds_of(host: str, path: Any) -> int:
    """Return how many rounds a saved model has."""
    if host == "xgboost":
        import xgboost as xgb

        return int(xgb.Booster(model_file=path).num_boosted_rounds())
    if host == "lightgbm":
        import lightgbm as lgb

        return int(lgb.Booster(model_file=path).current_iteration())
    from catboost import CatBoost

    return int(CatBoost().load_model(path).tree_count_)


TRAIN: dict[str, Callable[..., Any]] = {
    "xgboost": train_xgboost,
    "lightgbm": train_lightgbm,
    "catboost": train_catboost,
}
AUC = {"xgboost": "auc", "lightgbm": "auc", "catboost": "AUC"}


def hosts(*names: str) -> pytest.MarkDecorator:
    """Return the mark that runs a test for each host that is named, or for all."""
    return pytest.mark.parametrize("host", names or tuple(TRAIN))
