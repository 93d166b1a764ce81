"""How a search of scikit-learn fits one candidate with some of the resources, and fits it further with more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection._validation import _fit_and_score
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples

from bohb.arrays import Floats
from bohb.trials import Trial

SAMPLES = "n_samples"
"""The resource that is no parameter of the estimator."""

Output = dict[str, Any]
"""What `_fit_and_score` returns for one candidate and one split."""
Split = tuple[Any, Any]
"""The indices for training and for testing."""


@dataclass
class Kept:
    """The estimators of a candidate, one for each split, fitted with some amount of the resource."""

    amount: int
    estimators: list[Any]


@dataclass
class CandidateFits:
    """Fits and scores candidates on all splits.

    Attributes:
        estimator: The estimator, not fitted.
        data: X and y.
        splits: The splits.
        orders: For each split, its training samples in the order in which they come into use.
        resource: The resource.
        settings: Further arguments of `_fit_and_score`.
        kept: The estimators that may be fitted further, by the name that the search has for them.
    """

    estimator: Any
    data: tuple[Any, Any]
    splits: Sequence[Split]
    orders: Sequence[Any]
    resource: str
    settings: Mapping[str, Any]
    kept: dict[str, Kept] = field(default_factory=dict)

    def run(self, parallel: Parallel, candidates: Sequence[tuple[Trial, dict[str, Any]]]) -> list[list[Output]]:
        """Return the outputs of candidates, one list each, one output for each split."""
        num = len(self.splits)
        tasks = (self._task(trial, params, split) for trial, params in candidates for split in range(num))
        outputs = parallel(tasks)
        each = [outputs[start : start + num] for start in range(0, len(outputs), num)]
        for (trial, _), found in zip(candidates, each, strict=True):
            estimators = [output.pop("estimator", None) for output in found]
            if None not in estimators and not any(output["fit_error"] for output in found):
                self.kept[str(trial.id)] = Kept(trial.budget, estimators)
        return each

    def done(self, trial: Trial) -> int:
        """Return the amount with which a candidate is already fitted."""
        return self.kept[trial.checkpoint].amount if trial.checkpoint in self.kept else 0

    def _task(self, trial: Trial, params: dict[str, Any], split: int) -> Any:
        estimator, changed = self._prepared(trial, params, split)
        train, test = self.splits[split]
        return delayed(_fit_and_score)(
            estimator,
            *self.data,
            train=self._some(split, trial.budget) if self.resource == SAMPLES else train,
            test=test,
            parameters=changed,
            split_progress=(split, len(self.splits)),
            return_estimator=self._goes_on(params),
            **self.settings,
        )

    def _prepared(self, trial: Trial, params: dict[str, Any], split: int) -> tuple[Any, dict[str, Any]]:
        """Return an estimator, and the parameters to set before it is fitted."""
        if self.resource == SAMPLES:
            return clone(self.estimator), params
        if trial.checkpoint not in self.kept:
            return clone(self.estimator), {**params, self.resource: trial.budget}
        kept = self.kept[trial.checkpoint]
        estimator = kept.estimators[split]
        more = trial.budget if _counts_in_all(estimator, self.resource) else trial.budget - kept.amount
        return estimator, {self.resource: more}

    def _goes_on(self, params: dict[str, Any]) -> bool:
        """Whether an estimator with these parameters can be fitted further with more of the resource."""
        owner, separator, name = self.resource.rpartition("__")
        if name not in ("n_estimators", "max_iter"):
            return False
        estimator = clone(self.estimator).set_params(**clone(params, safe=False))
        is_warm = estimator.get_params().get(f"{owner}{separator}warm_start") is True
        return is_warm and _is_fitted_itself(estimator, owner.split("__") if owner else [])

    def _some(self, split: int, amount: int) -> Any:
        """Return the training samples of a split for some of all samples: those of less, and more, in their order."""
        order = self.orders[split]
        num = max(1, int(amount / _num_samples(self.data[0]) * len(order)))
        return self.splits[split][0][np.sort(order[:num])]


def _is_fitted_itself(estimator: Any, owner: Sequence[str]) -> bool:
    """Whether `fit` trains the owner of the resource, and not a clone of it, as all but the end of a pipeline does."""
    for name in owner:
        if not isinstance(estimator, Pipeline) or name != estimator.steps[-1][0]:
            return False
        estimator = estimator.steps[-1][1]
    return True


def _counts_in_all(estimator: Any, resource: str) -> bool:
    """Whether the resource of a fitted estimator counts what is fitted already; `max_iter` mostly does not."""
    owner, _, name = resource.rpartition("__")
    part = estimator.get_params()[owner] if owner else estimator
    return name == "n_estimators" or isinstance(part, HistGradientBoostingClassifier | HistGradientBoostingRegressor)


def indices(part: Any) -> Any:
    """Return the samples of one part of a split, which a user may also give as a list or a mask."""
    found = np.asarray(part)
    return np.flatnonzero(found) if found.dtype == bool else found


def sample_order(train: Any, labels: Any, rng: np.random.Generator) -> Any:
    """Return a random order of training samples, of which every beginning has each label about as often as the whole.

    Args:
        train: The indices of the training samples.
        labels: The labels of all samples, or None if there are none.
        rng: Where the order is drawn.

    Returns:
        Places in `train`.
    """
    order = rng.permutation(len(train))
    if labels is None:
        return order
    _, codes = np.unique(labels[train[order]], return_inverse=True)
    share: Floats = np.empty(len(order))
    for code in range(codes.max() + 1):
        members = np.flatnonzero(codes == code)
        share[members] = np.arange(len(members)) / len(members)  # the first of each label come first
    return order[np.argsort(share, kind="stable")]
