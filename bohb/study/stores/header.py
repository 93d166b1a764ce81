"""The first row of a study: the arguments of its optimizer, and whether others are the same."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bohb._text import brief
from bohb.budgets import Ladder, ladder
from bohb.errors import BudgetError, SettingError, StudyCorrupt, StudyMismatch, StudyVersion
from bohb.objectives import Goal, read_goal
from bohb.study.stores.rows import FIRST_CHECKSUM, Row, read_facts, verify

if TYPE_CHECKING:
    from bohb.optimizer import Optimizer

LOG_FORMATS = (1, 2, 3)
"""The versions of the rows, the newest last: a new one when an older bohb would misread a study. 2 has objectives, and
3 has repetitions."""

HEADER_KIND = "study"

_PARTS = ("space", "ladder", "seed", "preset", "custom")
OBJECTIVES = "objectives"
"""The part that is absent if the study has a loss to minimise."""
REPEATS = "repeats"
"""The part that is absent if no configuration is trained in full again."""


def describe(optimizer: "Optimizer") -> dict[str, Any]:
    """Return the facts of the first row for an optimizer that has seen nothing yet.

    Raises:
        SpaceError: If the space has values that JSON cannot carry.
    """
    state = optimizer.to_state()
    more = [name for name in (OBJECTIVES, REPEATS) if name in state]
    version = LOG_FORMATS[2] if REPEATS in more else LOG_FORMATS[1] if more else LOG_FORMATS[0]
    return {"format": version, **{name: state[name] for name in (*_PARTS, *more)}}


def read_header(row: Row) -> dict[str, Any]:
    """Return the facts of a first row.

    Raises:
        StudyVersion: If a newer version of bohb wrote it.
        StudyCorrupt: If it is damaged.
    """
    # The format comes first: a newer one may have another checksum.
    facts = read_facts(row) if type(row.payload) is str else {}
    version = facts.get("format")
    if row.kind == HEADER_KIND and type(version) is int and version > LOG_FORMATS[-1]:
        raise StudyVersion(f"expected a study of format {LOG_FORMATS[-1]} or older, got format {version}; upgrade bohb")
    verify(row, 1, FIRST_CHECKSUM)
    if row.kind != HEADER_KIND or version not in LOG_FORMATS or any(name not in facts for name in _PARTS):
        raise StudyCorrupt(f"expected the description of a study as its first event, got {str(row)[:200]}; restore it")
    return facts


def read_objectives(facts: Mapping[str, Any]) -> Goal:
    """Return the goal that a header names.

    Raises:
        StudyCorrupt: If it names none that a study can have.
    """
    try:
        return read_goal(facts.get(OBJECTIVES))
    except SettingError as error:
        raise StudyCorrupt(f"expected the objectives of a study in its first event: {error}; restore it") from error


def read_ladder(data: Any) -> Ladder:
    """Return the ladder that a header holds.

    Raises:
        BudgetError: If it is not a valid ladder. Data of another form raise the errors of Python.
    """
    kept = Ladder.from_json(data)
    checked = replace(ladder(kept.budgets, costs=kept.costs), eta=kept.eta)
    if checked != kept or not (kept.eta is None or (type(kept.eta) in (int, float) and kept.eta > 1)):
        raise BudgetError(f"expected a ladder, got {data}")
    return kept


def check_same(header: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Compare arguments with those of a study.

    Raises:
        StudyMismatch: Names the first difference.
    """
    for name, value in given.items():
        found = difference(name, header.get(name), value)
        if found is not None:
            where, kept, new = found
            more = _advice(name, header.get(name), value)
            raise StudyMismatch(
                f"expected the study's own {name}, in which {where} is {_short(kept)}; got {_short(new)}. "
                f"Leave the argument out to resume the study, or open another target{more}"
            )


def _advice(name: str, kept: Any, new: Any) -> str:
    """Return what else to do about arguments that the study can come to have."""
    if name == "ladder" and Ladder.from_json(new).continues(Ladder.from_json(kept)):
        return "; to go on with more budgets, extend it: study.extend(...), or `bohb extend`"
    if name == "space":
        return "; a new study can adopt its results: study.adopt(...), or `bohb import --from`"
    return ""


def difference(where: str, kept: Any, new: Any) -> tuple[str, Any, Any] | None:
    """Return (where, what is kept, what is new) of the first difference between two values of JSON, or None."""
    pairs: Iterable[tuple[str, Any, Any]]
    if isinstance(kept, Mapping) and isinstance(new, Mapping):
        names = dict.fromkeys([*kept, *new])
        pairs = [(f"{where}.{name}", kept.get(name), new.get(name)) for name in names]
    elif _is_list(kept) and _is_list(new):
        old, young = _by_name(kept), _by_name(new)
        pairs = [(f"{where}[{name}]", old.get(name), young.get(name)) for name in dict.fromkeys([*old, *young])]
    else:
        return None if type(kept) is type(new) and kept == new else (where, kept, new)
    return next((found for pair in pairs if (found := difference(*pair)) is not None), None)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _by_name(values: Sequence[Any]) -> dict[Any, Any]:
    """Return the parameters of a space by name, and any other list by position."""
    if all(isinstance(value, Mapping) and "name" in value for value in values):
        return {value["name"]: value for value in values}
    return dict(enumerate(values))


def _short(value: Any) -> str:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):  # an argument that no study can have
        return brief(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
