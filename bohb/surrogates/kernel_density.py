"""Kernel density: a mixture of product kernels, one kernel per observed point.

Arrays in, arrays out. This file knows neither configurations nor budgets nor losses: a point is a row of floats, NaN
where a parameter is inactive, and `Columns` gives the kind of each column.

A kernel is a product with one factor per column (Falkner, Klein, Hutter 2018, Algorithm 2):

* continuous: the density of a Gaussian truncated to [0, 1];
* binned: the mass of the same truncated Gaussian in a bin (Watanabe 2023, arXiv 2304.11127);
* categorical: the kernel of Aitchison and Aitken 1976 over all choices of the space;
* inactive: 1 if the query is inactive, which marginalises; the uniform density if the kernel is.

Compared with statsmodels' `KDEMultivariate`: no Gaussian extends beyond the bounds, the number of choices is known and
not guessed from the data, bandwidths that make densities negative are refused, and queries are vectorised.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bohb.arrays import Floats, Indices, Mask
from bohb.space.columns import Bins, Columns
from bohb.surrogates.lazy_scipy import scipy_part

_TINY = 1e-304  # the smallest probability of a bin or choice: -700 in logs, so that 0 * -inf cannot occur
_NARROW = 1e-3  # below this bandwidth an expanded square loses more than 1e-10, so differences are squared instead
_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)


class KernelDensity:
    """A mixture of product kernels, sum_j w_j prod_d k_d(x_d; mu_jd, h_jd), plus a uniform component, the prior.

    Args:
        points: `(n, d)` the centres of the kernels, NaN where inactive. n may be 0 if there is a prior.
        bandwidths: `(d,)` shared by all kernels, or `(n, d)`. In [1e-9, 1e6] for a numeric column, in [0, (c-1)/c] for
            a categorical one with c choices.
        columns: The kinds of the columns.
        weights: `(n,)` relative weights of the kernels, non-negative; equal by default.
        prior_weight: The weight of the prior, in units of the average kernel.
        bounded: Whether the Gaussians are normalised on [0, 1]. False gives the densities of the paper and of
            statsmodels. Samples are truncated to [0, 1] either way, as in HpBandSter.

    Raises:
        ValueError: If shapes do not match, a bandwidth or a weight is out of range, or there is no component.
    """

    def __init__(
        self,
        points: ArrayLike,
        bandwidths: ArrayLike,
        columns: Columns,
        *,
        weights: ArrayLike | None = None,
        prior_weight: float = 0.0,
        bounded: bool = True,
    ) -> None:
        rows, widths = np.asarray(points, dtype=float), np.asarray(bandwidths, dtype=float)
        _check_shapes(rows, widths, len(columns.edges))
        self._columns, self._bounded = columns, bounded
        rows, widths, self._shares = _weighted(rows, widths, _shares(weights, len(rows), prior_weight))
        # From here on arrays are transposed: (d, n). The prior, if any, is the last kernel. It is inactive in every
        # column, so that all its factors are uniform.
        centres = np.full((len(columns.edges), len(self._shares)), np.nan)
        centres[:, : len(rows)] = rows.T
        self._active = ~np.isnan(centres)
        numbers = [bins.find(centres[bins.column]) for bins in columns.bins]
        self._centres = np.where(self._active, centres, 0.5)
        for bins, its_numbers in zip(columns.bins, numbers, strict=True):
            self._centres[bins.column] = bins.centres[its_numbers]
        self._widths = self._per_kernel(widths)
        self._log_norms = self._norms()
        self._features = self._kernel_features()
        self._tables = [self._table_of(*pair) for pair in zip(columns.bins, numbers, strict=True)]

    def log_pdf(self, points: ArrayLike) -> Floats:
        """Return the log density: with respect to length in continuous columns, and to counting in the others.

        Args:
            points: `(m, d)`; a column that is NaN is integrated out.

        Returns:
            `(m,)` values, all finite if there is a prior.
        """
        queries = np.asarray(points, dtype=float)
        terms: Floats = self._query_features(queries) @ self._features
        if (self._widths < _NARROW).any():
            for column in self._narrow():
                terms -= self._half_squares(queries[:, column], column)
        for bins, table in zip(self._columns.bins, self._tables, strict=True):
            terms += table.log_factors(bins, queries[:, bins.column])
        largest = terms.max(axis=1)
        terms -= largest[:, None]
        with np.errstate(under="ignore"):  # distant kernels contribute 0, even if the user made numpy raise
            return np.asarray(np.log(np.exp(terms, out=terms).sum(axis=1)) + largest)

    def sample(self, rng: np.random.Generator, num: int, *, widening: float = 1.0) -> Floats:
        """Draw points that have a value in every column.

        Args:
            rng: The only source of randomness. `num * (d + 1)` uniform numbers are drawn from it.
            num: The number of points.
            widening: The factor, at least 1, by which the bandwidths are multiplied for this draw. A categorical one
                stays at most (c-1)/c (Falkner, Klein, Hutter 2018, Algorithm 2, line 5).

        Returns:
            `(num, d)` continuous values in [0, 1], centres of bins, and indices of choices. Where the drawn kernel is
            inactive, the value is uniform.
        """
        uniforms = rng.random((len(self._centres) + 1, num))
        cumulative = self._shares.cumsum()
        drawn = cumulative.searchsorted(uniforms[-1] * cumulative[-1], side="right")
        centres, active = self._centres.take(drawn, axis=1), self._active.take(drawn, axis=1)
        widths = widening * (self._widths if self._widths.shape[1] == 1 else self._widths.take(drawn, axis=1))
        values = uniforms[:-1]
        self._sample_numeric(values, centres, active, widths)
        self._sample_categorical(values, centres, active, widths)
        return np.ascontiguousarray(values.T)

    def _per_kernel(self, widths: Floats) -> Floats:
        """Return (d,) bandwidths as (d, 1), and (n, d) ones as (d, n) with an unused entry for the prior, if any."""
        low, high = self._columns.narrowest, self._columns.widest
        if not ((widths >= low) & (widths <= high)).all():
            raise ValueError(f"expected bandwidths between {low} and {high}, got {widths}")
        if widths.ndim == 1:
            return widths[:, None].copy()
        columns = np.repeat(np.minimum(high, 1.0)[:, None], len(self._shares), axis=1)
        columns[:, : len(widths)] = widths.T
        return columns

    # --- one matrix product: query features (m, F) times kernel features (F, n) -------------------------------------

    def _kernel_features(self) -> Floats:
        """Return (F, n): -(x-mu)^2 / 2h^2 as coefficients of x^2, x and 1; log factors of all choices; log weights."""
        cont = self._columns.continuous
        active, widths = self._active[cont], self._widths[cont]
        centres = self._centres[cont] - 0.5  # smaller numbers, smaller rounding errors
        linear = centres * (squares := np.where(active & (widths >= _NARROW), widths**-2.0, 0.0))
        norms = np.where(active, np.log(widths) + _LOG_SQRT_2PI + self._log_norms[cont], 0.0)
        weights = np.log(self._shares / self._shares.sum())
        return np.concatenate(
            [-0.5 * squares, linear, -0.5 * linear * centres - norms, self._choice_factors(), weights[None]]
        )

    def _query_features(self, queries: Floats) -> Floats:
        """Return (m, F): x^2, x, 1 where active; the choices, one-hot; 1."""
        columns, num, k = self._columns, len(queries), len(self._columns.continuous)
        active = queries == queries
        filled = np.where(active, queries, 0.5)  # a centred value is then 0, and a choice a valid index
        features = np.zeros((num, 3 * k + columns.offsets[-1] + 1))
        features[:, k : 2 * k] = values = filled[:, columns.continuous] - 0.5
        features[:, :k] = values * values
        features[:, 2 * k : 3 * k] = active[:, columns.continuous]
        if len(columns.counts):
            chosen = filled[:, columns.categorical].astype(np.intp) + (columns.offsets[:-1] + 3 * k)
            features[np.arange(num)[:, None], chosen] = active[:, columns.categorical]
        features[:, -1] = 1.0
        return features

    def _narrow(self) -> Indices:
        """Return the continuous columns in which expanded squares would lose too many digits."""
        cont = self._columns.continuous
        narrow: Indices = cont[(self._widths[cont] < _NARROW).any(axis=1)]
        return narrow

    def _half_squares(self, values: Floats, column: int) -> Floats:
        """Return (m, n) halves of squared distances to the narrow kernels, whose features leave them out."""
        distances = (values[:, None] - self._centres[column]) / self._widths[column]
        wanted = self._active[column] & (self._widths[column] < _NARROW) & ~np.isnan(values)[:, None]
        return np.where(wanted, 0.5 * distances * distances, 0.0)

    def _norms(self) -> Floats:
        """Return (d, n) logs of the mass of each Gaussian in [0, 1]; zeros if the mixture is not `bounded`."""
        norms = np.zeros(self._centres.shape)
        if self._bounded:
            numeric = self._columns.numeric
            centres, widths = self._centres[numeric], self._widths[numeric]
            norms[numeric] = np.log1p(-_ndtr(-centres / widths) - _ndtr((centres - 1) / widths))
        return norms

    def _moves(self, active: Mask, widths: Floats) -> Floats:
        """Return the probability of another choice than the kernel's: the bandwidth, or (c-1)/c if it is inactive.

        Args:
            active: (categorical columns, k) whether each of k kernels is active.
            widths: Their bandwidths, of the same shape or (categorical columns, 1).
        """
        widest = self._columns.widest[self._columns.categorical, None]
        return np.where(active, np.minimum(widths, widest), widest)

    def _choice_factors(self) -> Floats:
        """Return (sum of c, n) log factors of all choices (Aitchison and Aitken 1976).

        These are log(1 - lambda) for the kernel's own choice, and log(lambda / (c-1)) for any other.
        """
        cat, counts = self._columns.categorical, self._columns.counts
        moves = self._moves(self._active[cat], self._widths[cat])
        others = np.log(np.maximum(moves / np.maximum(counts - 1, 1)[:, None], _TINY))
        factors = np.repeat(others, counts, axis=0)
        kept = self._centres[cat].astype(np.intp)  # 0.5 where inactive, so the first choice
        factors[kept + self._columns.offsets[:-1, None], np.arange(kept.shape[1])] = np.log1p(-moves)
        return factors

    def _table_of(self, bins: Bins, numbers: Indices) -> "_BinTable":
        widths, norms = self._widths[bins.column], self._log_norms[bins.column]
        kernels = np.arange(len(numbers))
        if len(widths) > 1:
            return _BinTable(numbers, kernels, widths, norms)
        # With one bandwidth for all, kernels in the same bin are equal.
        different, index = bins.distinct(numbers)
        first = np.empty(len(different), dtype=np.intp)
        first[index] = kernels
        return _BinTable(different, index, widths, norms[first])

    # --- sampling ---------------------------------------------------------------------------------------------------

    def _sample_numeric(self, uniforms: Floats, centres: Floats, active: Mask, widths: Floats) -> None:
        """Turn uniform numbers into draws of truncated Gaussians, in place; where inactive they stay uniform."""
        numeric = self._columns.numeric
        middles, spreads, shares = centres[numeric], widths[numeric], uniforms[numeric]
        below, above = _ndtr(-middles / spreads), _ndtr((middles - 1) / spreads)
        values = middles + spreads * _ndtri(below + shares * (1 - below - above))
        values = np.minimum(np.maximum(values, 0.0), 1.0)
        uniforms[numeric] = np.where(active[numeric], values, shares)
        for bins in self._columns.bins:
            uniforms[bins.column] = bins.centres[bins.find(uniforms[bins.column])]

    def _sample_categorical(self, uniforms: Floats, centres: Floats, active: Mask, widths: Floats) -> None:
        """Turn uniform numbers into choices, in place: the kernel's below 1 - lambda, one of the others above."""
        cat, others = self._columns.categorical, self._columns.counts[:, None] - 1
        if len(cat) == 0:
            return
        moves, kept = self._moves(active[cat], widths[cat]), np.floor(centres[cat])
        excess = uniforms[cat] - (1 - moves)
        chosen = np.minimum(np.floor(excess / np.maximum(moves, _TINY) * others), others - 1)
        uniforms[cat] = np.where(excess < 0, kept, chosen + (chosen >= kept))


