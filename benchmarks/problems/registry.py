"""All problems by name. Making one loads its data; naming them loads nothing."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path

import bohb
from benchmarks.problems import forests, yahpo
from benchmarks.problems.forests import ForestProblem
from benchmarks.problems.problem import Problem
from benchmarks.problems.yahpo import YahpoProblem

Maker = Callable[[Path | str | None], Problem]
"""Makes a problem, given the folder of the data or None."""


def _makers() -> dict[str, tuple[str, Maker]]:
    """Returns (family, maker) by name, in the order of tables."""
    makers: dict[str, tuple[str, Maker]] = {}
    for name, source in forests.SOURCES.items():
        makers[name] = source.family, functools.partial(ForestProblem, name)
    for name, (family, *_) in yahpo.PROBLEMS.items():
        makers[name] = family, functools.partial(YahpoProblem, name)
    return makers


_MAKERS = _makers()


def _by_family() -> dict[str, tuple[str, ...]]:
    families: dict[str, list[str]] = {}
    for name, (family, _) in _MAKERS.items():
        families.setdefault(family, []).append(name)
    return {family: tuple(members) for family, members in families.items()}


FAMILIES: Mapping[str, tuple[str, ...]] = _by_family()
"""The names of the problems of each family."""

_REAL = ("arlbench", "opda", "taskset", "lcbench", "rbv2", "nb301")

GROUPS: Mapping[str, tuple[str, ...]] = {
    "real": tuple(name for family in _REAL for name in FAMILIES[family]),
}
"""Names of problems that are run together."""


def names(*selections: str) -> tuple[str, ...]:
    """Returns the names of the problems that are selected, each once, in the order of the selections.

    Args:
        selections: Groups, families or single problems; by default the groups `synthetic` and `real`.

    Raises:
        SettingError: If a selection is none of these.
    """
    chosen: dict[str, None] = {}
    for selection in selections or ("synthetic", "real"):
        if selection in _MAKERS:
            chosen[selection] = None
        elif selection in GROUPS or selection in FAMILIES:
            chosen |= dict.fromkeys(GROUPS.get(selection) or FAMILIES[selection])
        else:
            raise _unknown(selection)
    return tuple(chosen)


def make(name: str, data: Path | str | None = None) -> Problem:
    """Returns a problem.

    Args:
        name: One of `names("all")`.
        data: The folder of the data; None takes it from the environment. Synthetic problems need none.

    Raises:
        SettingError: If there is no such problem.
        DataMissing: If its data is not there.
    """
    if name not in _MAKERS:
        raise _unknown(name)
    return _MAKERS[name][1](data)


def _unknown(name: str) -> bohb.SettingError:
    return bohb.SettingError(
        f"expected a group ({', '.join(GROUPS)}), a family ({', '.join(FAMILIES)}) or a problem, got {name!r}; "
        f"the problems are {', '.join(_MAKERS)}"
    )
