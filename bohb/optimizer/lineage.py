"""The schedule of hyperparameters that led to a trial: its configuration, and those of the trials it goes on from."""

from collections.abc import Mapping, Sequence
from typing import Any

from bohb.trials import Trial

Lineage = tuple[tuple[Any, Mapping[str, Any]], ...]
"""Pairs of a budget and the configuration with which the training went on up to it, in ascending order."""


def lineage(trial: Trial, trials: Sequence[Trial]) -> Lineage:
    """Return how a trial came to be.

    Args:
        trial: The trial.
        trials: All asked trials; the index is the id.
    """
    line = [trial]
    while line[-1].previous is not None:
        line.append(trials[line[-1].previous])
    return tuple((one.budget, one.config) for one in reversed(line))
