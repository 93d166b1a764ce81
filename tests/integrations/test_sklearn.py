"""`BOHBSearchCV` on scikit-learn itself: its checks of estimators, the columns of its own searches, its errors."""

import pickle
import warnings
from typing import Any

import ConfigSpace
import joblib
import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - it makes the import below work
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GroupKFold,
    HalvingRandomSearchCV,
    ShuffleSplit,
    cross_val_score,
    cross_validate,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from bohb.integrations.sklearn import BOHBSearchCV
from bohb.integrations.sklearn_fits import sample_order

X, Y = load_iris(return_X_y=True)
DEPTHS = {"max_depth": (1, 9), "min_samples_leaf": (1, 20), "criterion": ["gini", "entropy"]}
TREE = DecisionTreeClassifier(random_state=0)


def search(estimator: Any = TREE, space: Any = DEPTHS, **settings: Any) -> BOHBSearchCV:
    return BOHBSearchCV(estimator, space, **{"cv": 3, "n_trials": 12, "random_state": 0, **settings})


def scores(fitted: BOHBSearchCV) -> Any:
    return fitted.cv_results_["mean_test_score"]


# What scikit-learn asks of every estimator.

CHECKED = [
    BOHBSearchCV(estimator, space, cv=2, error_score="raise", n_trials=4, random_state=0)
    for estimator, space in [
        (Ridge(), {"alpha": [0.1, 1.0]}),
        (LogisticRegression(), {"C": [0.1, 1.0]}),
        (Pipeline([("pca", PCA()), ("ridge", Ridge())]), {"ridge__alpha": [0.1, 1.0]}),
        (Pipeline([("pca", PCA()), ("logistic", LogisticRegression())]), {"logistic__C": [0.1, 1.0]}),
    ]
]


@pytest.mark.filterwarnings("default")
@parametrize_with_checks(CHECKED)  # type: ignore[untyped-decorator]
def test_every_check_of_scikit_learn_passes(estimator: Any, check: Any) -> None:
    check(estimator)


def test_the_columns_are_those_of_the_halving_search() -> None:
    for train in (False, True):
        halving = HalvingRandomSearchCV(TREE, {"max_depth": range(1, 30)}, cv=3, return_train_score=train).fit(X, Y)
        ours = search(space={"max_depth": [1, 2, 3]}, return_train_score=train).fit(X, Y)
        assert set(ours.cv_results_) == set(halving.cv_results_)
        assert len({len(column) for column in ours.cv_results_.values()}) == 1


def test_the_attributes_describe_the_rows() -> None:
    fitted = search(n_trials=40).fit(X, Y)
    amounts = fitted.cv_results_["n_resources"]
    assert [fitted.n_resources_[place] for place in fitted.cv_results_["iter"]] == list(amounts)
    assert fitted.n_candidates_ == [list(amounts).count(amount) for amount in fitted.n_resources_]
    assert (fitted.n_resources_[0], fitted.n_resources_[-1]) == (fitted.min_resources_, fitted.max_resources_)
    assert fitted.max_resources_ == len(X)
    best = fitted.best_index_
    assert amounts[best] == max(amounts)
    assert fitted.best_score_ == max(scores(fitted)[amounts == max(amounts)])
    assert fitted.best_params_ == fitted.cv_results_["params"][best]


@pytest.mark.parametrize("cv", [3, ShuffleSplit(3)])  # the second has other splits at each call
def test_a_row_with_all_samples_is_a_cross_validation(cv: Any) -> None:
    fitted = search(cv=cv, n_trials=30).fit(X, Y)
    if cv == 3:
        row = fitted.best_index_
        again = cross_val_score(clone(TREE).set_params(**fitted.best_params_), X, Y, cv=3)
        assert [fitted.cv_results_[f"split{split}_test_score"][row] for split in range(3)] == list(again)
    assert fitted.n_splits_ == 3


def test_splits_may_be_lists_or_masks() -> None:
    is_test = np.arange(len(X)) % 3 == 0
    lists = [(np.flatnonzero(~is_test).tolist(), np.flatnonzero(is_test).tolist())]
    expected = scores(search(cv=lists).fit(X, Y))
    assert list(scores(search(cv=[(~is_test, is_test)]).fit(X, Y))) == list(expected)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 5))
