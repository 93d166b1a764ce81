"""`BOHBSearchCV` beside the searches of scikit-learn and Optuna, on the six data sets that scikit-learn brings.

    python -m benchmarks.sklearn_searches --repeats 5 --fits 12

Every search spends the same: as much as `--fits` cross-validations with all resources, counted in samples or in
iterations. `BOHBSearchCV` has its defaults; `HalvingRandomSearchCV` halves from 1/27 of the resources, with as many
candidates as that allows; `RandomizedSearchCV` and Optuna's `OptunaSearchCV` always fit with everything. What a search
found is cross-validated once more on all data, on splits that no search has seen. Seconds are those of the wall, of the
search and of its last fit, in one process. Needs `optuna-integration`.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna_integration.sklearn import OptunaSearchCV
from scipy import stats
from sklearn import datasets
from sklearn.base import clone, is_classifier
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - it makes the import below work
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from bohb.integrations.sklearn import BOHBSearchCV

Found = tuple[float, float]
"""The score of what a search found, and the seconds that it took."""

ETA, STEPS, ITERATIONS = 3, 3, 81


class Task(NamedTuple):
    """A data set, what is fitted to it, and what is searched."""

    load: Callable[..., Any]
    estimator: Any
    space: dict[str, Any]
    resource: str
    scoring: str


_BOOSTING = {
    "learning_rate": (1e-3, 1.0, "log"),
    "max_depth": (1, 6),
    "min_samples_leaf": (1, 20),
    "subsample": (0.3, 1.0),
    "max_features": (0.1, 1.0),
}
_BOOSTED = GradientBoostingClassifier(n_estimators=ITERATIONS, warm_start=True, random_state=0)
_NETWORK = MLPClassifier(max_iter=ITERATIONS, warm_start=True, random_state=0, n_iter_no_change=ITERATIONS)
_TREES = ExtraTreesRegressor(n_estimators=ITERATIONS, warm_start=True, random_state=0)

TASKS = {
    "iris": Task(datasets.load_iris, _BOOSTED, _BOOSTING, "n_estimators", "neg_log_loss"),
    "wine": Task(
        datasets.load_wine,
        make_pipeline(StandardScaler(), _NETWORK),
        {
            "mlpclassifier__learning_rate_init": (1e-5, 1e-1, "log"),
            "mlpclassifier__alpha": (1e-6, 10.0, "log"),
            "mlpclassifier__hidden_layer_sizes": [4, 8, 16, 32, 64],
            "mlpclassifier__batch_size": [8, 16, 32, 64],
        },
        "mlpclassifier__max_iter",
        "neg_log_loss",
    ),
    "breast cancer": Task(datasets.load_breast_cancer, _BOOSTED, _BOOSTING, "n_estimators", "neg_log_loss"),
    "digits": Task(
        datasets.load_digits,
        make_pipeline(StandardScaler(), SVC()),
        {"svc__C": (1e-3, 1e3, "log"), "svc__gamma": (1e-6, 1.0, "log"), "svc__kernel": ["rbf", "sigmoid"]},
        "n_samples",
        "accuracy",
    ),
    "diabetes": Task(
        datasets.load_diabetes,
        make_pipeline(StandardScaler(), SVR()),
        {"svr__C": (1e-2, 1e4, "log"), "svr__gamma": (1e-6, 1.0, "log"), "svr__epsilon": (1e-2, 1e2, "log")},
        "n_samples",
        "r2",
    ),
    "linnerud": Task(
        datasets.load_linnerud,
        _TREES,
        {"max_depth": (1, 9), "min_samples_leaf": (1, 8), "max_features": (0.1, 1.0), "bootstrap": [False, True]},
        "n_estimators",
        "neg_mean_squared_error",
    ),
}


def as_scipy(entry: Any) -> Any:
    """Return what scikit-learn draws from in place of an entry of our space."""
    if isinstance(entry, list):
        return entry
    low, high, *log = entry
    if isinstance(low, int):
        return stats.randint(low, high + 1)
    return stats.loguniform(low, high) if log else stats.uniform(low, high - low)


def as_optuna(entry: Any) -> Any:
    """Return what Optuna draws from in place of an entry of our space."""
    if isinstance(entry, list):
        return CategoricalDistribution(entry)
    low, high, *log = entry
    return IntDistribution(low, high) if isinstance(low, int) else FloatDistribution(low, high, log=bool(log))


def make_searches(task: Task, most: int, fits: int, cv: int, seed: int) -> dict[str, Any]:
    """Return the searches by name; each spends as much as `fits` fits with `most` of the resource."""
    scipy_space = {name: as_scipy(entry) for name, entry in task.space.items()}
    optuna_space = {name: as_optuna(entry) for name, entry in task.space.items()}
    shared: dict[str, Any] = {"cv": cv, "scoring": task.scoring, "random_state": seed}
    halving = {"resource": task.resource, "min_resources": most // ETA**STEPS, "max_resources": most, "factor": ETA}
    num = fits * ETA**STEPS // (STEPS + 1)
    plain = clone(task.estimator)
    return {
        "BOHBSearchCV": BOHBSearchCV(
            task.estimator, task.space, resource=task.resource, max_budget=fits * most, **shared
        ),
        "HalvingRandomSearchCV": HalvingRandomSearchCV(plain, scipy_space, n_candidates=num, **halving, **shared),
        "OptunaSearchCV": OptunaSearchCV(plain, optuna_space, n_trials=fits, **shared),
        "RandomizedSearchCV": RandomizedSearchCV(plain, scipy_space, n_iter=fits, **shared),
    }


def run(task: Task, fits: int, cv: int, seed: int) -> dict[str, Found]:
    """Run every search on a task."""
    X, y = task.load(return_X_y=True)
    most = len(X) if task.resource == "n_samples" else ITERATIONS
    splitter = StratifiedKFold if is_classifier(task.estimator) else KFold
    fresh = splitter(5, shuffle=True, random_state=1_000 + seed)
    found = {}
    for name, search in make_searches(task, most, fits, cv, seed).items():
        start = time.perf_counter()
        search.fit(X, y)
        seconds = time.perf_counter() - start
        best = clone(task.estimator).set_params(**search.best_params_)
        found[name] = float(np.mean(cross_val_score(best, X, y, cv=fresh, scoring=task.scoring))), seconds
    return found


def table(found: dict[str, list[dict[str, Found]]]) -> str:
    """Return the mean ranks, the seconds and the mean scores as a table of Markdown.

    Args:
        found: What each search found, once for each repeat, by data set.
    """
    searches = list(next(iter(found.values()))[0])
    ranks = {
        data: np.mean([stats.rankdata([-one[name][0] for name in searches]) for one in each], axis=0)
        for data, each in found.items()
    }
    lines = [f"| search | mean rank | seconds | {' | '.join(found)} |", "|---" * (3 + len(found)) + "|"]
    for column, name in enumerate(searches):
        rank = np.mean([of_data[column] for of_data in ranks.values()])
        seconds = np.mean([one[name][1] for each in found.values() for one in each])
        scores = [f"{np.mean([one[name][0] for one in each]):.4g}" for each in found.values()]
        lines.append(f"| `{name}` | {rank:.2f} | {seconds:.1f} | {' | '.join(scores)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the searches and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="seeds for each data set")
    parser.add_argument("--fits", type=int, default=12, help="what each search spends, in full cross-validations")
    parser.add_argument("--cv", type=int, default=3, help="folds")
    parser.add_argument("--data", nargs="+", choices=list(TASKS), default=list(TASKS), help="data sets")
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore")  # of few iterations, and of Optuna's search that it is experimental
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found: dict[str, list[dict[str, Found]]] = {}
    for data in options.data:
        found[data] = [run(TASKS[data], options.fits, options.cv, seed) for seed in range(options.repeats)]
        print(f"{data}: done", flush=True)
    print(table(found))


if __name__ == "__main__":
    main()
