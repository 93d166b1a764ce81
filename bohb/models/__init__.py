"""Models propose configurations from what was told; one model a file.

Write your own: an object with `propose` is a model (see `Model`).
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
