"""What a model is, and how it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bohb.facts import Facts
from bohb.space import Space

if TYPE_CHECKING:
    from bohb.models.observations import Observations


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a model proposes.

    Attributes:
        vectors: `(n, d)` encoded candidates, the preferred one first; none of them to ask for a random configuration.
        facts: What the model notes of the proposal, for `explain`.
    """

    vectors: NDArray[np.float64]
    facts: Facts = field(default_factory=Facts)


class Model(Protocol):
    """What to train next. A model holds its settings only; all that changes is in the observations."""

    def propose(self, observations: "Observations", space: Space, rng: np.random.Generator) -> Proposal:
        """Return candidates for the next new configuration, drawn with `rng` and nothing else.

        The optimizer takes the first candidate that lies in the space and is new at its budget, and a random
        configuration where there is none; inactive parameters of a candidate may hold any value.
        """
        ...


@runtime_checkable
class PromotingModel(Model, Protocol):
    """A model that also decides between configurations that could go on and a new one; see `OfferingSchedule`."""

    def choose(
        self,
        observations: "Observations",
        space: Space,
        rng: np.random.Generator,
        waiting: Sequence[int],
        remaining_cost: Sequence[float],
        start: int | None,
    ) -> int | Proposal | None:
        """Return who goes on, by its place in `waiting`, or a proposal for a new configuration.

        Args:
            observations: What was told.
            space: The search space.
            rng: The only source of randomness.
            waiting: The ids of the configurations that could go on.
            remaining_cost: What it still costs to train each of them in full, as a share of a full training, in (0, 1).
            start: The level at which a new configuration would start; None if one of the waiting has to go on.

        Returns:
            A place in `waiting`, a proposal as in `propose`, or None for the default of the offer.
        """
        ...