def test_every_beginning_of_the_samples_has_each_label_in_its_share(labels: list[int], seed: int) -> None:
    every, train = np.array(labels), np.arange(len(labels))
    order = sample_order(train, every, np.random.default_rng(seed))
    assert sorted(order) == list(train)
    for num in range(1, len(labels) + 1):
        found, whole = every[order[:num]], len(set(labels))
        for label in set(labels):
            share = num * labels.count(label) / len(labels)
            assert abs(np.count_nonzero(found == label) - share) <= whole
        assert len(set(found)) == min(num, whole)


# Fitted further.


class Counting(BaseEstimator):  # type: ignore[misc]
    """Its score is how much it was trained in all."""

    def __init__(self, rate: float = 0.1, max_iter: int = 9, warm_start: bool = False) -> None:
        self.rate = rate
        self.max_iter = max_iter
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any = None) -> "Counting":
        before: int = self.epochs_ if self.warm_start and hasattr(self, "epochs_") else 0
        self.epochs_: int = before + self.max_iter
        return self

    def score(self, X: Any, y: Any = None) -> float:
        return float(self.epochs_)


class Wrapping(BaseEstimator):  # type: ignore[misc]
    """It trains a clone of its estimator, as those of scikit-learn do."""

    def __init__(self, inner: Any = None) -> None:
        self.inner = inner

    def fit(self, X: Any, y: Any = None) -> "Wrapping":
        self.inner_ = clone(self.inner).fit(X, y)
        return self

    def transform(self, X: Any) -> Any:
        return np.full((len(X), 1), self.inner_.epochs_)

    def score(self, X: Any, y: Any = None) -> float:
        return float(self.inner_.epochs_)


class Echo(BaseEstimator):  # type: ignore[misc]
    """Its score is what its transformer was trained in all."""

    def fit(self, X: Any, y: Any = None) -> "Echo":
        self.fitted_ = True
        return self

    def score(self, X: Any, y: Any = None) -> float:
        return float(X[0, 0])


@pytest.mark.parametrize(
    ("estimator", "prefix"),
    [
        (Wrapping(Counting(warm_start=True)), "inner__"),
        (make_pipeline(Wrapping(Counting(warm_start=True))), "wrapping__inner__"),
        (make_pipeline(Wrapping(Counting(warm_start=True)), Echo()), "wrapping__inner__"),
        (make_pipeline(FunctionTransformer(), make_pipeline(Counting(warm_start=True))), "pipeline__counting__"),
    ],
)
def test_within_other_estimators_the_row_is_true_too(estimator: Any, prefix: str) -> None:
    fitted = search(estimator, {f"{prefix}rate": (0.0, 1.0)}, resource=f"{prefix}max_iter", n_trials=20).fit(X, Y)
    assert list(scores(fitted)) == list(fitted.cv_results_["n_resources"])
    assert len(set(scores(fitted))) > 1


