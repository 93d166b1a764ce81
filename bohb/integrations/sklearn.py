"""BOHB as a search of scikit-learn: `BOHBSearchCV`, beside `HalvingRandomSearchCV`.

What follows `fit` (predict, score, metadata routing, the columns of `cv_results_`) is that of scikit-learn's own base
class of searches. Its `_run_search` always trains from the start, so that `fit` here runs its own loop, to resume
estimators with `warm_start`. That takes these private names of scikit-learn:

* of `BaseSearchCV`: `_parameter_constraints`, `_get_scorers`, `_get_routed_params_for_fit`, `_format_results`,
  `_select_best_index`, `_check_refit_for_multimetric`, and the `_scorers` of what `_get_scorers` returns;
* of `sklearn.model_selection._validation`: `_fit_and_score`, `_insert_error_scores`,
  `_warn_or_raise_about_fit_failures`;
* `_fit_context`, `_check_method_params`, `_num_samples`, and the constraints of `sklearn.utils._param_validation`.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from math import inf
from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import _insert_error_scores, _warn_or_raise_about_fit_failures
from sklearn.utils import check_random_state, get_tags, indexable
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.parallel import Parallel
from sklearn.utils.validation import _check_method_params, _num_samples

from bohb.budgets import Ladder, geometric
from bohb.errors import SpaceExhausted
from bohb.integrations.distributions import Read, read_space
from bohb.integrations.sklearn_fits import SAMPLES, CandidateFits, Output, indices, sample_order
from bohb.optimizer import Optimizer
from bohb.trials import Trial

__all__ = ["BOHBSearchCV"]

DEFAULT_FITS = 10
"""What a search spends by default, in fits with all resources: as much as `RandomizedSearchCV`."""
MOST_STEPS = 3
"""The most steps of `eta` from the smallest amount to the largest, by default: less says little about more."""
HOPELESS = 20
"""If so many first trials fail on all splits, the search ends with scikit-learn's error."""

_CONSTRAINTS: dict[str, Any] = BaseSearchCV._parameter_constraints  # noqa: SLF001

Row = tuple[Trial, dict[str, Any], list[Output]]
"""A trial, its parameters as `cv_results_` shows them, and its outputs, one for each split."""


