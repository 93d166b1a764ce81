"""Tune a scikit-learn model of XGBoost in two worker processes: `python xgboost_workers.py`, seconds on a CPU."""

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from xgboost import XGBClassifier

import bohb
from bohb.integrations.xgboost import BOHBCallback, pausable

ROUNDS = 81

x_train, x_valid, y_train, y_valid = train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)


def train(search, trial):
    """Train one configuration; its models are saved in the folder of the trial."""
    model = XGBClassifier(
        **trial.config, n_estimators=ROUNDS, eval_metric="auc", n_jobs=1, callbacks=[BOHBCallback(search, trial)]
    )
    model.fit(x_train, y_train, eval_set=[(x_valid, y_valid)], xgb_model=trial.checkpoint, verbose=False)


if __name__ == "__main__":
    space = {"learning_rate": (0.01, 1.0, "log"), "max_depth": (1, 5), "subsample": (0.5, 1.0)}
    objectives = {"auc": "maximize"}
    optimizer = bohb.Optimizer(space, bohb.geometric(1, ROUNDS, eta=3), seed=0, objectives=objectives)
    objective = pausable(train, objectives=objectives)
    report = bohb.run(objective, optimizer, workers=2, max_trials=40, directory="search", keep="releasable")
    print(report)
    from_scratch = sum(result.budget for result in optimizer.results if result.trial.id >= 0)
    print(f"rounds trained: {report.spent:g} instead of {from_scratch}")
