"""The protocol of a surrogate, which predicts the losses of configurations at budgets, with uncertainty.

Arrays in, arrays out. A point is a configuration, encoded as `d` floats (NaN where a parameter is inactive), and its
budget as one more column in [0, 1], where 1 is the full budget.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from bohb.arrays import Floats, Indices, Mask


@dataclass(frozen=True, slots=True)
class Examples:
    """The data to which a surrogate is fitted.

    Attributes:
        points: `(n, d + 1)` points.
        values: `(n,)` values, as `Surrogate.transform` returned them.
        categorical: `(d + 1,)` the columns that hold the index of a choice.
        unreliability: `(n,)` in [0, 1]: 0 for values at the full budget, 1 for values at the smallest.
        chosen: `(m,)` the rows from which to learn hyperparameters, because learning from all takes too long.
    """

    points: Floats
    values: Floats
    categorical: Mask
    unreliability: Floats
    chosen: Indices


class Posterior(Protocol):
    """The predictions of a fitted surrogate."""

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Return the means and positive standard deviations, each `(m,)`, of the function at `(m, d + 1)` points.

        Their unit is arbitrary, but the same for all calls.
        """
        ...

    def log_predictive(self, rows: Indices) -> Floats:
        """Return the `(k,)` log densities of the example values in `(k,)` rows, each predicted from the others.

        Their unit is that of the example values.
        """
        ...

    def believing(self, points: Floats) -> "Posterior":
        """Return the posterior after observing its own mean at `(k, d + 1)` pending points."""
        ...


class Surrogate(Protocol):
    """A model of the losses. It holds settings only.

    Attributes:
        name: The name, for `explain`.
    """

    @property
    def name(self) -> str:
        """The name, for `explain`."""
        ...

    def transform(self, losses: Floats, at_full_budget: Mask) -> Floats:
        """Return `(n,)` finite losses as values to fit, in the same order from best to worst."""
        ...

    def learn(self, examples: Examples) -> Any:
        """Return what is learned rarely, such as length scales: JSON-able, or None if there is nothing."""
        ...

    def fit(self, examples: Examples, learned: Any) -> Posterior:
        """Return the posterior given at least one example.

        Args:
            examples: The data.
            learned: What `learn` returned, for these examples or for an earlier part of them. It is None where
                there were only failures to learn from.
        """
        ...
