"""The vectors of a space: which are valid, all of them, and some at random. Everything works on numpy arrays.

A vector has one float per parameter: the index of the choice for a categorical, a position in [0, 1] for any other
parameter (see `parameters.py`), and NaN where the parameter is inactive. Equal configurations have vectors that are
equal to the last bit, so `vector.tobytes()` identifies a configuration.
"""

from functools import cached_property
from math import prod

import numpy as np

from bohb.arrays import Floats, Indices, Mask
from bohb.errors import SpaceError
from bohb.space.constraints import Constraint
from bohb.space.parameters import Parameter
from bohb.space.priors import Quantile

MAX_ENUMERATED = 2**15
"""The largest number of configurations that are enumerated.

Enumeration counts the configurations of a space with constraints, and finds the last unused ones of any finite space.
In a larger space the search draws until it finds a configuration that is new.
"""

MAX_DRAWS = 10_000
"""The largest number of draws that `sample` spends on each vector."""

FEW_ROWS = 4
"""Up to this many rows, a loop over Python floats is faster than numpy, and gives the same bits."""


class VectorSpace:
    """The part of a space that knows vectors only."""

    names: tuple[str, ...]
    choices: Indices
    _parameters: list[Parameter]
    _quantiles: dict[int, Quantile]
    _conditions: dict[int, Constraint]
    _forbidden: list[Constraint]

    @cached_property
    def _finite(self) -> list[tuple[int, Parameter]]:
        """The parameters of finitely many values, with their columns."""
        return [(i, each) for i, each in enumerate(self._parameters) if each.num_values is not None]

    def snap(self, vectors: Floats, *, floats: bool = True) -> Floats:
        """Return `encode(decode(v))` of each row, bit for bit, without checking that the row is valid.

        This moves binned values to the centres of their bins, and floats to the nearest position of a rounded value.
        Call it before `deactivate`, because a condition may compare a number that moves.

        Args:
            vectors: `(n, d)`, NaN where inactive.
            floats: Whether to round floats, too, which moves them by less than 1e-9 and takes most of the time.

        Returns:
            A new `(n, d)` array.
        """
        if not floats:
            snapped = np.array(vectors)
            for column, parameter in self._finite:
                snapped[:, column] = parameter.snap(vectors[:, column])
            return snapped
        if len(vectors) <= FEW_ROWS:
            return np.array([self._snap_row(row) for row in vectors.tolist()]).reshape(vectors.shape)
        snapped = np.empty(vectors.shape)
        for column, parameter in enumerate(self._parameters):
            snapped[:, column] = parameter.snap(vectors[:, column])
        snapped[np.isnan(snapped)] = np.nan  # always the same NaN: there are many bit patterns
        return snapped

    def _snap_row(self, row: list[float]) -> list[float]:
        pairs = zip(self._parameters, row, strict=True)
        return [parameter.encode(parameter.decode(u)) if u == u else np.nan for parameter, u in pairs]

    # Constraints

    def deactivate(self, vectors: Floats) -> Floats:
        """Return a copy in which exactly the inactive parameters are NaN.

        Args:
            vectors: `(n, d)`, with a value for every parameter that may be active.
        """
        vectors = np.array(vectors)
        for column, condition in self._conditions.items():  # parents first
            vectors[~condition.holds(vectors), column] = np.nan
        return vectors

    def is_allowed(self, vectors: Floats) -> Mask:
        """Return whether each of `(n, d)` vectors, NaN where inactive, violates no forbidden clause: `(n,)`."""
        allowed = np.ones(len(vectors), dtype=bool)
        for clause in self._forbidden:
            allowed &= ~clause.holds(vectors)
        return allowed

    # Random and all configurations

    def scatter(self, rng: np.random.Generator, num: int) -> Floats:
        """Return `(num, d)` vectors drawn uniformly over positions and choices.

        Prior distributions and constraints are ignored.
        """
        positions = rng.random((num, len(self.names)))
        return np.where(self.choices > 0, np.floor(positions * self.choices), positions)

    def sample(self, rng: np.random.Generator, num: int) -> tuple[Floats, int]:
        """Draw valid vectors from the prior distributions: weights, normal, beta, uniform, log-uniform.

        Forbidden draws are rejected. If `MAX_DRAWS` draws per vector do not suffice, the rest is drawn uniformly from
        all valid configurations, provided that they can be enumerated.

        Args:
            rng: The only source of randomness.
            num: The number of vectors.

        Returns:
            `(num, d)` valid vectors, and the number of rejected draws.

        Raises:
            SpaceError: If nearly every draw is forbidden and the space cannot be enumerated.
        """
        if not self._forbidden:
            return self._draw(rng, num), 0
        accepted = np.empty((0, len(self.names)))
        drawn = 0
        while (missing := num - len(accepted)) and drawn < MAX_DRAWS * num:
            batch = self._draw(rng, min(max(missing, drawn), MAX_DRAWS * num - drawn, 2**16))
            rows = np.flatnonzero(self.is_allowed(batch))[:missing]
            accepted = np.concatenate([accepted, batch[rows]])
            # Draws after the last one used do not count.
            drawn += len(batch) if len(rows) < missing else int(rows[-1]) + 1
        rejected = drawn - len(accepted)
        if missing:
            accepted = np.concatenate([accepted, self._pick(rng, missing, drawn, rejected)])
        return accepted, rejected

    def _draw(self, rng: np.random.Generator, num: int) -> Floats:
        """Return `(num, d)` draws from the prior distributions, some of which may be forbidden."""
        vectors = rng.random((num, len(self.names)))
        for column, quantile in self._quantiles.items():
            vectors[:, column] = quantile(vectors[:, column])
        return self.deactivate(self.snap(vectors))

    def _pick(self, rng: np.random.Generator, num: int, drawn: int, rejected: int) -> Floats:
        """Return `(num, d)` uniform draws from all valid configurations."""
        everything = self._everything
        if everything is None or not len(everything):
            raise SpaceError(
                f"expected to find allowed configurations at random, got {drawn - rejected} in {drawn} draws "
                f"(acceptance rate {1 - rejected / drawn:.2g}); use conditions instead, or narrower ranges."
            )
        return everything[rng.integers(len(everything), size=num)]

    @property
    def size(self) -> int | None:
        """The number of valid configurations; None if it is infinite, or too large to count under constraints."""
        if not self._conditions and not self._forbidden:
            nums = [parameter.num_values for parameter in self._parameters]
            return None if None in nums else prod(num for num in nums if num is not None)
        return None if self._everything is None else len(self._everything)

    def enumerate(self) -> Floats:
        """Return all valid vectors in a fixed order: `(size, d)`, read-only.

        Raises:
            SpaceError: If the space is infinite, or has more than `MAX_ENUMERATED` configurations.
        """
        if self._everything is None:
            raise SpaceError(
                f"expected a finite space of at most {MAX_ENUMERATED} configurations, got size {self.size}; "
                "draw with sample() instead."
            )
        return self._everything

    @cached_property
    def _everything(self) -> Floats | None:
        """All valid vectors, or None if there are too many.

        They grow column by column, parents first, so that inactive parameters do not multiply the rows.
        """
        rows = np.empty((1, 0))
        for column, parameter in enumerate(self._parameters):
            condition = self._conditions.get(column)
            active = np.ones(len(rows), dtype=bool) if condition is None else condition.holds(rows)
            num = 1 if not active.any() else parameter.num_values
            if num is None or num * int(active.sum()) + int((~active).sum()) > MAX_ENUMERATED:
                return None
            positions = parameter.positions() if active.any() else np.empty(0)
            counts = np.where(active, num, 1)
            grown = np.repeat(active, counts)
            values = np.full(len(grown), np.nan)
            values[grown] = np.tile(positions, int(active.sum()))
            rows = np.column_stack([np.repeat(rows, counts, axis=0), values])
            for clause in self._forbidden:
                if clause.last == column:
                    rows = rows[~clause.holds(rows)]
        rows.setflags(write=False)
        return rows
