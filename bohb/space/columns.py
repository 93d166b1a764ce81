"""The columns of a vector as a surrogate sees them: continuous, binned or categorical, without names and values."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bohb.arrays import Floats, Indices


@dataclass(frozen=True, eq=False)
class Columns:
    """The kind of each of the d columns of a vector.

    Attributes:
        choices: `(d,)` the number of choices c of a categorical column, whose values are 0 to c - 1; 0 for any other.
        edges: `(d,)` for a binned column the `(N + 1,)` ascending edges of its N bins, from 0 to 1; None for any other.
            Every value within a bin stands for the centre of the bin.

    Raises:
        ValueError: If the lengths differ, a column is both categorical and binned, or edges do not ascend from 0 to 1.
    """

    choices: Indices
    edges: tuple[Floats | None, ...]

    def __post_init__(self) -> None:
        if len(self.choices) != len(self.edges):
            raise ValueError(f"expected as many edges as choices, got {len(self.edges)} and {len(self.choices)}")
        for column, (count, edges) in enumerate(zip(self.choices, self.edges, strict=True)):
            if edges is not None and (count or not _are_edges(edges)):
                raise ValueError(
                    f"expected no choices and edges ascending from 0 to 1 in column {column}, "
                    f"got {count} choices and edges {edges}"
                )

    @cached_property
    def categorical(self) -> Indices:
        """The categorical columns."""
        return np.flatnonzero(self.choices)

    @cached_property
    def binned(self) -> Indices:
        """The columns with bins."""
        return np.flatnonzero([edges is not None for edges in self.edges])

    @cached_property
    def numeric(self) -> Indices:
        """The binned and the continuous columns."""
        return np.flatnonzero(np.asarray(self.choices) == 0)

    @cached_property
    def continuous(self) -> Indices:
        """The columns that are neither categorical nor binned."""
        return np.setdiff1d(self.numeric, self.binned)

    @cached_property
    def counts(self) -> Indices:
        """The number of choices of each categorical column."""
        return np.asarray(self.choices, dtype=np.intp)[self.categorical]

    @cached_property
    def offsets(self) -> Indices:
        """The start of each categorical column in the one-hot encoding of all of them; last, its total length."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    @cached_property
    def narrowest(self) -> Floats:
        """`(d,)` the smallest valid bandwidths. Below 1e-9, squares of distances overflow."""
        return np.where(np.asarray(self.choices) > 0, 0.0, 1e-9)

    @cached_property
    def widest(self) -> Floats:
        """`(d,)` the largest valid bandwidths. A categorical one is (c-1)/c, which makes all choices equally likely."""
        choices = np.asarray(self.choices)
        return np.where(choices > 0, (choices - 1) / np.maximum(choices, 1), 1e6)

    @cached_property
    def bins(self) -> "tuple[Bins, ...]":
        """The bins of each binned column."""
        return tuple(Bins(column, np.array(edges)) for column, edges in enumerate(self.edges) if edges is not None)


def _are_edges(edges: Floats) -> bool:
    return len(edges) > 1 and edges[0] == 0 and edges[-1] == 1 and bool((np.diff(edges) > 0).all())


class Bins:
    """The N bins of one column, numbered from 0. The number N means inactive.

    Args:
        column: The index of the column.
        edges: `(N + 1,)` ascending from 0 to 1.
    """

    def __init__(self, column: int, edges: Floats) -> None:
        self.column = column
        self.lower, self.upper = edges[:-1], edges[1:]
        self.log_widths = np.log(np.diff(edges))
        self.centres = np.append((self.lower + self.upper) / 2, 0.5)  # any finite value will do for inactive
        self._inner = np.append(edges[1:-1], np.inf)  # NaN sorts after infinity, so it falls into bin N

    def find(self, values: Floats) -> Indices:
        """Return the numbers of the bins that hold the values; N for NaN."""
        return np.asarray(self._inner.searchsorted(values, side="right"))

    def distinct(self, numbers: Indices) -> tuple[Indices, Indices]:
        """Return the distinct bin numbers, ascending, and the index of each of `numbers` among them.

        This is `np.unique` without its sort.
        """
        present = np.zeros(len(self.centres), dtype=bool)
        present[numbers] = True
        return present.nonzero()[0], (present.cumsum() - 1)[numbers]
