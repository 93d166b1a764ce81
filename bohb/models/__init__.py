"""Models learn from the results and propose the next configuration. Each file holds one model.

Any object with a method `propose` is a model; see `Model` to write your own.
"""

import importlib
from typing import TYPE_CHECKING, Any

from bohb.facts import Facts

if TYPE_CHECKING:
    from bohb.models.beliefs import Beliefs, Estimator
    from bohb.models.expected_improvement import ExpectedImprovementModel
    from bohb.models.hpbandster import HpBandSterModel
    from bohb.models.improvement_bandit import ImprovementBandit
    from bohb.models.observations import Observations
    from bohb.models.paper import PaperModel
    from bohb.models.perturbation import PerturbationModel
    from bohb.models.pooled_density import PooledDensityModel
    from bohb.models.protocol import ExploringModel, Model, PromotingModel, Proposal, RankingModel
    from bohb.models.random import RandomModel

__all__ = [
    "Beliefs",
    "Estimator",
    "ExpectedImprovementModel",
    "ExploringModel",
    "Facts",
    "HpBandSterModel",
    "ImprovementBandit",
    "Model",
    "Observations",
    "PaperModel",
    "PerturbationModel",
    "PooledDensityModel",
    "PromotingModel",
    "Proposal",
    "RandomModel",
    "RankingModel",
]

_HOME_OF = {
    "Beliefs": "beliefs",
    "Estimator": "beliefs",
    "ExpectedImprovementModel": "expected_improvement",
    "ExploringModel": "protocol",
    "HpBandSterModel": "hpbandster",
    "ImprovementBandit": "improvement_bandit",
    "Model": "protocol",
    "Observations": "observations",
    "PaperModel": "paper",
    "PerturbationModel": "perturbation",
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
