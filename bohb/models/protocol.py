"""The protocols that a model implements, and the proposal that it returns."""

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
        vectors: `(n, d)` encoded candidates, best first. With n = 0 the optimizer draws a random configuration.
        facts: Why the model proposes them, for `explain`.
    """

    vectors: NDArray[np.float64]
    facts: Facts = field(default_factory=Facts)


class Model(Protocol):
    """Decides what to train next. A model holds only its settings; everything that changes is in the observations."""

    def propose(self, observations: "Observations", space: Space, rng: np.random.Generator) -> Proposal:
        """Return candidates for the next new configuration.

        The optimizer takes the first candidate that is allowed and new at its budget. If there is none, it draws a
        random configuration. Inactive parameters of a candidate may have any value.

        Args:
            observations: The results and the pending configurations.
            space: The search space.
            rng: The only source of randomness.
        """
        ...


@runtime_checkable
class ExploringModel(Model, Protocol):
    """A model that also varies a configuration that did well, for a schedule that returns `Exploit`."""

    def explore(
        self, observations: "Observations", space: Space, rng: np.random.Generator, source: int, level: int
    ) -> Proposal:
        """Return candidates for a configuration that goes on from the checkpoint of another one.

        Args:
            observations: The results and the pending configurations.
            space: The search space.
            rng: The only source of randomness.
            source: The id of the other configuration.
            level: The level to which the new one is trained.
        """
        ...


@runtime_checkable
class PromotingModel(Model, Protocol):
    """A model that also chooses between promotions and a new configuration. It needs an `OfferingSchedule`."""

    def choose(
        self,
        observations: "Observations",
        space: Space,
        rng: np.random.Generator,
        waiting: Sequence[int],
        remaining_cost: Sequence[float],
        start: int | None,
    ) -> int | Proposal | None:
        """Choose the configuration to train next.

        Args:
            observations: The results and the pending configurations.
            space: The search space.
            rng: The only source of randomness.
            waiting: The ids of the configurations that may be promoted.
            remaining_cost: For each of them, the cost to complete its training, as a share of a full training, in
                (0, 1).
            start: The level at which a new configuration would start, or None if one in `waiting` must be promoted.

        Returns:
            The index in `waiting` of the configuration to promote; or a proposal for a new configuration, as from
            `propose`; or None to leave the choice to the schedule.
        """
        ...


@runtime_checkable
class RankingModel(PromotingModel, Protocol):
    """A model that also says what it would choose if its first choice were gone.

    Processes that share a search choose at the same time, and some of them choose the same promotion. All but one of
    these can then take their next choice, and need not ask the model again.
    """

    def rank(
        self,
        observations: "Observations",
        space: Space,
        rng: np.random.Generator,
        waiting: Sequence[int],
        remaining_cost: Sequence[float],
        start: int | None,
    ) -> Sequence[int | Proposal] | None:
        """Return what `choose` returns, and after it the next choices, best first; None as in `choose`."""
        ...
