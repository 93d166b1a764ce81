"""Tune CatBoost on scikit-learn's digits: `python catboost_digits.py`, seconds on a CPU."""

from catboost import CatBoostClassifier, CatBoostError, Pool
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import bohb
from bohb.integrations.catboost import BOHBCallback

ROUNDS = 81

x_train, x_valid, y_train, y_valid = train_test_split(*load_digits(return_X_y=True), random_state=0)
train_data, valid_data = Pool(x_train, y_train), Pool(x_valid, y_valid)


def train(search, trial):
    """Train one configuration; the callback tells the search, and fits on where the search goes on."""
    callback = BOHBCallback(search, trial, directory="checkpoints")
    model = CatBoostClassifier(**trial.config, thread_count=1, allow_writing_files=False)
    try:
        callback.fit(model, train_data, eval_set=valid_data, verbose=False)
    except CatBoostError as error:
        search.tell(callback.trial, error)
    return callback.progress


if __name__ == "__main__":
    space = {"learning_rate": (0.01, 1.0, "log"), "depth": (1, 4), "l2_leaf_reg": (0.1, 10.0, "log")}
    optimizer = bohb.Optimizer(space, bohb.geometric(1, ROUNDS, eta=3), seed=0)
    trainings = []
    while len(optimizer.results) < 60:
        trainings.append(train(optimizer, optimizer.ask()))
    best = optimizer.incumbent
    print(f"MultiClass {best.loss:.3f} after {best.budget} rounds: {dict(best.config)}")
    in_place, resumed = sum(one.in_place for one in trainings), sum(one.start for one in trainings)
    print(f"rounds trained: {sum(one.trained for one in trainings)}")
    print(f"rounds saved: {in_place} by going on in place, {resumed} by checkpoints")
