"""Mixtures of product kernels: what BOHB's model believes about good and about bad configurations.

Arrays in, arrays out. This file knows neither configurations nor budgets nor losses: a point is a row of floats, NaN
where a dimension is inactive, and `Columns` says what the columns are.

The kernels, one per dimension, multiplied (Falkner, Klein, Hutter 2018, Algorithm 2):

* continuous: a Gaussian truncated to [0, 1] and normalised there;
* gridded: the mass that the same truncated Gaussian gives to a bin (Watanabe 2023, arXiv 2304.11127);
* categorical: Aitchison and Aitken 1976, over all declared choices;
* inactive: marginalised, so the factor is 1 if the queried point is inactive, and the uniform prior's if the kernel is.

Why it is not simply statsmodels: there the Gaussians leak over the boundary, the number of choices is guessed from the
data, categorical bandwidths beyond the valid range make negative densities, and every query is a Python loop.
"""

import importlib
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bohb.space.columns import Columns, Floats, Grid, Indices

Mask = NDArray[np.bool_]

_TINY = 1e-304  # the floor of the probabilities of bins and choices: -700 in logs, so that 0 * -inf cannot appear
_NARROW = 1e-3  # below this bandwidth the expanded square loses more than 1e-10, so differences are taken instead
_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)


class KernelDensity:
    """A mixture of product kernels, sum_j w_j prod_d k_d(x_d; mu_jd, h_d), plus a prior component.

    Args:
        points: (n, d) the kernels' centres, NaN = inactive; n = 0 is allowed if there is a prior.
        bandwidths: (d,) for all kernels, or (n, d) one per kernel. Numeric ones in [1e-9, 1e6], categorical ones in
            [0, (c-1)/c].
        columns: What the columns are.
        weights: (n,) relative, non-negative; equal by default.
        prior_weight: Weight of the uniform component, in units of the average kernel.
        bounded: Whether the Gaussians are normalised on [0, 1]. False gives the densities of the paper and of
            statsmodels; samples are truncated to [0, 1] all the same, as in HpBandSter.

    Raises:
        ValueError: Shapes do not fit, a bandwidth or a weight is out of its range, or there is no component at all.
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
        rows, widths, d = np.asarray(points, dtype=float), np.asarray(bandwidths, dtype=float), len(columns.edges)
        if rows.ndim != 2 or rows.shape[1] != d or widths.shape not in (rows.shape, (d,)):
            raise ValueError(
                f"expected points (n, {d}) and bandwidths (n, {d}) or ({d},), got {rows.shape}, {widths.shape}"
            )
        self._columns, self._bounded = columns, bounded
        self._shares = _shares(weights, len(rows), prior_weight)
        if not self._shares.all():
            kept = np.flatnonzero(self._shares[:-1])
            rows, widths = rows[kept], widths[kept] if widths.ndim > 1 else widths
            self._shares = self._shares[self._shares > 0]
        # Everything below is (d, n): a dimension is a row. The prior, if any, is the last column: a kernel that is
        # inactive everywhere, so that all its factors are the uniform ones.
        centres = np.full((d, len(self._shares)), np.nan)
        centres[:, : len(rows)] = rows.T
        self._active = ~np.isnan(centres)
        self._bins = [grid.bins(centres[grid.dimension]) for grid in columns.grids]
        self._centres = np.where(self._active, centres, 0.5)
        for grid, bins in zip(columns.grids, self._bins, strict=True):
            self._centres[grid.dimension] = grid.centres[bins]
        self._widths = self._per_point(widths)
        self._log_norms = self._norms()
        self._features = self._kernel_features()
        self._tables = [self._table_of(grid, bins) for grid, bins in zip(columns.grids, self._bins, strict=True)]

    def log_pdf(self, points: ArrayLike) -> Floats:
        """Log density with respect to length on continuous dimensions and counting on the others.

        Args:
            points: (m, d) NaN = inactive, that is: integrated out.

        Returns:
            (m,) finite whenever there is a prior component.
        """
        queries = np.asarray(points, dtype=float)
        terms: Floats = self._query_features(queries) @ self._features
        if (self._widths < _NARROW).any():
            for dimension in self._narrow():
                terms -= self._half_squares(queries[:, dimension], dimension)
        for grid, table in zip(self._columns.grids, self._tables, strict=True):
            terms += table.log_factors(grid, queries[:, grid.dimension])
        largest = terms.max(axis=1)
        terms -= largest[:, None]
        with np.errstate(under="ignore"):  # what is far away counts as nothing, also where users make numpy strict
            return np.asarray(np.log(np.exp(terms, out=terms).sum(axis=1)) + largest)

    def sample(self, rng: np.random.Generator, num: int, *, widening: float = 1.0) -> Floats:
        """Draw points in which every dimension has a value.

        Args:
            rng: The only source of randomness; `num * (d + 1)` uniform numbers are drawn from it.
            num: How many points.
            widening: By which all bandwidths are multiplied for the draw, categorical ones up to (c-1)/c (Falkner,
                Klein, Hutter 2018, Algorithm 2, line 5); at least 1.

        Returns:
            (num, d) continuous values in [0, 1], the centres of bins, indices of choices. A dimension in which the
            drawn kernel is inactive comes from the uniform prior.
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

    def _per_point(self, widths: Floats) -> Floats:
        """Returns (d,) or (n, d) bandwidths as (d, 1), or as (d, n) with a column for the prior, which ignores it."""
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
        """(F, n): -(x-mu)^2 / 2h^2 as coefficients of x^2, x and 1; log factors of all choices; log weight."""
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
        """(m, F): x^2, x, whether active, the choices one-hot, 1."""
        columns, num, k = self._columns, len(queries), len(self._columns.continuous)
        active = queries == queries
        filled = np.where(active, queries, 0.5)  # so that centred values are 0 and choices have a place
        features = np.zeros((num, 3 * k + columns.offsets[-1] + 1))
        features[:, k : 2 * k] = values = filled[:, columns.continuous] - 0.5
        features[:, :k] = values * values
        features[:, 2 * k : 3 * k] = active[:, columns.continuous]
        if len(columns.counts):
            places = filled[:, columns.categorical].astype(np.intp) + (columns.offsets[:-1] + 3 * k)
            features[np.arange(num)[:, None], places] = active[:, columns.categorical]
        features[:, -1] = 1.0
        return features

    def _narrow(self) -> Indices:
        """The continuous dimensions in which expanded squares would lose too many digits."""
        cont = self._columns.continuous
        narrow: Indices = cont[(self._widths[cont] < _NARROW).any(axis=1)]
        return narrow

    def _half_squares(self, values: Floats, dimension: int) -> Floats:
        """(m, n) halved squared distances to the kernels whose features leave them out."""
        distances = (values[:, None] - self._centres[dimension]) / self._widths[dimension]
        wanted = self._active[dimension] & (self._widths[dimension] < _NARROW) & ~np.isnan(values)[:, None]
        return np.where(wanted, 0.5 * distances * distances, 0.0)

    def _norms(self) -> Floats:
        """(d, n) log of the mass that each Gaussian has in [0, 1]; zeros if that is not to be divided out."""
        norms = np.zeros(self._centres.shape)
        if self._bounded:
            numeric = self._columns.numeric
            centres, widths = self._centres[numeric], self._widths[numeric]
            norms[numeric] = np.log1p(-_ndtr(-centres / widths) - _ndtr((centres - 1) / widths))
        return norms

    def _moves(self, active: Mask, widths: Floats) -> Floats:
        """(categorical, k) the probability of leaving the kernel's choice; an inactive kernel leaves no trace of it."""
        widest = self._columns.widest[self._columns.categorical, None]
        return np.where(active, np.minimum(widths, widest), widest)

    def _choice_factors(self) -> Floats:
        """(sum c, n) Aitchison and Aitken 1976: log 1-lambda for the kernel's choice, log lambda/(c-1) else."""
        cat, counts = self._columns.categorical, self._columns.counts
        moves = self._moves(self._active[cat], self._widths[cat])
        others = np.log(np.maximum(moves / np.maximum(counts - 1, 1)[:, None], _TINY))
        factors = np.repeat(others, counts, axis=0)
        kept = self._centres[cat].astype(np.intp)  # inactive: 0.5, so the first
        factors[kept + self._columns.offsets[:-1, None], np.arange(kept.shape[1])] = np.log1p(-moves)
        return factors

    def _table_of(self, grid: Grid, bins: Indices) -> "_BinTable":
        widths, norms = self._widths[grid.dimension], self._log_norms[grid.dimension]
        places = np.arange(len(bins))
        if len(widths) > 1:
            return _BinTable(bins, places, widths, norms)
        # One bandwidth for all: kernels in the same bin are the same.
        different, where = grid.distinct(bins)
        first = np.empty(len(different), dtype=np.intp)
        first[where] = places
        return _BinTable(different, where, widths, norms[first])

    # --- sampling ---------------------------------------------------------------------------------------------------

    def _sample_numeric(self, uniforms: Floats, centres: Floats, active: Mask, widths: Floats) -> None:
        """Inverse cumulative distribution of the truncated Gaussian, in place; inactive dimensions stay uniform."""
        numeric = self._columns.numeric
        middles, spreads, shares = centres[numeric], widths[numeric], uniforms[numeric]
        below, above = _ndtr(-middles / spreads), _ndtr((middles - 1) / spreads)
        values = middles + spreads * _ndtri(below + shares * (1 - below - above))
        values = np.minimum(np.maximum(values, 0.0), 1.0)
        uniforms[numeric] = np.where(active[numeric], values, shares)
        for grid in self._columns.grids:
            uniforms[grid.dimension] = grid.centres[grid.bins(uniforms[grid.dimension])]

    def _sample_categorical(self, uniforms: Floats, centres: Floats, active: Mask, widths: Floats) -> None:
        """Stay below 1-lambda, otherwise one of the c-1 other choices, in place."""
        cat, others = self._columns.categorical, self._columns.counts[:, None] - 1
        if len(cat) == 0:
            return
        moves, kept = self._moves(active[cat], widths[cat]), np.floor(centres[cat])
        excess = uniforms[cat] - (1 - moves)
        chosen = np.minimum(np.floor(excess / np.maximum(moves, _TINY) * others), others - 1)
        uniforms[cat] = np.where(excess < 0, kept, chosen + (chosen >= kept))


