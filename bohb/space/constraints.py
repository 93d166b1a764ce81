"""Constraints: ConfigSpace's conditions and forbidden clauses, compiled once to predicates on vectors.

The predicates agree with ConfigSpace about configurations given by their values. A comparison with a constant compares
positions, which for an ordinal means its order and not its values. A relation between two parameters compares values.
An inactive parameter satisfies no comparison except "not equal".

ConfigSpace's objects are recognised by the names of their classes, so that this file need not import ConfigSpace.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bohb.arrays import Floats, Mask
from bohb.errors import SpaceError
from bohb.space.parameters import Parameter

Predicate = Callable[[Floats], Mask]
"""Maps `(n, d)` vectors, NaN where inactive, to `(n,)` truth values. Can be pickled."""

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
class Constraint:
    """A compiled condition or forbidden clause.

    Attributes:
        text: The constraint as ConfigSpace writes it.
        holds: The predicate.
        last: The last column that the predicate reads. Later columns do not change its value.
    """

    text: str
    holds: Predicate
    last: int


def compile_constraint(source: Any, columns: Mapping[str, int], parameters: Sequence[Parameter]) -> Constraint:
    """Compile a condition or a forbidden clause of ConfigSpace, with all its components.

    Args:
        source: ConfigSpace's object.
        columns: The column of each parameter by name.
        parameters: The parameter of each column.

    Raises:
        SpaceError: If the kind of constraint is not known, or it compares values that cannot be compared.
    """
    kind = type(source).__name__
    if kind in _JUNCTIONS:
        return _compile_junction(source, columns, parameters)
    if kind in _RELATIONS:
        return _compile_relation(source, columns, parameters)
    if kind not in _COMPARISONS and kind not in _MEMBERSHIPS:
        raise SpaceError(f"expected a condition or forbidden clause of ConfigSpace, got {kind} ({source}).")
    subject = source.hyperparameter if kind.startswith("Forbidden") else source.parent
    column = columns[subject.name]
    if kind in _MEMBERSHIPS:
        positions = np.array([_locate(value, parameters[column], source) for value in source.values])
        return Constraint(str(source), partial(_is_among, column, positions), column)
    compare, position = _COMPARISONS[kind], _locate(source.value, parameters[column], source)
    return Constraint(str(source), partial(_compare, compare, column, position), column)


def _is_among(column: int, positions: Floats, vectors: Floats) -> Mask:
    return np.isin(vectors[:, column], positions)


def _compare(compare: Callable[[Any, Any], Any], column: int, position: float, vectors: Floats) -> Mask:
    return np.asarray(compare(vectors[:, column], position))


def _locate(value: Any, parameter: Parameter, source: Any) -> float:
    position = parameter.locate(value)
    if position is None:
        raise SpaceError(f"expected {parameter.legal} in '{source}', got {value!r}.")
    return position


def _compile_junction(source: Any, columns: Mapping[str, int], parameters: Sequence[Parameter]) -> Constraint:
    parts = [compile_constraint(part, columns, parameters) for part in source.components]
    junction = _JUNCTIONS[type(source).__name__]
    return Constraint(str(source), partial(_join, junction, parts), max(part.last for part in parts))


def _join(junction: np.ufunc, parts: Sequence[Constraint], vectors: Floats) -> Mask:
    return np.asarray(junction.reduce([part.holds(vectors) for part in parts]))


def _compile_relation(source: Any, columns: Mapping[str, int], parameters: Sequence[Parameter]) -> Constraint:
    left, right = columns[source.left.name], columns[source.right.name]
    relate = _RELATIONS[type(source).__name__]
    holds = partial(_relate, relate, (left, parameters[left].decode), (right, parameters[right].decode))
    try:
        holds(np.full((1, len(parameters)), 0.5))
    except TypeError as error:
        raise SpaceError(f"expected parameters whose values can be compared, got '{source}': {error}.") from error
    return Constraint(str(source), holds, max(left, right))


def _relate(
    relate: Callable[[Any, Any], Any],
    left: tuple[int, Callable[[float], Any]],
    right: tuple[int, Callable[[float], Any]],
    vectors: Floats,
) -> Mask:
    (left_column, decode_left), (right_column, decode_right) = left, right
    pairs = zip(vectors[:, left_column].tolist(), vectors[:, right_column].tolist(), strict=True)
    truths = [u == u and v == v and bool(relate(decode_left(u), decode_right(v))) for u, v in pairs]
    return np.array(truths, dtype=bool)
