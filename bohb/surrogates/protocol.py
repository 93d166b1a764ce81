"""What a surrogate is: it predicts the losses of configurations at budgets, and says how sure it is.

Arrays in, arrays out. A point is a configuration, encoded as `d` floats (NaN where a parameter is inactive), and its
budget as one more column in [0, 1], where 1 is the full budget.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Examples:
    """What a surrogate is fitted to.

    Attributes:
        points: `(n, d + 1)` points.
        values: `(n,)` values, as `Surrogate.transform` returned them.
        categorical: `(d + 1,)` which columns hold the index of a choice.
        unreliability: `(n,)` in [0, 1]: 0 for values at the full budget, 1 for those at the smallest.
        chosen: `(m,)` rows from which to learn hyperparameters, where learning from all would cost too much.
    """

    points: Floats
    values: Floats
    categorical: Mask
    unreliability: Floats
    chosen: NDArray[np.intp]


class Posterior(Protocol):
    """What a fitted surrogate predicts."""

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Return the means and positive standard deviations, each `(m,)`, of the function at `(m, d + 1)` points.

        Their unit is free, as long as it is the same for all calls.
        """
        ...

    def log_predictive(self, rows: NDArray[np.intp]) -> Floats:
        """Return `(k,)` log densities of k of the example values, each predicted from the others.

        Their unit is that of the example values.
        """
        ...

    def believing(self, points: Floats) -> "Posterior":
        """Return the posterior as if its own mean had been observed at `(k, d + 1)` points that are pending."""
        ...


class Surrogate(Protocol):
    """A way to predict losses. It holds settings only.

    Attributes:
        name: For `explain`.
    """

    @property
    def name(self) -> str:
        """The name, for `explain`."""
        ...

    def transform(self, losses: Floats, at_full_budget: Mask) -> Floats:
        """Return `(n,)` finite losses as the values to fit: in the same order, tamed as the surrogate needs it."""
        ...

    def fit(self, examples: Examples) -> Posterior:
        """Return what the surrogate predicts, given examples; at least one."""
        ...
