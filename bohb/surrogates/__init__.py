"""What predicts: Gaussian processes and kernel densities. Arrays in, arrays out; no configuration and no budget.

Write your own: an object with `name`, `transform` and `fit` is a surrogate (see `Surrogate`).
"""

from bohb.surrogates.gp_surrogate import GaussianProcessSurrogate
from bohb.surrogates.protocol import Examples, Posterior, Surrogate

__all__ = ["Examples", "GaussianProcessSurrogate", "Posterior", "Surrogate"]
