"""No model: every configuration is drawn at random from the space."""

from dataclasses import dataclass

import numpy as np

from bohb.models.density_ratio import random_proposal
from bohb.models.observations import Observations
from bohb.models.protocol import Proposal
from bohb.space import Space


@dataclass(frozen=True)
class RandomModel:
    """Proposes nothing, so that every new configuration is random."""

    def propose(self, observations: Observations, space: Space, rng: np.random.Generator) -> Proposal:  # noqa: ARG002
        """Return a proposal without candidates."""
        return random_proposal(space, "no model")
