"""What the columns of a point are: continuous, gridded or categorical. What they stand for is not known here."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Columns:
    """What each of the d columns of a point is.

    Attributes:
        choices: (d,) the number of choices of a categorical dimension (values 0..c-1), 0 for every other dimension.
        edges: (d,) for a gridded dimension its (N+1,) bin edges, ascending from 0 to 1; None for every other dimension.
            Any value within a bin stands for the bin's centre.

    Raises:
        ValueError: The two differ in length, a dimension is both categorical and gridded, or edges are malformed.
    """

    choices: Indices
    edges: tuple[Floats | None, ...]

    def __post_init__(self) -> None:
        if len(self.choices) != len(self.edges):
            raise ValueError(f"expected as many edges as choices, got {len(self.edges)} and {len(self.choices)}")
        for dimension, (count, edges) in enumerate(zip(self.choices, self.edges, strict=True)):
            if edges is not None and (count or not _are_edges(edges)):
                raise ValueError(
                    f"expected no choices and edges ascending from 0 to 1 in dimension {dimension}, "
                    f"got {count} choices and edges {edges}"
                )

    @cached_property
    def categorical(self) -> Indices:
        """The dimensions that are categorical."""
        return np.flatnonzero(self.choices)

    @cached_property
    def gridded(self) -> Indices:
        """The dimensions that have bins."""
        return np.flatnonzero([edges is not None for edges in self.edges])

    @cached_property
    def numeric(self) -> Indices:
        """The dimensions that are gridded or continuous."""
        return np.flatnonzero(np.asarray(self.choices) == 0)

    @cached_property
    def continuous(self) -> Indices:
        """The dimensions that are neither categorical nor gridded."""
        return np.setdiff1d(self.numeric, self.gridded)

    @cached_property
    def counts(self) -> Indices:
        """The numbers of choices of the categorical dimensions alone."""
        return np.asarray(self.choices, dtype=np.intp)[self.categorical]

    @cached_property
    def offsets(self) -> Indices:
        """Where each categorical dimension begins in the one-hot encoding of all of them; at the end, its length."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    @cached_property
    def narrowest(self) -> Floats:
        """(d,) the smallest valid bandwidths; below 1e-9, squares of distances overflow."""
        return np.where(np.asarray(self.choices) > 0, 0.0, 1e-9)

    @cached_property
    def widest(self) -> Floats:
        """(d,) the largest valid bandwidths; categorical (c-1)/c, where every choice is equally likely."""
        choices = np.asarray(self.choices)
        return np.where(choices > 0, (choices - 1) / np.maximum(choices, 1), 1e6)

    @cached_property
    def grids(self) -> "tuple[Grid, ...]":
        """The bins of the gridded dimensions."""
        return tuple(Grid(index, np.array(edges)) for index, edges in enumerate(self.edges) if edges is not None)


def _are_edges(edges: Floats) -> bool:
    return len(edges) > 1 and edges[0] == 0 and edges[-1] == 1 and bool((np.diff(edges) > 0).all())


class Grid:
    """The N bins of one gridded dimension; the bin number N means inactive."""

    def __init__(self, dimension: int, edges: Floats) -> None:
        self.dimension = dimension
        self.lower, self.upper = edges[:-1], edges[1:]
        self.log_widths = np.log(np.diff(edges))
        self.centres = np.append((self.lower + self.upper) / 2, 0.5)  # any finite value serves for inactive
        self._inner = np.append(edges[1:-1], np.inf)  # NaN sorts behind infinity, so it falls into bin N

    def bins(self, values: Floats) -> Indices:
        """The numbers of the bins that hold the values."""
        return np.asarray(self._inner.searchsorted(values, side="right"))

    def distinct(self, bins: Indices) -> tuple[Indices, Indices]:
        """The different bins, ascending, and for each of `bins` its place among them (np.unique without the sort)."""
        present = np.zeros(len(self.centres), dtype=bool)
        present[bins] = True
        return present.nonzero()[0], (present.cumsum() - 1)[bins]
