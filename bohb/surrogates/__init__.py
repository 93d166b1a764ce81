"""Surrogates: Gaussian processes and kernel densities. Arrays in, arrays out; no configurations and no ladders.

To write your own, implement `name`, `transform` and `fit` as in `Surrogate`.
"""

from bohb.surrogates.gp_surrogate import GaussianProcessSurrogate
from bohb.surrogates.protocol import Examples, Posterior, Surrogate

__all__ = ["Examples", "GaussianProcessSurrogate", "Posterior", "Surrogate"]
