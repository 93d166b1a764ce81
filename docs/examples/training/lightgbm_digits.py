"""Tune LightGBM on scikit-learn's digits: `python lightgbm_digits.py`, seconds on a CPU."""

import lightgbm as lgb
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import bohb
from bohb.integrations.lightgbm import BOHBCallback

ROUNDS = 81

x_train, x_valid, y_train, y_valid = train_test_split(*load_digits(return_X_y=True), random_state=0)


def train(search, trial):
    """Train one configuration; the callback tells the search, and stops the boosting."""
    callback = BOHBCallback(search, trial, directory="checkpoints")
    params = {**trial.config, "objective": "multiclass", "num_class": 10, "num_threads": 1, "verbosity": -1}
    train_data = lgb.Dataset(x_train, y_train)  # a new one: a used Dataset takes no other init_model
    try:
        lgb.train(
            params,
            train_data,
            num_boost_round=ROUNDS,
            valid_sets=[lgb.Dataset(x_valid, y_valid, reference=train_data)],
            callbacks=[callback],
            init_model=trial.checkpoint,
        )
    except lgb.basic.LightGBMError as error:
        search.tell(callback.trial, error)
    return callback.progress


if __name__ == "__main__":
    space = {"learning_rate": (0.01, 1.0, "log"), "num_leaves": (2, 31), "min_data_in_leaf": (1, 50, "log")}
    optimizer = bohb.Optimizer(space, bohb.geometric(1, ROUNDS, eta=3), seed=0)
    trainings = []
    while len(optimizer.results) < 60:
        trainings.append(train(optimizer, optimizer.ask()))
    best = optimizer.incumbent
    print(f"multi_logloss {best.loss:.3f} after {best.budget} rounds: {dict(best.config)}")
    in_place, resumed = sum(one.in_place for one in trainings), sum(one.start for one in trainings)
    print(f"rounds trained: {sum(one.trained for one in trainings)}")
    print(f"rounds saved: {in_place} by going on in place, {resumed} by checkpoints")
