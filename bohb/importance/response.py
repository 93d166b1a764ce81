"""How the loss responds to one parameter or two, on average over all others: by a forest or by the process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb._frame import labels
from bohb.arrays import Floats
from bohb.errors import SettingError
from bohb.importance.data import NUM_TREES, data_of
from bohb.importance.process import process_response
from bohb.space.parameters import Parameter

if TYPE_CHECKING:
    import pandas as pd

NUM_POSITIONS = {1: 101, 2: 31}
"""At how many positions a number is shown, by the number of parameters."""


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """The predicted loss over one parameter or two.

    Attributes:
        names: The parameters.
        values: The values of each, as a frame has them: `(g,)`, or `(g,)` and `(h,)`.
        means: `(g,)` or `(g, h)` the means of the model.
        deviations: Its standard deviations, of the same shape: those over the trees of a forest.
        budget: The budget at which this holds.
    """

    names: tuple[str, ...]
    values: tuple[Sequence[Any], ...]
    means: Floats
    deviations: Floats
    budget: Any


def respond(
    frame: "pd.DataFrame",
    names: str | Sequence[str],
    *,
    budget: Any = None,
    model: str = "forest",
    num_trees: int = NUM_TREES,
    seed: int = 0,
) -> Response:
    """Return how the loss responds to one parameter or two, on average over all others.

    Args:
        frame: The results, as `to_frame` returns them.
        names: The name of a parameter, or two of them.
        budget: The budget at which to say so; None is the largest that has a finite loss.
        model: Who says so: a random "forest", or the Gaussian "process" of the search.
        num_trees: The number of trees.
        seed: The seed.

    Raises:
        SettingError: As `importance`, or if the names are not of parameters that vary, or there is no such model.
        BudgetError: If the budget is not on the ladder.
    """
    asked = (names,) if isinstance(names, str) else tuple(names)
    data = data_of(frame, budget)
    if not 1 <= len(asked) <= 2 or len(set(asked)) < len(asked) or not set(asked) <= set(data.names):
        raise SettingError(f"expected one or two of {list(data.names)}, got {list(asked)}")
    parameters = [data.context.parameters[name] for name in asked]
    grids = [_positions(parameter, NUM_POSITIONS[len(asked)]) for parameter in parameters]
    columns = [data.names.index(name) for name in asked]
    if model == "forest":
        surfaces = np.array([tree.at(columns, grids) for tree in data.trees(num_trees, seed)])
        means, deviations = surfaces.mean(axis=0), surfaces.std(axis=0)
    elif model == "process":
        means, deviations = process_response(data, columns, grids, seed)
    else:
        raise SettingError(f'expected "forest" or "process" as model, got {model!r:.100}')
    values = tuple(_values(parameter, grid) for parameter, grid in zip(parameters, grids, strict=True))
    with np.errstate(over="ignore"):  # of losses near the largest float, a mean may be larger
        means, deviations = data.median + data.spread * means, data.spread * deviations
    return Response(asked, values, means, deviations, data.budget)


def _positions(parameter: Parameter, num: int) -> Floats:
    """Return where to look: at every value if there are few, else at positions that are evenly spaced."""
    if parameter.num_choices:
        return np.arange(parameter.num_choices, dtype=float)
    if parameter.num_values is not None and parameter.num_values <= num:
        return np.asarray(parameter.positions())
    return np.linspace(0.0, 1.0, num)


def _values(parameter: Parameter, grid: Floats) -> list[Any]:
    """Return the values at some positions, as a frame has them."""
    if parameter.range is not None:
        return [parameter.decode(position) for position in grid]
    return labels(parameter.values)  # at all positions, in order
