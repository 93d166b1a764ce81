"""Models learn from the results and propose the next configuration. Each file holds one model.

Any object with a method `propose` is a model; see `Model` to write your own.
"""

import importlib
from typing import TYPE_CHECKING, Any

from bohb.facts import Facts

if TYPE_CHECKING:
    from bohb.models.expected_improvement import ExpectedImprovementModel
    from bohb.models.hpbandster import HpBandSterModel
    from bohb.models.observations import Observations
    from bohb.models.paper import PaperModel
    from bohb.models.pooled_density import PooledDensityModel
    from bohb.models.protocol import Model, PromotingModel, Proposal, RankingModel
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
    "RankingModel",
]

_HOME_OF = {
    "ExpectedImprovementModel": "expected_improvement",
    "HpBandSterModel": "hpbandster",
    "Model": "protocol",
    "Observations": "observations",
    "PaperModel": "paper",
    "PooledDensityModel": "pooled_density",
    "PromotingModel": "protocol",
    "Proposal": "protocol",
    "RandomModel": "random",
    "RankingModel": "protocol",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use, because a process that only looks at a study needs no model."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bohb.models' has no attribute {name!r}")
    return getattr(importlib.import_module(f"bohb.models.{_HOME_OF[name]}"), name)
