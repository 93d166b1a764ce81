"""Conditions and forbidden clauses, compiled once to predicates over the columns of a matrix of vectors.

The verdicts are those of ConfigSpace on a configuration given by its values: numbers are compared by position (which
for an ordinal is its order, not its value), relations between two parameters compare values, and a parameter that is
inactive satisfies no comparison but "not equal".

ConfigSpace's objects are told apart by the names of their classes, so that nothing here imports it.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bohb.errors import SpaceError
from bohb.space.parameters import Scale

Vectors = NDArray[np.float64]
Verdicts = NDArray[np.bool_]
Predicate = Callable[[Vectors], Verdicts]
"""From `(n, d)` vectors, NaN where inactive, to the `(n,)` verdicts; made so that it can be pickled."""

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "EqualsCondition": operator.eq,
    "NotEqualsCondition": operator.ne,
    "LessThanCondition": operator.lt,
    "GreaterThanCondition": operator.gt,
    "ForbiddenEqualsClause": operator.eq,
    "ForbiddenLessThanClause": operator.lt,
    "ForbiddenLessThanEqualsClause": operator.le,
    "ForbiddenGreaterThanClause": operator.gt,
    "ForbiddenGreaterThanEqualsClause": operator.ge,
}
_MEMBERSHIPS = ("InCondition", "ForbiddenInClause")
_RELATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "ForbiddenEqualsRelation": operator.eq,
    "ForbiddenLessThanRelation": operator.lt,
    "ForbiddenLessThanEqualsRelation": operator.le,
    "ForbiddenGreaterThanRelation": operator.gt,
    "ForbiddenGreaterThanEqualsRelation": operator.ge,
}
_JUNCTIONS: dict[str, np.ufunc] = {
    "AndConjunction": np.logical_and,
    "OrConjunction": np.logical_or,
    "ForbiddenAndConjunction": np.logical_and,
    "ForbiddenOrConjunction": np.logical_or,
}


@dataclass(frozen=True, slots=True)
class Clause:
    """A compiled condition or forbidden clause.

    Attributes:
        text: How ConfigSpace writes it.
        holds: The predicate.
        last: The last column that the predicate reads: from there on the verdict is settled.
    """

    text: str
    holds: Predicate
    last: int


def compile_clause(clause: Any, columns: Mapping[str, int], scales: Sequence[Scale]) -> Clause:
    """Compiles one condition or forbidden clause of ConfigSpace, with all that it is composed of.

    Args:
        clause: The object of ConfigSpace.
        columns: The column of each parameter.
        scales: The scale of each column.

    Raises:
        SpaceError: A kind of clause that is not known, or one that compares what cannot be compared.
    """
    kind = type(clause).__name__
    if kind in _JUNCTIONS:
        return _compile_junction(clause, columns, scales)
    if kind in _RELATIONS:
        return _compile_relation(clause, columns, scales)
    if kind not in _COMPARISONS and kind not in _MEMBERSHIPS:
        raise SpaceError(f"expected a condition or forbidden clause of ConfigSpace, got {kind} ({clause}).")
    parameter = clause.hyperparameter if kind.startswith("Forbidden") else clause.parent
    column = columns[parameter.name]
    if kind in _MEMBERSHIPS:
        positions = np.array([_locate(value, scales[column], clause) for value in clause.values])
        return Clause(str(clause), partial(_is_among, column, positions), column)
    compare, position = _COMPARISONS[kind], _locate(clause.value, scales[column], clause)
    return Clause(str(clause), partial(_compare, compare, column, position), column)


def _is_among(column: int, positions: Vectors, vectors: Vectors) -> Verdicts:
    return np.isin(vectors[:, column], positions)


def _compare(compare: Callable[[Any, Any], Any], column: int, position: float, vectors: Vectors) -> Verdicts:
    return np.asarray(compare(vectors[:, column], position))


def _locate(value: Any, scale: Scale, clause: Any) -> float:
    position = scale.locate(value)
    if position is None:
        raise SpaceError(f"expected {scale.legal} in '{clause}', got {value!r}.")
    return position


def _compile_junction(clause: Any, columns: Mapping[str, int], scales: Sequence[Scale]) -> Clause:
    parts = [compile_clause(part, columns, scales) for part in clause.components]
    junction = _JUNCTIONS[type(clause).__name__]
    return Clause(str(clause), partial(_join, junction, parts), max(part.last for part in parts))


def _join(junction: np.ufunc, parts: Sequence[Clause], vectors: Vectors) -> Verdicts:
    return np.asarray(junction.reduce([part.holds(vectors) for part in parts]))


def _compile_relation(clause: Any, columns: Mapping[str, int], scales: Sequence[Scale]) -> Clause:
    left, right = columns[clause.left.name], columns[clause.right.name]
    relate = _RELATIONS[type(clause).__name__]
    holds = partial(_relate, relate, (left, scales[left].decode), (right, scales[right].decode))
    try:
        holds(np.full((1, len(scales)), 0.5))
    except TypeError as error:
        raise SpaceError(f"expected parameters whose values can be compared, got '{clause}': {error}.") from error
    return Clause(str(clause), holds, max(left, right))


def _relate(
    relate: Callable[[Any, Any], Any],
    left: tuple[int, Callable[[float], Any]],
    right: tuple[int, Callable[[float], Any]],
    vectors: Vectors,
) -> Verdicts:
    (left_column, decode_left), (right_column, decode_right) = left, right
    pairs = zip(vectors[:, left_column].tolist(), vectors[:, right_column].tolist(), strict=True)
    verdicts = [u == u and v == v and bool(relate(decode_left(u), decode_right(v))) for u, v in pairs]
    return np.array(verdicts, dtype=bool)