@dataclass(frozen=True, eq=False)
class _BinTable:
    """The C distinct kernels of one binned column.

    Attributes:
        numbers: (C,) the bin of each distinct kernel.
        index: (n,) the distinct kernel of each component.
        widths: (C,) or (1,) bandwidths.
        log_norms: (C,) logs of the mass in [0, 1].
    """

    numbers: Indices
    index: Indices
    widths: Floats
    log_norms: Floats

    def log_factors(self, bins: Bins, values: Floats) -> Floats:
        """Return (m, n) log bin masses, computed once per pair of a distinct queried bin and a distinct kernel."""
        rows, queried = bins.distinct(bins.find(values))
        inactive = len(bins.log_widths)
        finite = rows[rows < inactive]
        table = _log_masses(bins.lower[finite], bins.upper[finite], bins.centres[self.numbers], self.widths)
        table -= self.log_norms
        table[:, self.numbers == inactive] = bins.log_widths[finite, None]
        if len(finite) < len(rows):
            table = np.concatenate([table, np.zeros((1, len(self.numbers)))])
        return table.take(self.index, axis=1).take(queried, axis=0)


def _log_masses(lower: Floats, upper: Floats, centres: Floats, widths: Floats) -> Floats:
    """Return (R, C) log masses of C untruncated Gaussians in R bins; exact, but at least -700."""
    near, far = (lower[:, None] - centres) / widths, (upper[:, None] - centres) / widths
    # Bins right of the centre are mirrored to the left, where both terms are small and their difference is exact.
    right = near > 0
    masses = _ndtr(np.where(right, -near, far)) - _ndtr(np.where(right, -far, near))
    return np.asarray(np.log(np.maximum(masses, _TINY)))


