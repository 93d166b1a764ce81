"""Complete a configuration that is given in part, as a new configuration would be chosen."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bohb.errors import ConfigError, SpaceError, SpaceExhausted
from bohb.models import Model, Observations
from bohb.optimizer.selection import Vector, check_proposal, select
from bohb.space import Space


def complete(
    config: Mapping[str, Any],
    space: Space,
    model: Model,
    observations: Observations,
    num_levels: int,
    is_new: Callable[[Vector], bool],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return a whole configuration with the given values: the model's best candidate that has them, else a random one.

    Args:
        config: Some values.
        space: The search space.
        model: The model, which sees a space in which these values are fixed.
        observations: What the model learns from.
        num_levels: The number of budgets.
        is_new: Whether a configuration may be enqueued.
        rng: The only source of randomness.

    Raises:
        ConfigError: If no allowed and new configuration has these values.
        SettingError: If a user's own model returned an invalid proposal.
    """
    part = space.pinned(config)
    try:
        proposal = check_proposal(model.propose(observations, part, rng), len(space.names))
        vector, _, _ = select(proposal, num_levels, part, is_new, rng)
    except (SpaceError, SpaceExhausted) as error:
        raise ConfigError(
            f"expected values with which an allowed and new configuration can be completed, got {dict(config)!r:.200}; "
            "give other values, or a whole configuration"
        ) from error
    return {name: config.get(name, value) for name, value in space.decode(vector).items()}
