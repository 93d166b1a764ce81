"""Bandwidths of kernel densities: Scott's rule, and the rules of statsmodels."""

import inspect
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from bohb.arrays import Floats
from bohb.space.columns import Columns


def scott_bandwidths(points: ArrayLike, columns: Columns, *, minimum: float = 1e-3) -> Floats:
    """Return bandwidths by Scott's rule in numeric columns, and by a smoothed rule in categorical ones.

    Numeric: 1.06 std n^(-1/(4+d)), which is statsmodels' `normal_reference`. Categorical with c choices:
    min((c-1)/c, c/(n+c) (c-1)/c + 0.02), which weighs n observations against one pseudo-observation per choice.
    Here n and std are those of the active values of the column.

    Args:
        points: `(n, d)`, NaN where inactive. n may be 0.
        columns: The kinds of the columns.
        minimum: The smallest numeric bandwidth.

    Returns:
        `(d,)` valid bandwidths.
    """
    values = np.asarray(points, dtype=float)
    active = ~np.isnan(values)
    counts = active.sum(axis=0)
    divisors = np.maximum(counts, 1)
    deviations = np.where(active, values - np.where(active, values, 0.0).sum(axis=0) / divisors, 0.0)
    std = np.sqrt((deviations * deviations).sum(axis=0) / divisors)
    bandwidths = np.maximum(1.06 * std * divisors ** (-1.0 / (4 + values.shape[1])), minimum)
    cat, c, limits = columns.categorical, columns.counts, columns.widest[columns.categorical]
    bandwidths[cat] = np.minimum(limits, c / (counts[cat] + c) * limits + 0.02)
    return np.asarray(bandwidths)


def statsmodels_bandwidths(
    points: ArrayLike,
    columns: Columns,
    *,
    rule: Literal["normal_reference", "cv_ml", "cv_ls"] = "normal_reference",
    minimum: float = 1e-3,
) -> Floats:
    """Return the bandwidths of statsmodels' `KDEMultivariate`, which the paper used.

    statsmodels computes categorical bandwidths from the indices of the choices, and they may exceed (c-1)/c. Densities
    would be negative there, so they are clipped to (c-1)/c.

    Args:
        points: `(n, d)` with n > d, without NaN.
        columns: The kinds of the columns; binned ones count as continuous.
        rule: The name of the rule in statsmodels.
        minimum: The smallest bandwidth; a categorical one stays at most (c-1)/c.

    Returns:
        `(d,)` valid bandwidths.

    Raises:
        ValueError: If a value is NaN, the rule is unknown, or n <= d.
    """
    values = np.asarray(points, dtype=float)
    if rule not in ("normal_reference", "cv_ml", "cv_ls"):
        raise ValueError(f"expected rule 'normal_reference', 'cv_ml' or 'cv_ls', got {rule!r}")
    if np.isnan(values).any():
        raise ValueError("expected points without NaN, because statsmodels has no inactive values; impute them")
    bandwidths = np.maximum(_fit_statsmodels(values, columns, rule), minimum)
    return np.asarray(np.minimum(bandwidths, columns.widest))


def _fit_statsmodels(values: Floats, columns: Columns, rule: str) -> Floats:
    from statsmodels.nonparametric.kernel_density import KDEMultivariate

    kinds = "".join("u" if count else "c" for count in columns.choices)
    # statsmodels 0.15 requires a generator, although exact fits never draw from it; 0.14 does not have the argument.
    has_generator = "rng" in inspect.signature(KDEMultivariate).parameters
    generator: dict[str, Any] = {"rng": np.random.default_rng(0)} if has_generator else {}
    # Cross-validation also tries negative bandwidths, where logarithms and divisions are invalid.
    with np.errstate(all="ignore"):
        return np.asarray(KDEMultivariate(values, kinds, bw=rule, **generator).bw, dtype=float)
