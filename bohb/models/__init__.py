"""Models propose configurations from what was told; one model a file.

Write your own: an object with `propose` is a model (see `Model`).
"""

from bohb.models.hpbandster import HpBandSterModel
from bohb.models.observations import Judge, Model, Observations, Proposal
from bohb.models.paper import PaperModel
from bohb.models.pooled import PooledModel
from bohb.models.process import ProcessModel
from bohb.models.uniform import UniformModel

__all__ = [
    "HpBandSterModel",
    "Judge",
    "Model",
    "Observations",
    "PaperModel",
    "PooledModel",
    "ProcessModel",
    "Proposal",
    "UniformModel",
]