class BOHBSearchCV(BaseSearchCV):  # type: ignore[misc]  # scikit-learn has no types
    """Search over hyperparameters with BOHB and cross-validation.

    Many candidates are fitted with few resources, and the promising ones with more; a model of the scores chooses
    both. The interface is that of `HalvingRandomSearchCV`.

    Args:
        estimator: The estimator, or a pipeline.
        space: A dict of parameter names to lists, distributions of `scipy.stats` and entries as in `Optimizer`; a list
            of such dicts; or a `ConfigurationSpace`. A tuple of two numbers is a range, also on a log scale:
            `(1e-3, 1e3, "log")`.
        resource: What grows from fit to fit: `"n_samples"`, or a parameter of the estimator that is a whole number,
            such as `"n_estimators"` or `"model__max_iter"`. If `warm_start` is set beside `n_estimators` or `max_iter`,
            a candidate is fitted further, not anew.
        min_resources: The smallest amount. `"smallest"` is 1, or for samples `n_splits * 2`, times the number of
            classes, and at most what there is. `"auto"` is that, or `max_resources / eta**3` if that is more.
        max_resources: The largest amount. `"auto"` is the number of samples, or the estimator's own value of the
            parameter.
        eta: The factor between amounts.
        n_trials: How many rows `cv_results_` gets: fits on all splits. By default `max_budget` decides.
        max_budget: What the search spends: it starts no trial once the amounts of all trials add up to this. By
            default, if there is no `n_trials` either, ten times the largest amount, as much as `RandomizedSearchCV`.
            If nothing has had all resources by then, the last trial gives them to the best candidate.
        scoring: As in `GridSearchCV`. Of several metrics, the search follows the one that `refit` names, else the
            first.
        n_jobs: As in `GridSearchCV`. If there are jobs for several candidates, so many are chosen together.
        refit: As in `GridSearchCV`.
        cv: As in `GridSearchCV`. All candidates are fitted on the same splits.
        verbose: As in `GridSearchCV`.
        random_state: An int makes the search repeatable.
        error_score: As in `GridSearchCV`. A candidate with a score of nan has failed.
        return_train_score: As in `GridSearchCV`.

    Attributes:
        cv_results_: The columns of `HalvingRandomSearchCV`, one row for each candidate and amount. `iter` is the place
            of the amount in `n_resources_`.
        best_index_: The best row among those with the most resources.
        n_resources_: The amounts, ascending.
        n_candidates_: How many candidates were fitted with each.
        n_iterations_: How many amounts there are.
        min_resources_: The smallest amount.
        max_resources_: The largest amount.
        optimizer_: The `Optimizer`, for `explain`, `importance` and reports.

    The others are those of `GridSearchCV`: `best_estimator_`, `best_params_`, `best_score_`, `classes_`,
    `feature_names_in_`, `multimetric_`, `n_features_in_`, `n_splits_`, `refit_time_` and `scorer_`.
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 - scikit-learn's form
        **{name: kinds for name, kinds in _CONSTRAINTS.items() if name != "pre_dispatch"},
        "space": [Mapping, list],
        "resource": [str],
        "min_resources": [Interval(Integral, 0, None, closed="neither"), StrOptions({"auto", "smallest"})],
        "max_resources": [Interval(Integral, 0, None, closed="neither"), StrOptions({"auto"})],
        "eta": [Interval(Real, 1, None, closed="neither")],
        "n_trials": [Interval(Integral, 1, None, closed="left"), None],
        "max_budget": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        space: Any,
        *,
        resource: str = SAMPLES,
        min_resources: int | str = "auto",
        max_resources: int | str = "auto",
        eta: float = 3,
        n_trials: int | None = None,
        max_budget: float | None = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.space = space
        self.resource = resource
        self.min_resources = min_resources
        self.max_resources = max_resources
        self.eta = eta
        self.n_trials = n_trials
        self.max_budget = max_budget
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.target_tags = inner.target_tags
        tags.array_api_support = False
        return tags

    @_fit_context(prefer_skip_nested_validation=False)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, **params: Any) -> "BOHBSearchCV":
        """Search, and fit the best candidate on all data.

        Args:
            X: `(n_samples, n_features)` the samples.
            y: `(n_samples,)` or `(n_samples, n_outputs)` the target; None for unsupervised learning.
            **params: Passed to the `fit` of the estimator, the scorer, and the splitter, as in `GridSearchCV`.

        Returns:
            The search itself.
        """
        if y is None and get_tags(self).target_tags.required:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        if getattr(self, "_skl_callbacks", None):
            warnings.warn(f"{type(self).__name__} runs no callbacks; set them on the estimator", stacklevel=2)
        scorers, metric = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = [(indices(train), indices(test)) for train, test in cv.split(X, y, **routed.splitter.split)]
        if not splits:
            raise ValueError("No fits were performed. Was the CV iterator empty?")
        self.n_splits_ = len(splits)
        seed, labels = int(check_random_state(self.random_state).randint(2**31 - 1)), self._labels(y)
        space, read = self._read_space()
        ladder, rng = self._amounts(_num_samples(X), labels), np.random.default_rng(seed)
        self.optimizer_ = Optimizer(space, ladder, seed=seed, objectives={"score": "maximize"})
        settings = {
            "scorer": scorers,
            "fit_params": routed.estimator.fit,
            "score_params": routed.scorer.score,
            "return_train_score": self.return_train_score,
            "return_n_test_samples": True,
            "return_times": True,
            "error_score": self.error_score,
            "verbose": self.verbose,
        }
        orders = [sample_order(train, labels, rng) for train, _ in splits]
        fits = CandidateFits(clone(self.estimator), (X, y), splits, orders, self.resource, settings)
        with Parallel(n_jobs=self.n_jobs) as parallel:
            rows = self._search(fits, partial(fits.run, parallel), read)
        self._conclude(rows, ladder, callable(self.scoring), metric)
        self.scorer_ = getattr(scorers, "_scorers", scorers)
        if self.refit:
            self._refit(X, y, routed.estimator.fit)
        return self

    # What is searched.

    def _read_space(self) -> tuple[Mapping[str, Any], Read]:
        found = read_space(self.space)
        spaces = self.space if isinstance(self.space, list) else [self.space]
        if self.resource != SAMPLES and any(self.resource in each for each in spaces):
            raise ValueError(
                f"Cannot use parameter {self.resource} as the resource since it is part of the searched parameters."
            )
        return found

    def _labels(self, y: Any) -> Any:
        """Return the classes of all samples; None if there are none, or several for each."""
        is_single = is_classifier(self.estimator) and type_of_target(y) in ("binary", "multiclass")
        return np.asarray(y).ravel() if is_single else None

    def _amounts(self, num_samples: int, labels: Any) -> Ladder:
        """Return the amounts of the resource, and set their ends as attributes."""
        self.max_resources_ = self._largest(num_samples)
        self.min_resources_ = self._smallest(labels)
        if self.min_resources_ > self.max_resources_:
            raise ValueError(
                f"min_resources_={self.min_resources_} is greater than max_resources_={self.max_resources_}."
            )
        return geometric(self.min_resources_, self.max_resources_, eta=self.eta)

    def _largest(self, num_samples: int) -> int:
        own = {**self.estimator.get_params(), SAMPLES: num_samples}
        if self.resource not in own:
            kind = type(self.estimator).__name__
            raise ValueError(f"Cannot use resource={self.resource} which is not supported by estimator {kind}")
        found: Any = own[self.resource] if self.max_resources == "auto" else self.max_resources
        if isinstance(found, bool) or not isinstance(found, Integral) or int(found) < 1:
            raise ValueError(
                f"max_resources='auto' takes the estimator's own {self.resource}, which is {found!r} and no positive "
                "integer; set max_resources"
            )
        if self.resource == SAMPLES and int(found) > num_samples:
            raise ValueError(f"max_resources={found} is greater than the number of samples, {num_samples}.")
        return int(found)

    def _smallest(self, labels: Any) -> int:
        if not isinstance(self.min_resources, str):
            return int(self.min_resources)
        num_classes = 1 if labels is None else len(np.unique(labels))
        fewest = self.n_splits_ * 2 * num_classes if self.resource == SAMPLES else 1
        share = 0 if self.min_resources == "smallest" else self.max_resources_ / self.eta**MOST_STEPS
        return min(max(fewest, int(share)), self.max_resources_)

    # The search.

    def _search(self, fits: CandidateFits, run: Callable[[Any], list[list[Output]]], read: Read) -> list[Row]:
        """Fit candidates until the search has spent enough."""
        rows: list[Row] = []
        trials, together = self._trials(fits), max(1, effective_n_jobs(self.n_jobs) // self.n_splits_)
        following = partial(next, trials, None)
        while batch := [(trial, read(trial.config)) for trial in islice(iter(following, None), together)]:
            for (trial, params), outputs in zip(batch, run(batch), strict=True):
                amount = {} if self.resource == SAMPLES else {self.resource: trial.budget}
                rows.append((trial, {**params, **amount}, outputs))
                self._tell(trial, params, outputs, str(trial.id) if str(trial.id) in fits.kept else None)
            for name in self.optimizer_.releasable():
                fits.kept.pop(name, None)
            if len(rows) >= HOPELESS and all(output["fit_error"] for _, _, outputs in rows for output in outputs):
                break
        return rows

    def _trials(self, fits: CandidateFits) -> Iterator[Trial | None]:
        """Yield trials until the search has spent enough; the last one has all resources if none had before.

        None comes where the next trial depends on those that are not over.
        """
        num, spent, is_full = 0, 0, False
        most = self.n_trials or inf
        enough = self.max_budget or (inf if self.n_trials else DEFAULT_FITS * self.max_resources_)
        while num < most and spent < enough:
            is_last = not is_full and (num == most - 1 or spent + self.max_resources_ >= enough)
            if is_last and self.optimizer_.pending:
                yield None
            best = self.optimizer_.incumbent
            if is_last and best is not None:
                self.optimizer_.enqueue(best.trial.config, self.max_resources_)
            try:
                trial = self.optimizer_.ask()
            except SpaceExhausted:
                return
            is_full = is_full or trial.budget == self.max_resources_
            num, spent = num + 1, spent + trial.budget - fits.done(trial)
            yield trial

    def _tell(self, trial: Trial, params: dict[str, Any], outputs: list[Output], checkpoint: str | None) -> None:
        score = float(np.mean([self._followed(output["test_scores"]) for output in outputs]))
        self.optimizer_.tell(trial, score, checkpoint=checkpoint)
        if self.verbose:
            print(f"trial {trial.id}: n_resources={trial.budget}, mean_test_score={score:.4f}, {params}")

    def _followed(self, scores: Any) -> float:
        """Return the score that the search follows."""
        if not isinstance(scores, dict):
            return float(scores)
        if callable(self.scoring):
            self._check_refit_for_multimetric(scores)
        return float(scores[self.refit] if isinstance(self.refit, str) else next(iter(scores.values())))

    # What came out.

    def _conclude(self, rows: list[Row], ladder: Ladder, is_callable: bool, metric: str) -> None:
        outputs = [output for _, _, found in rows for output in found]
        _warn_or_raise_about_fit_failures(outputs, self.error_score)
        if is_callable:
            _insert_error_scores(outputs, self.error_score)
        self.multimetric_ = isinstance(outputs[0]["test_scores"], dict)
        amounts = [trial.budget for trial, _, _ in rows]
        more = {"iter": [ladder.level(amount) for amount in amounts], "n_resources": amounts}
        results = self._format_results([params for _, params, _ in rows], self.n_splits_, outputs, more)
        self.n_resources_, self.n_iterations_ = list(ladder), len(ladder)
        self.n_candidates_ = [amounts.count(amount) for amount in ladder]
        if self.refit or not self.multimetric_:
            metric = self.refit if is_callable and self.multimetric_ else metric
            self.best_index_ = self._select_best_index(self.refit, metric, results)
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
            self.best_params_ = results["params"][self.best_index_]
        self.cv_results_ = results

    @staticmethod
    def _select_best_index(refit: Any, refit_metric: str, results: dict[str, Any]) -> Any:
        """Return the row with the best score among those with the most resources."""
        if callable(refit):
            return BaseSearchCV._select_best_index(refit, refit_metric, results)  # noqa: SLF001
        scores = np.nan_to_num(results[f"mean_test_{refit_metric}"], nan=-np.inf)
        amounts = np.where(scores == -np.inf, 0, results["n_resources"])
        top = np.flatnonzero(amounts == amounts.max())
        return top[np.argmax(scores[top])]

    def _refit(self, X: Any, y: Any, fit_params: Mapping[str, Any]) -> None:
        self.best_estimator_ = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        start = time.time()
        target = () if y is None else (y,)
        self.best_estimator_.fit(X, *target, **fit_params)
        self.refit_time_ = time.time() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_

    def _run_search(self, evaluate_candidates: Any) -> None:
        raise NotImplementedError("fit runs the search itself")
