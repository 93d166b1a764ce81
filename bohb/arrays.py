"""Types of arrays, for annotations."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""Numbers; where a row is a point or a vector, NaN marks an inactive parameter."""

Indices = NDArray[np.intp]
"""Indices, or counts."""

Mask = NDArray[np.bool_]
"""A yes or no for each element."""