@dataclass(frozen=True, eq=False)
class _BinTable:
    """The C different kernels of one gridded dimension: (C,) bins and log norms, (C,) or (1,) widths."""

    bins: Indices
    places: Indices  # (n,) which of the C kernels belongs to each component
    widths: Floats
    log_norms: Floats

    def log_factors(self, grid: Grid, values: Floats) -> Floats:
        """(m, n) log bin masses, computed once for every pair of a different queried bin and a different kernel."""
        rows, queried = grid.distinct(grid.bins(values))
        inactive = len(grid.log_widths)
        finite = rows[rows < inactive]
        table = _log_masses(grid.lower[finite], grid.upper[finite], grid.centres[self.bins], self.widths)
        table -= self.log_norms
        table[:, self.bins == inactive] = grid.log_widths[finite, None]
        if len(finite) < len(rows):
            table = np.concatenate([table, np.zeros((1, len(self.bins)))])
        return table.take(self.places, axis=1).take(queried, axis=0)


def _log_masses(lower: Floats, upper: Floats, centres: Floats, widths: Floats) -> Floats:
    """(R, C) log masses that plain Gaussians (C,) have in bins (R,); exact, or floored at -700."""
    near, far = (lower[:, None] - centres) / widths, (upper[:, None] - centres) / widths
    # Bins on the right are mirrored to the left, where the two terms are small and their difference does not cancel.
    right = near > 0
    masses = _ndtr(np.where(right, -near, far)) - _ndtr(np.where(right, -far, near))
    return np.asarray(np.log(np.maximum(masses, _TINY)))


def _ndtr(values: Floats) -> Floats:
    """The standard normal distribution function; scipy loads on first use."""
    return np.asarray(_special().ndtr(values))


def _ndtri(values: Floats) -> Floats:
    """Its inverse."""
    return np.asarray(_special().ndtri(values))


@cache
def _special() -> ModuleType:
    return importlib.import_module("scipy.special")


def _shares(weights: ArrayLike | None, num: int, prior_weight: float) -> Floats:
    """(n + 1,) the weights in units of the average kernel, and the prior's at the end."""
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
