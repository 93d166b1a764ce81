"""The configurations of a search, each with an id, a vector and its values."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]


class Configurations:
    """The known configurations. Ids count from 0.

    Args:
        num_dims: The number of parameters, d.
    """

    def __init__(self, num_dims: int) -> None:
        self._values: list[Mapping[str, Any]] = []
        self._ids: dict[bytes, int] = {}
        self._vectors = np.empty((64, num_dims))

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, config_id: int) -> Mapping[str, Any]:
        return self._values[config_id]

    def add(self, values: Mapping[str, Any], vector: Vectors) -> int:
        """Add a new configuration with its `(d,)` vector, and return its id."""
        config_id = len(self._values)
        if config_id == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
        self._vectors[config_id] = vector
        self._ids[vector.tobytes()] = config_id
        self._values.append(values)
        return config_id

    def find(self, vector: Vectors) -> int | None:
        """Return the id of the configuration with this `(d,)` vector, or None if it is new."""
        return self._ids.get(vector.tobytes())

    def vectors(self, config_ids: Sequence[int]) -> Vectors:
        """Return a copy of the `(len(config_ids), d)` vectors of these configurations."""
        return self._vectors[np.asarray(config_ids, dtype=np.intp)]
