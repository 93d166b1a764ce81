"""The settings in which searches are compared, by name: `1`, `32-stragglers`, `8-crashes=0.2-seconds=600`.

A name contains everything about its `Setting`, so a results file can be read without the options of its command.
"""

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

from benchmarks.simulation import Setting

SERIAL_TOTAL, PARALLEL_TOTAL = 30.0, 96.0


@dataclass(frozen=True, slots=True)
class _Part:
    field: str
    usual: Any
    meaning: str


PARTS = {
    "stragglers": _Part("stragglers", 1.0, "evaluations last longer by a lognormal factor of mean 1; sigma"),
    "crashes": _Part("crashes", 0.1, "share of configurations that fail at any budget"),
    "losses": _Part("losses", 0.1, "share of evaluations whose worker is lost half-way"),
    "scratch": _Part("resume", False, "every evaluation pays from scratch, whatever checkpoints there are"),
    "measured": _Part(
        "measured", True, "an evaluation lasts as long as the data says, instead of what its budget says"
    ),
    "seconds": _Part("seconds", 600.0, "what a full training takes, so that the optimizer's own time can be added"),
    "total": _Part("total", None, f"full trainings in all: {SERIAL_TOTAL:g} for one worker, else {PARALLEL_TOTAL:g}"),
}
"""The parts that may follow the number of workers in a name."""


def setting_of(name: str) -> Setting:
    """Return the setting of a name.

    Raises:
        ValueError: If it is not the name of a setting.
    """
    workers, *parts = re.split(r"-(?=[a-z])", name)
    if not workers.isdecimal() or int(workers) < 1:
        raise ValueError(f"expected a setting such as 1, 32 or 32-stragglers, got {name!r}")
    values: dict[str, Any] = {"workers": int(workers), "total": SERIAL_TOTAL if int(workers) == 1 else PARALLEL_TOTAL}
    for part in parts:
        field, value = _value_of(part, name)
        values[field] = value
    return checked(Setting(**values))


def name_of(setting: Setting) -> str:
    """Return the shortest name of a setting."""
    standard = setting_of(str(setting.workers))
    text = str(setting.workers)
    for word, part in PARTS.items():
        value = getattr(setting, part.field)
        if value != getattr(standard, part.field):
            text += f"-{word}" if value == part.usual else f"-{word}={value:g}"
    return text


def checked(setting: Setting) -> Setting:
    """Return the setting.

    Raises:
        ValueError: If a number in it is not valid.
    """
    for name, low, high in (
        ("total", 0.0, 1e9),
        ("stragglers", 0.0, 10.0),
        ("crashes", 0.0, 1.0),
        ("losses", 0.0, 0.99),
    ):
        value = getattr(setting, name)
        if not low <= value <= high or (name == "total" and not value):
            raise ValueError(f"expected {name} from {low:g} to {high:g}, got {value!r}")
    if setting.seconds is not None and not 0 < setting.seconds < float("inf"):
        raise ValueError(f"expected the seconds of a full training, a positive number, got {setting.seconds!r}")
    return setting


def changed(setting: Setting, **changes: Any) -> Setting:
    """Return the setting with every change that is not None."""
    return checked(dataclasses.replace(setting, **{key: value for key, value in changes.items() if value is not None}))


def _value_of(part: str, name: str) -> tuple[str, Any]:
    word, equals, value = part.partition("=")
    if word not in PARTS:
        raise ValueError(f"expected one of {', '.join(PARTS)} after the workers in a setting, got {word!r} in {name!r}")
    known = PARTS[word]
    if isinstance(known.usual, bool) and not equals:
        return known.field, known.usual
    if isinstance(known.usual, bool) or (not equals and known.usual is None):
        wanted = "no value" if isinstance(known.usual, bool) else "a value"
        raise ValueError(f"expected {wanted} for {word!r} in the setting {name!r}")
    try:
        return known.field, float(value) if equals else known.usual
    except ValueError:
        raise ValueError(f"expected a number for {word!r} in the setting {name!r}, got {value!r}") from None
