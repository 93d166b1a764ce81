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
"""The presets:

* `default`: the best results we know. Two Gaussian processes over all budgets choose the next trial, new or paused.
  After 2,000 results it is asynchronous halving with a density ratio.
* `fast`: capped asynchronous halving with a density ratio over all budgets, for trials that take milliseconds.
* `paper`: BOHB as published (Falkner et al. 2018).
* `hpbandster`: BOHB as HpBandSter implements it, to compare with published curves.
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
    """Return the given schedule and model, with those of the preset in place of None.

    Raises:
        SettingError: If there is no such preset, or if the schedule or model is not valid.
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
    """Return a user's own schedule or model, after a check of its methods."""
    missing = [method for method in methods if not callable(getattr(part, method, None))]
    if missing or isinstance(part, type):
        wanted = "an instance, not the class" if isinstance(part, type) else f"an object with {', '.join(methods)}"
        raise SettingError(f"expected {wanted} as {what}, got {part!r}; see bohb.{what}s.{what.title()}")
    return part
