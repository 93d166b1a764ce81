"""The optimizers of the suite by name, ours and other libraries'."""

from collections.abc import Callable, Mapping
from functools import partial

from ConfigSpace import ConfigurationSpace

from benchmarks.optimizers.environments import ensure
from benchmarks.optimizers.optimizer import Job, Optimizer
from benchmarks.optimizers.ours import Preset
from benchmarks.optimizers.peer import Peer, PeerBroke
from bohb import Ladder

__all__ = ["ENVIRONMENTS", "OPTIMIZERS", "Job", "Optimizer", "PeerBroke", "make"]

PRESETS: Mapping[str, str] = {
    "bohb-default": "default",
    "bohb-fast": "fast",
    "bohb-paper": "paper",
    "bohb-hpbandster": "hpbandster",
    "bohb-hyperband": "hyperband",
    "bohb-asha": "asha",
    "random": "random",
}
"""Presets of ours by the name that the suite gives them."""

ENVIRONMENTS: Mapping[str, str] = {
    "hpbandster": "hpbandster",
    "optuna-tpe": "optuna",
    "optuna-tpe-hyperband": "optuna",
    "optuna-gp": "optuna-gp",
    "smac-mf": "smac",
    "dehb": "dehb",
    "syne-tune-bohb": "syne-tune",
    "syne-tune-asha": "syne-tune",
    "blackboxopt-bohb": "blackboxopt",
    "neps": "neps",
    "neps-priorband": "neps",
    "smac-hpo": "smac",
    "ax": "ax",
    "hebo": "hebo",
    "syne-tune-mobster": "syne-tune-0.13",
    "syne-tune-hypertune": "syne-tune-0.13",
    "syne-tune-dyhpo": "syne-tune-0.13",
}
"""The environment that each peer runs in."""

Maker = Callable[[ConfigurationSpace, Ladder, int, int, float], Optimizer]
"""Makes an optimizer from space, ladder, seed, workers and the budget of the whole search in full trainings."""


def _preset(preset: str, space: ConfigurationSpace, ladder: Ladder, seed: int, workers: int, total: float) -> Optimizer:
    del workers, total  # ours need neither
    return Preset(space, ladder, seed, preset=preset)


def _repeating(space: ConfigurationSpace, ladder: Ladder, seed: int, workers: int, total: float) -> Optimizer:
    del workers, total
    return Preset(space, ladder, seed, repeats=True)


def _peer(name: str, space: ConfigurationSpace, ladder: Ladder, seed: int, workers: int, total: float) -> Optimizer:
    command = [str(ensure(ENVIRONMENTS[name])), "-m", "benchmarks.peers", name]
    return Peer(command, space, ladder, seed, workers, total)


OPTIMIZERS: Mapping[str, Maker] = {
    **{name: partial(_preset, preset) for name, preset in PRESETS.items()},
    "bohb-default-repeats": _repeating,
    **{name: partial(_peer, name) for name in ENVIRONMENTS},
}
"""Every optimizer of the suite by name. Adding one of ours is a line above; adding a peer is a class in
`benchmarks.peers`, a line there, and one here."""


def make(name: str, space: ConfigurationSpace, ladder: Ladder, seed: int, workers: int, total: float) -> Optimizer:
    """Return an optimizer, and create its environment if it does not exist yet.

    Args:
        name: One of `OPTIMIZERS`.
        space: The parameters and their conditions.
        ladder: The budgets.
        seed: The seed of all randomness.
        workers: The number of evaluations at the same time.
        total: The budget of the whole search, in full trainings.

    Raises:
        ValueError: If there is no such optimizer.
        EnvironmentFailed: If a peer cannot be installed.
        PeerBroke: If a peer cannot take the task.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"expected one of {', '.join(OPTIMIZERS)}, got {name!r}")
    return OPTIMIZERS[name](space, ladder, seed, workers, total)