def _ndtr(values: Floats) -> Floats:
    """Return the standard normal distribution function."""
    return np.asarray(scipy_part("special").ndtr(values))


def _ndtri(values: Floats) -> Floats:
    """Return the standard normal quantile function."""
    return np.asarray(scipy_part("special").ndtri(values))


def _check_shapes(rows: Floats, widths: Floats, d: int) -> None:
    if rows.ndim != 2 or rows.shape[1] != d or widths.shape not in (rows.shape, (d,)):
        raise ValueError(
            f"expected points (n, {d}) and bandwidths (n, {d}) or ({d},), got {rows.shape}, {widths.shape}"
        )


def _weighted(rows: Floats, widths: Floats, shares: Floats) -> tuple[Floats, Floats, Floats]:
    """Return points, bandwidths and shares without the components of weight 0."""
    if shares.all():
        return rows, widths, shares
    kept = np.flatnonzero(shares[:-1])
    return rows[kept], widths[kept] if widths.ndim > 1 else widths, shares[shares > 0]


def _shares(weights: ArrayLike | None, num: int, prior_weight: float) -> Floats:
    """Return (n + 1,) weights in units of the average kernel, the last one that of the prior."""
    shares = np.ones(num + 1)
    shares[-1] = prior_weight
    if weights is not None:
        given = np.asarray(weights, dtype=float)
        if given.shape != (num,) or not (given >= 0).all() or not (num == 0 or 0 < given.sum() < np.inf):
            raise ValueError(f"expected ({num},) non-negative weights with a positive sum, got {given}")
        shares[:-1] = given / given.mean() if num else given
    if not 0 <= prior_weight < np.inf or num == prior_weight == 0:
        raise ValueError(f"expected points or a positive prior_weight, got {num} points and {prior_weight}")
    return shares
