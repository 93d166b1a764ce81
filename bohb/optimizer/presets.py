"""Presets: named pairs of a schedule and a model."""

from collections.abc import Callable
from typing import Any

from bohb.errors import SettingError
from bohb.models import ExpectedImprovementModel, HpBandSterModel, Model, PaperModel, PooledDensityModel, RandomModel
from bohb.schedules import AsynchronousHalving, FreezeThaw, FullBudget, HpBandSterHyperband, Hyperband, Schedule

PRESETS: dict[str, Callable[[], tuple[Schedule, Model]]] = {
    "default": lambda: (FreezeThaw(), ExpectedImprovementModel()),
    "fast": lambda: (AsynchronousHalving(), PooledDensityModel()),
    "paper": lambda: (Hyperband(), PaperModel()),
    "hpbandster": lambda: (HpBandSterHyperband(), HpBandSterModel()),
    "hyperband": lambda: (Hyperband(), RandomModel()),
    "asha": lambda: (AsynchronousHalving(), RandomModel()),
    "random": lambda: (FullBudget(), RandomModel()),
}
"""What each preset stands for:

* `default`: the best we know; after each of the first 2,000 results two Gaussian processes over all budgets decide
  which configuration goes on or which new one starts; later it is asynchronous halving with a density ratio.
* `fast`: asynchronous halving with a cap on promotions, and a density ratio over all budgets; for evaluations that are
  over in milliseconds.
* `paper`: BOHB as published (Falkner et al. 2018).
* `hpbandster`: BOHB as HpBandSter codes it, for comparison with published curves.
* `hyperband`, `asha`: the two schedules with random configurations.
* `random`: random configurations at the full budget.
"""


def from_preset(name: str) -> tuple[Schedule, Model]:
    """Return the schedule and the model of a preset.

    Raises:
        SettingError: If there is no such preset.
    """
    if name not in PRESETS:
        raise SettingError(f"expected a preset of {', '.join(PRESETS)}; got {name!r}")
    return PRESETS[name]()


def choose(preset: str, schedule: Schedule | None, model: Model | None) -> tuple[Schedule, Model]:
    """Return the user's own schedule and model, and those of the preset in place of what is None.

    Raises:
        SettingError: If there is no such preset, or a part is none.
    """
    preset_schedule, preset_model = from_preset(preset)
    return (
        preset_schedule if schedule is None else _check_part(schedule, "schedule", ("cycle", "next", "start")),
        preset_model if model is None else _check_part(model, "model", ("propose",)),
    )


def own_parts(schedule: Schedule | None, model: Model | None) -> list[str]:
    """Return the names of the parts that are the user's own, as a state and a study record them."""
    return [name for name, part in (("schedule", schedule), ("model", model)) if part is not None]


def _check_part(part: Any, what: str, methods: tuple[str, ...]) -> Any:
    """Return a schedule or a model of the user's own, if it looks like one."""
    missing = [method for method in methods if not callable(getattr(part, method, None))]
    if missing or isinstance(part, type):
        wanted = "an instance, not the class" if isinstance(part, type) else f"an object with {', '.join(methods)}"
        raise SettingError(f"expected {wanted} as {what}, got {part!r}; see bohb.{what}s.{what.title()}")
    return part
