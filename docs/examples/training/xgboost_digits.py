"""Tune XGBoost on scikit-learn's digits: `python xgboost_digits.py`, seconds on a CPU."""

import xgboost as xgb
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import bohb
from bohb.integrations.xgboost import BOHBCallback

ROUNDS = 81

x_train, x_valid, y_train, y_valid = train_test_split(*load_digits(return_X_y=True), random_state=0)
train_data, valid_data = xgb.DMatrix(x_train, y_train), xgb.DMatrix(x_valid, y_valid)


def train(search, trial):
    """Train one configuration; the callback tells the search, and stops the boosting."""
    callback = BOHBCallback(search, trial, directory="checkpoints")
    params = {**trial.config, "objective": "multi:softprob", "num_class": 10, "nthread": 1}
    try:
        xgb.train(
            params,
            train_data,
            num_boost_round=ROUNDS,
            evals=[(valid_data, "valid")],
            callbacks=[callback],
            xgb_model=trial.checkpoint,
            verbose_eval=False,
        )
    except xgb.core.XGBoostError as error:
        search.tell(callback.trial, error)
    return callback.progress


if __name__ == "__main__":
    space = {"learning_rate": (0.01, 1.0, "log"), "max_depth": (1, 5), "min_child_weight": (0.1, 10.0, "log")}
    optimizer = bohb.Optimizer(space, bohb.geometric(1, ROUNDS, eta=3), seed=0)
    trainings = []
    while len(optimizer.results) < 60:
        trainings.append(train(optimizer, optimizer.ask()))
    best = optimizer.incumbent
    print(f"mlogloss {best.loss:.3f} after {best.budget} rounds: {dict(best.config)}")
    in_place, resumed = sum(one.in_place for one in trainings), sum(one.start for one in trainings)
    print(f"rounds trained: {sum(one.trained for one in trainings)}")
    print(f"rounds saved: {in_place} by going on in place, {resumed} by checkpoints")
