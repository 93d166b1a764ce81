"""The schedule of hyperparameters that led to a trial: its configuration, and those of the trials it goes on from."""

from collections.abc import Mapping, Sequence
from typing import Any

from bohb.trials import Origin, Trial

Lineage = tuple[tuple[Any, Mapping[str, Any]], ...]
"""Pairs of a budget and the configuration with which the training went on up to it, in ascending order."""


def lineage(trial: Trial, trials: Sequence[Trial]) -> Lineage:
    """Return how a trial came to be.

    Args:
        trial: The trial.
        trials: All asked trials; the index is the id.
    """
    line = [trial]
    while (before := _before(line[-1])) is not None:
        line.append(trials[before])
    return tuple((one.budget, one.config) for one in reversed(line))


def has_changed(line: Lineage) -> bool:
    """Whether the configuration changed on the way."""
    return any(config != line[-1][1] for _, config in line)


def _before(trial: Trial) -> int | None:
    """Return the trial whose training goes on in another one. Without a checkpoint no other configuration takes over.

    The same configuration without a checkpoint may have gone on in place, or trains anew what it trained before.
    """
    starts_anew = trial.origin is Origin.EXPLOITED and trial.checkpoint is None
    return None if starts_anew else trial.previous
