"""Models learn from the results and propose the next configuration. Each file holds one model.

Any object with a method `propose` is a model; see `Model` to write your own.
"""

from bohb.facts import Facts
from bohb.models.expected_improvement import ExpectedImprovementModel
from bohb.models.hpbandster import HpBandSterModel
from bohb.models.observations import Observations
from bohb.models.paper import PaperModel
from bohb.models.pooled_density import PooledDensityModel
from bohb.models.protocol import Model, PromotingModel, Proposal
from bohb.models.random import RandomModel

__all__ = [
    "ExpectedImprovementModel",
    "Facts",
    "HpBandSterModel",
    "Model",
    "Observations",
    "PaperModel",
    "PooledDensityModel",
    "PromotingModel",
    "Proposal",
    "RandomModel",
]
