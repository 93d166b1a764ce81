"""Perturbation: the variation of a configuration that did well, as in population-based training.

Jaderberg et al. 2017, "Population Based Training of Neural Networks", section 3.2: every hyperparameter is perturbed,
or with some probability drawn anew. The paper multiplies a number by 0.8 or 1.2. Here it moves by a normal step within
its range, on a log scale if the parameter has one, because the best step depends on how often a training may change.
A step that leaves the range is drawn again. An integer or an ordinal moves to a neighbour at least; a choice has no
neighbours, so it stays or is drawn anew.
"""

from dataclasses import dataclass

import numpy as np

from bohb._checks import check_share, positive_integer
from bohb.arrays import Floats
from bohb.models.observations import Observations
from bohb.models.protocol import Proposal
from bohb.space import Space
from bohb.surrogates.kernel_density import KernelDensity

BINS = 0.7
"""The smallest step of an ordered parameter, in units of the distance between its values: it moves half of the time."""


@dataclass(frozen=True)
class PerturbationModel:
    """Varies configurations at random. New ones, without another to vary, are random.

    Attributes:
        step: The standard deviation of a step, as a share of a parameter's range, in (0, 1].
        resample: The probability that a parameter is drawn anew from its range, in [0, 1].
        num_candidates: The number of candidates in a proposal. The first one that is allowed and new counts.
    """

    step: float = 0.1
    resample: float = 0.1
    num_candidates: int = 32

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            SettingError: If a setting is out of its range.
        """
        check_share("step", self.step)
        check_share("resample", self.resample, may_be_zero=True)
        positive_integer("num_candidates", self.num_candidates)

    def propose(self, observations: Observations, space: Space, rng: np.random.Generator) -> Proposal:  # noqa: ARG002
        """Return a proposal without candidates, so that the configuration is random."""
        return Proposal(np.empty((0, len(space.names))))

    def explore(
        self,
        observations: Observations,
        space: Space,
        rng: np.random.Generator,
        source: int,
        level: int,  # noqa: ARG002 - the variations are the same at every budget
    ) -> Proposal:
        """Return variations of a configuration, in the order in which they were drawn."""
        return Proposal(self.vary(observations.vectors([source])[0], space, rng, self.num_candidates))

    @np.errstate(under="ignore")
    def vary(self, vector: Floats, space: Space, rng: np.random.Generator, num: int) -> Floats:
        """Return `(num, d)` variations of a `(d,)` vector. Parameters that were inactive get random values."""
        moved = KernelDensity(vector[None], self._widths(space), space.columns).sample(rng, num)
        is_new = rng.random(moved.shape) < self.resample
        return np.where(is_new, space.scatter(rng, num), moved)

    def _widths(self, space: Space) -> Floats:
        """Return the `(d,)` standard deviations of the steps; 0 for a choice, which takes no steps."""
        bins = [0.0 if edges is None else BINS / (len(edges) - 1) for edges in space.edges]
        return np.where(space.choices > 0, 0.0, np.maximum(self.step, bins))