@pytest.mark.parametrize(("warm_start", "in_pipeline"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("backend", ["sequential", "threading", "loky"])
def test_each_candidate_is_trained_as_much_as_its_row_says(warm_start: bool, in_pipeline: bool, backend: str) -> None:
    estimator, prefix = Counting(warm_start=warm_start), ""
    if in_pipeline:
        estimator, prefix = make_pipeline(FunctionTransformer(), estimator), "counting__"
    with joblib.parallel_config(backend, n_jobs=1 if backend == "sequential" else 2):
        fitted = search(estimator, {f"{prefix}rate": (0.0, 1.0)}, resource=f"{prefix}max_iter", n_trials=20).fit(X, Y)
    assert list(scores(fitted)) == list(fitted.cv_results_["n_resources"])
    assert {row[f"{prefix}max_iter"] for row in fitted.cv_results_["params"]} <= set(fitted.n_resources_)
    assert len(set(scores(fitted))) > 1


@pytest.mark.parametrize(
    ("estimator", "resource"),
    [
        (RandomForestClassifier(9, warm_start=True, random_state=0), "n_estimators"),
        (HistGradientBoostingClassifier(max_iter=4, warm_start=True, random_state=0), "max_iter"),
    ],
)
def test_fitted_further_is_as_good_as_fitted_anew(estimator: Any, resource: str) -> None:
    fitted = search(estimator, {"max_leaf_nodes": (2, 9)}, resource=resource, eta=2, cv=2, n_trials=8).fit(X, Y)
    assert max(fitted.cv_results_["n_resources"]) == fitted.max_resources_
    for params, score in zip(fitted.cv_results_["params"], scores(fitted), strict=True):
        anew = clone(estimator).set_params(**params, warm_start=False)
        assert np.mean(cross_val_score(anew, X, Y, cv=2)) == pytest.approx(score)


def test_what_was_fitted_before_is_not_spent_again() -> None:
    spent = {}
    for warm_start in (False, True):
        estimator = Counting(warm_start=warm_start)
        settings = {"resource": "max_iter", "n_trials": None, "max_budget": 200}
        fitted = search(estimator, {"rate": (0.0, 1.0)}, **settings).fit(X, Y)
        spent[warm_start] = sum(fitted.cv_results_["n_resources"])
    assert 200 <= spent[False] < 200 + 9
    assert spent[True] >= 200 + 9


def test_a_candidate_that_replaces_the_estimator_is_fitted_anew_unless_it_is_warm() -> None:
    pipeline = make_pipeline(FunctionTransformer(), Counting(warm_start=True))
    space = {"counting": [Counting(), Counting(warm_start=True)]}
    fitted = search(pipeline, space, resource="counting__max_iter", max_resources=9).fit(X, Y)
    assert list(scores(fitted)) == list(fitted.cv_results_["n_resources"])


def test_some_candidate_gets_all_resources() -> None:
    enough = ({"n_trials": 6}, {"n_trials": None, "max_budget": 20})
    for settings in (*enough, *({**each, "n_jobs": jobs} for each in (*enough, {"n_trials": 2}) for jobs in (6, 48))):
        with joblib.parallel_config("threading"):
            fitted = search(Counting(), {"rate": (0.0, 1.0)}, resource="max_iter", **settings).fit(X, Y)
        assert fitted.best_score_ == 9
        assert sum(fitted.cv_results_["n_resources"]) < 20 + 9


# Repeatable.


def test_the_same_random_state_is_the_same_search() -> None:
    first = search().fit(X, Y)
    for state in (0, np.random.RandomState(0)):
        assert search(random_state=state).fit(X, Y).cv_results_["params"] == first.cv_results_["params"]
    assert search(random_state=1).fit(X, Y).cv_results_["params"] != first.cv_results_["params"]


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_as_many_jobs_as_splits_change_nothing(backend: str) -> None:
    with joblib.parallel_config(backend):
        fitted = search(n_jobs=3).fit(X, Y)
    assert list(scores(fitted)) == list(scores(search().fit(X, Y)))


def test_with_jobs_for_several_candidates_several_are_chosen_together() -> None:
    with joblib.parallel_config("threading"):
        fitted = search(n_jobs=7, n_trials=5).fit(X, Y)
    assert len(scores(fitted)) == 5


# As any other estimator.


def test_it_is_cloned_pickled_and_nested() -> None:
    made = clone(search(make_pipeline(StandardScaler(), SVC()), {"svc__C": loguniform(1e-2, 1e2)}))
    made.set_params(n_trials=5, estimator__svc__kernel="linear").fit(X, Y)
    assert len(scores(made)) == 5
    assert made.best_estimator_[-1].kernel == "linear"
    again = pickle.loads(pickle.dumps(made))
    assert np.array_equal(again.predict(X), made.predict(X))
    assert made.score(X, Y) > 0.9
    assert np.mean(cross_val_score(made, X, Y, cv=3)) > 0.9


def test_steps_of_a_pipeline_are_searched() -> None:
    scalers = [StandardScaler(), MinMaxScaler(), "passthrough"]
    space = {"standardscaler": scalers, "svc__C": np.logspace(-2, 2, 5), "svc__kernel": ("linear", "rbf")}
    fitted = search(make_pipeline(StandardScaler(), SVC()), space).fit(X, Y)
    assert all(any(row["standardscaler"] is each for each in scalers) for row in fitted.cv_results_["params"])
    assert {row["svc__kernel"] for row in fitted.cv_results_["params"]} == {"linear", "rbf"}


def test_one_of_several_dicts_is_followed() -> None:
    space = [
        {"svc__kernel": ["linear"], "svc__C": loguniform(1e-2, 1e2)},
        {"svc__kernel": ["rbf"], "svc__C": (1e-2, 1e2, "log"), "svc__gamma": (1e-3, 1.0, "log")},
    ]
    fitted = search(make_pipeline(StandardScaler(), SVC()), space).fit(X, Y)
    assert {row["svc__kernel"] for row in fitted.cv_results_["params"]} == {"linear", "rbf"}
    assert all(("svc__gamma" in row) == (row["svc__kernel"] == "rbf") for row in fitted.cv_results_["params"])


def test_a_space_of_configspace_is_searched() -> None:
    space = ConfigSpace.ConfigurationSpace({"max_depth": (1, 9), "criterion": ["gini", "entropy"]})
    assert set(clone(search(space=space)).fit(X, Y).best_params_) == {"max_depth", "criterion"}


def test_a_finite_space_ends_when_everything_is_tried() -> None:
    fitted = search(space={"max_depth": [1, 2]}, n_trials=100).fit(X, Y)
    assert fitted.n_candidates_ == [2] * len(fitted.n_candidates_)


def test_several_metrics_and_the_one_to_follow() -> None:
    fitted = search(scoring=["accuracy", "f1_macro"], refit="f1_macro").fit(X, Y)
    assert {"rank_test_accuracy", "rank_test_f1_macro", "std_test_f1_macro"} <= set(fitted.cv_results_)
    assert fitted.multimetric_
    assert fitted.best_score_ == fitted.cv_results_["mean_test_f1_macro"][fitted.best_index_]
    assert fitted.optimizer_.incumbent is not None
    assert -fitted.optimizer_.incumbent.loss == fitted.best_score_
    assert set(fitted.scorer_) == {"accuracy", "f1_macro"}
    unfitted = search(scoring=["accuracy", "f1_macro"], refit=False).fit(X, Y)
    assert not hasattr(unfitted, "best_index_")
    assert not hasattr(unfitted, "predict")


def test_a_function_of_several_metrics() -> None:
    def scoring(estimator: Any, X: Any, y: Any) -> dict[str, float]:
        return {"right": estimator.score(X, y), "depth": -estimator.get_depth()}

    fitted = search(space={"max_depth": (1, 9)}, scoring=scoring, refit="depth", n_trials=40).fit(X, Y)
    assert fitted.best_params_ == {"max_depth": 1}
    assert fitted.best_score_ == fitted.score(X, Y) == -1
    with pytest.raises(ValueError, match="For multi-metric scoring"):
        search(scoring=scoring, refit="wrong").fit(X, Y)


def test_a_function_may_choose_the_row() -> None:
    assert search(refit=lambda results: 3).fit(X, Y).best_index_ == 3


def test_groups_and_weights_reach_their_consumers() -> None:
    groups, weights = np.arange(len(X)) % 5, np.where(Y == 2, 0.0, 1.0)
    fitted = search(cv=GroupKFold(5)).fit(X, Y, groups=groups, sample_weight=weights)
    assert fitted.n_splits_ == 5
    assert 2 not in fitted.predict(X)  # its samples had no weight
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = DecisionTreeClassifier(random_state=0).set_fit_request(sample_weight=True)
        routed = search(estimator.set_score_request(sample_weight=True), cv=GroupKFold(5))
        routed.fit(X, Y, groups=groups, sample_weight=weights)
        assert 2 not in routed.predict(X)
        assert max(scores(routed)) > max(scores(fitted)) - 1e-9  # the samples without weight do not count


def test_frames_and_regression() -> None:
    data, target = load_diabetes(return_X_y=True, as_frame=True)
    fitted = search(Ridge(), {"alpha": loguniform(1e-3, 1e3)}, scoring="neg_mean_squared_error").fit(data, target)
    assert list(fitted.feature_names_in_) == list(data.columns)
    assert fitted.min_resources_ == len(data) // 27


def test_the_smallest_amount() -> None:
    every = {"auto": 18, "smallest": 18, 40: 40}
    for given_amount, expected in every.items():
        assert search(min_resources=given_amount).fit(X, Y).min_resources_ == expected
    forest = RandomForestClassifier(200, random_state=0)
    made = search(forest, {"max_depth": (1, 9)}, resource="n_estimators", n_trials=1, cv=2).fit(X, Y)
    assert (made.min_resources_, made.max_resources_) == (7, 200)


def test_it_says_what_it_does_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    search(n_trials=2, verbose=1).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("trial 1: n_resources=150, mean_test_score=0.")
    search(n_trials=2).fit(X, Y)
    assert capsys.readouterr().out == ""


# What goes wrong.

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"space": {}}, "space is a dict of parameters, or a list of such dicts"),
    ({"space": "max_depth"}, "The 'space' parameter of BOHBSearchCV"),
    ({"space": {"max_depth": []}}, "choices are a list of at least one value"),
    ({"space": {"max_depth": (9, 1)}}, "the low end comes first"),
    ({"space": {"max_depth": object()}}, "Parameter 'max_depth' needs a list, a distribution"),
    ({"space": {"max_depth": loguniform}}, "needs a distribution with its arguments"),
    ({"space": {"depth": [1, 2]}}, "Invalid parameter 'depth' for estimator"),
    ({"resource": "n_estimators"}, "Cannot use resource=n_estimators which is not supported by estimator"),
    ({"resource": "max_depth"}, "since it is part of the searched parameters"),
    ({"resource": "max_leaf_nodes"}, "which is None and no positive integer; set max_resources"),
    ({"max_resources": 1000}, "max_resources=1000 is greater than the number of samples, 150"),
    ({"min_resources": 100, "max_resources": 50}, "min_resources_=100 is greater than max_resources_=50"),
    ({"min_resources": "exhaust"}, "The 'min_resources' parameter of BOHBSearchCV"),
    ({"eta": 1}, "The 'eta' parameter of BOHBSearchCV"),
    ({"n_trials": 0}, "The 'n_trials' parameter of BOHBSearchCV"),
    ({"max_budget": -1}, "The 'max_budget' parameter of BOHBSearchCV"),
    ({"scoring": ["accuracy"]}, "For multi-metric scoring"),
    ({"space": [1], "resource": "max_leaf_nodes"}, "a list of such dicts"),
    ({"cv": []}, "No fits were performed"),
]


