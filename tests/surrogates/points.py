"""Points and values to fit surrogates to."""

import numpy as np

MIXED = np.array([False, True, False, True])


def mixed_points(rng, num):
    """Two numeric and two categorical columns with three choices; a quarter of the values is inactive."""
    points = rng.random((num, 4))
    points[:, MIXED] = np.floor(3 * points[:, MIXED])
    points[rng.random((num, 4)) < 0.25] = np.nan
    return points


def smooth(points):
    return np.sin(5 * points[:, 0]) + points[:, 1] ** 2


def scaled(values):
    return (values - values.mean()) / values.std()
