"""Presets: named pairs of a schedule and a model."""

from collections.abc import Callable

from bohb.errors import SettingError
from bohb.models import HpBandSterModel, Model, PaperModel, PooledModel, UniformModel
from bohb.schedules import AsynchronousHalving, FullBudget, HpBandSterHyperband, Hyperband, Schedule

PRESETS: dict[str, Callable[[], tuple[Schedule, Model]]] = {
    "default": lambda: (AsynchronousHalving(), PooledModel()),
    "paper": lambda: (Hyperband(), PaperModel()),
    "hpbandster": lambda: (HpBandSterHyperband(), HpBandSterModel()),
    "hyperband": lambda: (Hyperband(), UniformModel()),
    "asha": lambda: (AsynchronousHalving(), UniformModel()),
    "random": lambda: (FullBudget(), UniformModel()),
}
"""What each preset stands for:

* `default`: the best we know; asynchronous halving with a cap on promotions, and a density ratio over all budgets.
* `paper`: BOHB as published (Falkner et al. 2018).
* `hpbandster`: BOHB as HpBandSter codes it, for comparison with published curves.
* `hyperband`, `asha`: the two schedules with random configurations.
* `random`: random configurations at the full budget.
"""


def from_preset(name: str) -> tuple[Schedule, Model]:
    """Returns the schedule and the model of a preset.

    Raises:
        SettingError: If there is no such preset.
    """
    if name not in PRESETS:
        raise SettingError(f"expected a preset of {', '.join(PRESETS)}; got {name!r}")
    return PRESETS[name]()
