"""How a trial becomes the arguments of a command: placeholders are filled in, without a shell.

`{name}` is the value of a parameter. `{budget}`, `{trial}`, `{checkpoint}`, `{previous}`, `{config_id}` and `{repeat}`
belong to the trial, and `{config}` is the whole configuration as JSON. `{name:-text}` stands for the text without one.
An argument without a value and without such a text is left out, and so is the option before it. `{{` and `}}` are
braces, also within a name: `{opt{{x}}}` is the parameter `opt{x}`.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from bohb.errors import SettingError
from bohb.trials import Trial

OWN = ("budget", "trial", "checkpoint", "previous", "config_id", "config", "repeat")
"""The names that belong to the trial; a parameter of such a name is `{config.name}`."""

_PART = re.compile(r"\{\{|\}\}|\{((?:[^{}]|\{\{[^{}]*\}\})*)\}|[{}]")


def check_words(words: Sequence[str], names: Iterable[str]) -> None:
    """Check that every placeholder is known, before anything runs.

    Args:
        words: The command and its arguments.
        names: The names of the parameters.

    Raises:
        SettingError: If a placeholder is unknown, or a brace has no partner.
    """
    known = {*OWN, *names, *(f"config.{name}" for name in names)}
    for word in words:
        for match in _PART.finditer(word):
            name = None if match[1] is None else _plain(match[1]).partition(":-")[0]
            if match[0] not in ("{{", "}}") and name not in known:
                written = (name.replace("{", "{{").replace("}", "}}") for name in sorted(known))
                raise SettingError(
                    f"expected placeholders of {', '.join(written)}; got {match[0]!r} in {word!r}; "
                    "write {{ and }} for braces"
                )


def fill_in(words: Sequence[str], trial: Trial) -> list[str]:
    """Return the command for a trial.

    Args:
        words: The command and its arguments, checked by `check_words`.
        trial: The trial.
    """
    filled: list[str] = []
    previous = ""
    for word in words:
        try:
            filled.append(_PART.sub(lambda match: _value(match, trial), word))
        except _Missing:
            if _PART.fullmatch(word) and previous.startswith("-") and filled and filled[-1] == previous:
                filled.pop()  # `--momentum {momentum}` goes as a whole
        previous = word
    return filled


class _Missing(Exception):
    """A placeholder has no value."""


def _value(match: re.Match[str], trial: Trial) -> str:
    if match[1] is None:
        return match[0][0]
    name, dash, default = _plain(match[1]).partition(":-")
    found, value = _find(name, trial)
    if found and value is not None:
        return as_text(value)
    if dash:
        return default
    if found and name not in OWN:
        return as_text(value)
    raise _Missing


def _plain(text: str) -> str:
    """Return the inside of a placeholder with plain braces."""
    return text.replace("{{", "{").replace("}}", "}")


def _find(name: str, trial: Trial) -> tuple[bool, Any]:
    if name in OWN:
        renamed = {"trial": trial.id, "config": dict(trial.config)}
        return True, renamed[name] if name in renamed else getattr(trial, name)
    inner = name.removeprefix("config.") if name not in trial.config else name
    return inner in trial.config, trial.config.get(inner)


def as_text(value: Any) -> str:
    """Return a value as one argument: text as it is, everything else as JSON (`true`, `0.001`, `null`)."""
    return value if isinstance(value, str) else json.dumps(value)
