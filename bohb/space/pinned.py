"""A parameter of which one value is fixed, for configurations that are given in part."""
# ruff: noqa: D102  - the methods are documented once, in `Parameter`

from typing import Any

import numpy as np

from bohb.arrays import Floats
from bohb.space.parameters import Parameter


class Pinned(Parameter):
    """A parameter at one position: every position counts as this one.

    Args:
        parameter: The parameter.
        position: The position.
    """

    num_values = 1

    def __init__(self, parameter: Parameter, position: float) -> None:
        self._position = position
        self._value = parameter.decode(position)
        self.legal = repr(self._value)

    def decode(self, u: float) -> Any:  # noqa: ARG002
        return self._value

    def encode(self, value: Any) -> float:  # noqa: ARG002
        return self._position

    def locate(self, value: Any) -> float | None:
        return self._position if value == self._value else None

    def positions(self) -> Floats:
        return np.array([self._position])
