"""Transforms of losses into values for a Gaussian process."""

import numpy as np

from bohb.arrays import Floats, Mask
from bohb.surrogates.lazy_scipy import scipy_part


def standardise(losses: Floats, reliable: Mask | None = None) -> Floats:
    """Return `(n,)` losses as values for a Gaussian process: the average of normal scores and clipped losses.

    Normal scores, the normal quantiles of the ranks, are well behaved for any distribution of the losses. The clipped
    losses keep the differences between the best ones: a loss further from the best than twice the median distance is
    set to that limit. Both parts have mean 0 and standard deviation 1, or nearly so.

    Args:
        losses: `(n,)` finite losses.
        reliable: `(n,)` losses that the limit must not hide. The median is that of all losses or that of the reliable
            ones, whichever is larger.
    """
    _, ranks, counts = np.unique(losses, return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / len(losses)  # equal losses share their middle rank
    normal = scipy_part("special").ndtri(middle[ranks])
    behind, _ = behind_best(losses)
    limit = max(2 * _quantile(some, 0.5) for some in _groups(behind, reliable))
    return np.asarray(0.5 * (normal + _centred(np.minimum(behind, limit))))


def cut_off(losses: Floats, reliable: Mask | None = None) -> Floats:
    """Return `(n,)` losses as values for a Gaussian process: clipped at the upper end, with mean 0 and deviation 1.

    The limit lies three times as far above the median as the upper quartile does.

    Args:
        losses: `(n,)` finite losses.
        reliable: `(n,)` losses that the limit must not hide. The limit is that of all losses or that of the reliable
            ones, whichever is larger.
    """
    behind, _ = behind_best(losses)
    return _centred(np.minimum(behind, _limit(behind, reliable)))


def clipped(losses: Floats, reliable: Mask | None = None, *, width: float = 3.0) -> Floats:
    """Return `(n,)` losses, of which those above a limit are set to it.

    Where most losses equal the best one, the limit is that of the others; otherwise none of these would count as worse.

    Args:
        losses: As in `cut_off`.
        reliable: As in `cut_off`.
        width: How many times as far above the median as the upper quartile the limit lies.
    """
    behind, unit = behind_best(losses)
    limit, others = _limit(behind, reliable, width), behind[behind > 0]
    if not limit and len(others):
        limit = _limit(others, None, width)
    return np.asarray(np.minimum(losses, unit * min(losses.min() / unit + limit, 1.0)))


def behind_best(losses: Floats) -> tuple[Floats, float]:
    """Return how far `(n,)` losses lie behind the best, and the unit of that: the largest absolute loss.

    In this unit no difference overflows.
    """
    unit = max(float(np.abs(losses).max()), float(np.finfo(float).tiny))
    scaled = losses / unit
    return scaled - scaled.min(), unit  # exactly 0 for equal losses, so `_centred` cannot inflate rounding errors


def _limit(behind: Floats, reliable: Mask | None, width: float = 3.0) -> float:
    """Return the limit of differences to the best loss; see `cut_off` and `clipped`."""
    quantiles = [(_quantile(some, 0.5), _quantile(some, 0.75)) for some in _groups(behind, reliable)]
    return max(median + width * (quartile - median) for median, quartile in quantiles)


def _groups(values: Floats, reliable: Mask | None) -> list[Floats]:
    """Return all values, and the reliable ones if there are any; sorted."""
    groups = [values] if reliable is None or not reliable.any() else [values, values[reliable]]
    return [np.sort(group) for group in groups]


def _quantile(ascending: Floats, level: float) -> float:
    """Return a quantile by linear interpolation: `np.quantile` without its checks, which take most of its time."""
    position = level * (len(ascending) - 1)
    below = int(position)
    low, high = ascending[below], ascending[min(below + 1, len(ascending) - 1)]
    return float(low + (high - low) * (position - below))


def _centred(values: Floats) -> Floats:
    """Return non-negative values shifted and scaled to mean 0 and standard deviation 1; zeros if all are equal."""
    values = np.ldexp(values, -np.frexp(values.max())[1])  # exact, and squares cannot underflow
    spread = values.std()
    return np.asarray((values - values.mean()) / spread) if spread > 0 else np.zeros_like(values)
