"""All problems by name. Creating one loads its data; listing the names loads nothing."""

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import bohb
from benchmarks.problems import forests, functions, hartmann, noisy, yahpo
from benchmarks.problems.counting_ones import CountingOnes
from benchmarks.problems.curves import Curves
from benchmarks.problems.digits import Digits
from benchmarks.problems.forests import ForestProblem
from benchmarks.problems.functions import FunctionProblem
from benchmarks.problems.hartmann import MultiFidelityHartmann
from benchmarks.problems.nas import Architectures
from benchmarks.problems.problem import Problem
from benchmarks.problems.yahpo import YahpoProblem

Maker = Callable[[Path | str | None], Problem]
"""Makes a problem, given the folder of the data or None."""


def _synthetic() -> dict[str, tuple[str, Maker]]:
    makers: dict[str, tuple[str, Maker]] = {}
    for size in (4, 8, 16, 32):
        makers[f"counting-ones-{size}-{size}"] = "counting-ones", _without_data(CountingOnes, size, size)
    for num_dims in (3, 6):
        for severity in hartmann.SEVERITIES:
            name = f"mf-hartmann{num_dims}-{severity}"
            makers[name] = "mf-hartmann", _without_data(MultiFidelityHartmann, num_dims, severity)
    for name in functions.FUNCTIONS:
        makers[name] = "functions", _without_data(FunctionProblem, name)
    for cells, operations in ((6, 5), (12, 10)):
        makers[f"nas-{cells}x{operations}"] = "nas", _without_data(Architectures, cells, operations)
    for kind in ("crossing", "shuffled"):
        makers[f"curves-{kind}"] = "curves", _without_data(Curves, kind)
    return makers


def _real() -> dict[str, tuple[str, Maker]]:
    makers: dict[str, tuple[str, Maker]] = {}
    for name, source in forests.SOURCES.items():
        makers[name] = source.family, functools.partial(ForestProblem, name)
    for name, (family, *_) in yahpo.PROBLEMS.items():
        makers[name] = family, functools.partial(YahpoProblem, name)
    return makers


def _without_data(problem: Callable[..., Problem], *arguments: object, **settings: object) -> Maker:
    """Return a maker that needs no data."""
    return lambda _: problem(*arguments, **settings)


def _noisy() -> dict[str, tuple[str, Maker]]:
    few = _without_data(CountingOnes, 16, 16, flips=(1, 9))
    return {
        "counting-ones-16-16-few": ("noisy", few),
        "noisy-hartmann6": ("noisy", _without_data(noisy.NoisyHartmann)),
        "noisy-collapse": ("noisy", _without_data(noisy.Collapse)),
    }


_MAKERS = {**_synthetic(), **_noisy(), **_real(), "digits": ("digits", _without_data(Digits))}
"""(family, maker) by name, in the order of tables."""


def _by_family() -> dict[str, tuple[str, ...]]:
    families: dict[str, list[str]] = {}
    for name, (family, _) in _MAKERS.items():
        families.setdefault(family, []).append(name)
    return {family: tuple(members) for family, members in families.items()}


FAMILIES: Mapping[str, tuple[str, ...]] = _by_family()
"""The names of the problems of each family."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "synthetic": tuple(_synthetic()),
    "real": tuple(_real()),
    "ci": ("counting-ones-8-8", "mf-hartmann6-moderate", "branin", "nas-6x5", "curves-crossing"),
    "all": tuple(_MAKERS),
}
"""Names of problems that are run together; `ci` is quick and needs no data, `all` has the slow ones too."""


def names(*selections: str) -> tuple[str, ...]:
    """Return the names of the problems that are selected, each once, in the order of the selections.

    Args:
        selections: Groups, families or single problems; by default the groups `synthetic` and `real`.

    Raises:
        SettingError: If a selection is not a known name.
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
    """Return a problem.

    Args:
        name: One of `names("all")`, or `counting-ones-N-M` or `nas-NxM` with any other numbers.
        data: The folder of the data; None takes it from the environment. Synthetic problems need none.

    Raises:
        SettingError: If there is no such problem.
        DataMissing: If its data are missing.
    """
    if name in _MAKERS:
        return _MAKERS[name][1](data)
    if match := re.fullmatch(r"counting-ones-(\d+)-(\d+)", name):
        return CountingOnes(int(match[1]), int(match[2]))
    if match := re.fullmatch(r"nas-(\d+)x(\d+)", name):
        return Architectures(int(match[1]), int(match[2]))
    raise _unknown(name)


def _unknown(name: str) -> bohb.SettingError:
    return bohb.SettingError(
        f"expected a group ({', '.join(GROUPS)}), a family ({', '.join(FAMILIES)}) or a problem, got {name!r}; "
        f"the problems are {', '.join(_MAKERS)}"
    )
