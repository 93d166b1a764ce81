"""How wide the kernels of a density are: rules of thumb, and statsmodels' cross-validation. Arrays in, arrays out."""

import inspect
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from bohb.space.columns import Columns, Floats


def scott_bandwidths(points: ArrayLike, columns: Columns, *, minimum: float = 1e-3) -> Floats:
    """Scott's rule for numeric dimensions, a smoothed and always valid rule for categorical ones.

    Numeric: 1.06 std n^(-1/(4+d)), statsmodels' `normal_reference`. Categorical:
    lambda = min((c-1)/c, c/(n+c) (c-1)/c + 0.02), that is: n observations against one pseudo-observation per choice.

    Args:
        points: (n, d) NaN = inactive; std and n are those of the active values of a dimension.
        columns: What the columns are.
        minimum: Numeric bandwidths are at least this.

    Returns:
        (d,) valid bandwidths.
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
    """Bandwidths as statsmodels' `KDEMultivariate` finds them, which is what the paper used.

    Categorical bandwidths come from the integer codes of the choices there, and may exceed (c-1)/c; here they are
    clipped, since beyond it densities turn negative.

    Args:
        points: (n, d) with n > d and without NaN.
        columns: What the columns are; gridded dimensions count as continuous.
        rule: statsmodels' name of the rule.
        minimum: All bandwidths are at least this, unless it exceeds (c-1)/c.

    Returns:
        (d,) valid bandwidths.

    Raises:
        ValueError: A value is NaN, the rule is unknown, or n <= d.
    """
    values = np.asarray(points, dtype=float)
    if rule not in ("normal_reference", "cv_ml", "cv_ls"):
        raise ValueError(f"expected rule 'normal_reference', 'cv_ml' or 'cv_ls', got {rule!r}")
    if np.isnan(values).any():
        raise ValueError("expected points without NaN, since statsmodels knows no inactive dimensions: impute them")
    bandwidths = np.maximum(_fit_statsmodels(values, columns, rule), minimum)
    return np.asarray(np.minimum(bandwidths, columns.widest))


def _fit_statsmodels(values: Floats, columns: Columns, rule: str) -> Floats:
    from statsmodels.nonparametric.kernel_density import KDEMultivariate

    kinds = "".join("u" if count else "c" for count in columns.choices)
    # From 0.15 on a generator is asked for, although exact fits never draw from it; 0.14 does not know the argument.
    known = "rng" in inspect.signature(KDEMultivariate).parameters
    generator: dict[str, Any] = {"rng": np.random.default_rng(0)} if known else {}
    # The search for the best bandwidth also tries negative ones, where logarithms and divisions fail by design.
    with np.errstate(all="ignore"):
        return np.asarray(KDEMultivariate(values, kinds, bw=rule, **generator).bw, dtype=float)
