"""Tune a classifier of handwritten digits with Optuna; bohb decides what to train, and for how long."""

import sys
from pathlib import Path

import joblib
import optuna
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from bohb.integrations.optuna import BOHBPruner, BOHBSampler

EPOCHS = 27
images, labels = load_digits(return_X_y=True)
train_x, valid_x, train_y, valid_y = train_test_split(images / 16, labels, random_state=0)


def objective(trial: optuna.Trial) -> float:
    alpha = trial.suggest_float("alpha", 1e-6, 1e-1, log=True)
    eta0 = trial.suggest_float("eta0", 1e-4, 1.0, log=True)
    epoch, model = 0, SGDClassifier(alpha=alpha, learning_rate="constant", eta0=eta0, random_state=0)
    checkpoint = Path(f"model-{trial.user_attrs.get('bohb:resumes')}.joblib")  # the earlier trial of these parameters
    if checkpoint.exists():
        epoch, model = joblib.load(checkpoint)
    accuracy = 0.0
    while epoch < EPOCHS:
        epoch += 1
        model.partial_fit(train_x, train_y, classes=range(10))
        accuracy = float(model.score(valid_x, valid_y))
        trial.report(accuracy, epoch)
        if trial.should_prune():
            joblib.dump((epoch, model), f"model-{trial.number}.joblib")
            raise optuna.TrialPruned
    return accuracy


if __name__ == "__main__":
    study = optuna.create_study(
        study_name="digits",
        storage="sqlite:///digits-optuna.db",
        load_if_exists=True,  # start it again, and it goes on
        direction="maximize",
        sampler=BOHBSampler(seed=0),
        pruner=BOHBPruner(max_resource=EPOCHS),
    )
    study.optimize(objective, n_trials=int(sys.argv[1]))
    epochs = sum(len(trial.intermediate_values) for trial in study.trials)
    complete = [trial for trial in study.trials if trial.state is optuna.trial.TrialState.COMPLETE]
    print(f"{epochs} epochs in {len(study.trials)} trials, {len(complete)} of them complete")
    print(f"accuracy {study.best_value:.3f} with {study.best_params}")
