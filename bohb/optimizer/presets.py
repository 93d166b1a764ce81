"""Presets: named pairs of a schedule and a model."""

from collections.abc import Callable
from typing import Any, NamedTuple

from bohb import models
from bohb._checks import has_method
from bohb._text import brief
from bohb.errors import SettingError
from bohb.schedules import (
    AsynchronousHalving,
    FreezeThaw,
    FullBudget,
    HpBandSterHyperband,
    Hyperband,
    Population,
    Schedule,
)


class Preset(NamedTuple):
    """What makes the parts of a preset. A model loads when it is made."""

    make_schedule: Callable[[], Schedule]
    make_model: Callable[[], models.Model]


PRESETS = {
    "default": Preset(FreezeThaw, lambda: models.ExpectedImprovementModel()),
    "fast": Preset(AsynchronousHalving, lambda: models.PooledDensityModel()),
    "paper": Preset(Hyperband, lambda: models.PaperModel()),
    "hpbandster": Preset(HpBandSterHyperband, lambda: models.HpBandSterModel()),
    "hyperband": Preset(Hyperband, lambda: models.RandomModel()),
    "asha": Preset(AsynchronousHalving, lambda: models.RandomModel()),
    "random": Preset(FullBudget, lambda: models.RandomModel()),
    "population": Preset(Population, lambda: models.PerturbationModel()),
    "pb2": Preset(Population, lambda: models.ImprovementBandit()),
}
"""The presets:

* `default`: the best results we know. Two Gaussian processes over all budgets choose the next trial, new or paused.
  After 2,000 results it is asynchronous halving with a density ratio.
* `fast`: capped asynchronous halving with a density ratio over all budgets, for trials that take milliseconds.
* `paper`: BOHB as published (Falkner et al. 2018).
* `hpbandster`: BOHB as HpBandSter implements it, to compare with published curves.
* `hyperband`, `asha`: the two schedules with random configurations.
* `random`: random configurations at the full budget.
* `population`: population-based training (Jaderberg et al. 2017), in which configurations change during a training.
* `pb2`: the same, with changes that a Gaussian process chooses (Parker-Holder et al. 2020).
"""


def from_preset(name: str) -> Preset:
    """Return a preset.

    Raises:
        SettingError: If there is no such preset.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise SettingError(f"expected a preset of {', '.join(PRESETS)}; got {brief(name)}")
    return PRESETS[name]


def choose_schedule(preset: str, schedule: Schedule | None) -> Schedule:
    """Return the given schedule, or that of the preset.

    Raises:
        SettingError: If there is no such preset, or if the schedule is not valid.
    """
    chosen = from_preset(preset)
    return chosen.make_schedule() if schedule is None else _check_part(schedule, "schedule", ("cycle", "next", "start"))


def check_model(model: models.Model | None) -> models.Model | None:
    """Return the given model.

    Raises:
        SettingError: If it is not valid.
    """
    return None if model is None else _check_part(model, "model", ("propose",))


def own_parts(schedule: Schedule | None, model: models.Model | None) -> list[str]:
    """Return the names of the parts that are the user's own, as a state and a study record them."""
    return [name for name, part in (("schedule", schedule), ("model", model)) if part is not None]


def _check_part(part: Any, what: str, methods: tuple[str, ...]) -> Any:
    """Return a user's own schedule or model, after a check of its methods."""
    missing = [method for method in methods if not has_method(part, method)]
    if missing or isinstance(part, type):
        wanted = "an instance, not the class" if isinstance(part, type) else f"an object with {', '.join(methods)}"
        raise SettingError(f"expected {wanted} as {what}, got {brief(part)}; see bohb.{what}s.{what.title()}")
    return part