@pytest.mark.parametrize(("settings", "message"), WRONG)
def test_what_is_wrong_is_said_at_once(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search(**settings).fit(X, Y)


def test_some_failures_are_warned_of_and_all_are_an_error() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = search(SVC(), {"C": (-5.0, 5.0)}, n_trials=20).fit(X, Y)
    assert any("fits failed out of a total of 60" in str(warning.message) for warning in caught)
    assert np.isnan(scores(fitted)).any()
    assert fitted.best_params_["C"] > 0
    with pytest.raises(ValueError, match="All the 60 fits failed"):
        search(SVC(), {"C": (-5.0, -1.0)}, n_trials=30).fit(X, Y)
    with pytest.raises(ValueError, match="'C' parameter of SVC"):
        search(SVC(), {"C": (-5.0, -1.0)}, error_score="raise").fit(X, Y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_a_search_in_which_most_candidates_fail_finds_one() -> None:
    fitted = search(space={"max_depth": list(range(-18, 2))}, cv=2, n_trials=30, random_state=0).fit(X, Y)
    assert np.isfinite(scores(fitted)).argmax() > 9  # as many as `RandomizedSearchCV` tries
    assert fitted.best_params_ == {"max_depth": 1}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_failure_may_have_a_score() -> None:
    fitted = search(SVC(), {"C": (-5.0, 5.0)}, error_score=-1.0).fit(X, Y)
    assert min(scores(fitted)) == -1
    assert fitted.best_params_["C"] > 0


@pytest.mark.skipif(not hasattr(BOHBSearchCV, "set_callbacks"), reason="needs scikit-learn 1.9")
def test_callbacks_are_not_silently_ignored() -> None:
    from sklearn.callback import ProgressBar

    with pytest.warns(UserWarning, match="runs no callbacks"):
        search(n_trials=1).set_callbacks(ProgressBar()).fit(X, Y)


def test_train_scores() -> None:
    fitted = search(KNeighborsClassifier(), {"n_neighbors": [1]}, return_train_score=True).fit(X, Y)
    assert fitted.cv_results_["mean_train_score"][fitted.best_index_] == 1
    expected = cross_validate(KNeighborsClassifier(1), X, Y, cv=3)["test_score"].mean()
    assert fitted.best_score_ == expected
