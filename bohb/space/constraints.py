"""Constraints: conditions and forbidden clauses, compiled once to predicates on vectors.

The predicates agree with ConfigSpace about configurations given by their values. A comparison with a constant compares
positions, which for an ordinal means its order and not its values. A relation between two parameters compares values.
An inactive parameter satisfies no comparison except "not equal".
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bohb._text import brief
from bohb.arrays import Floats, Mask
from bohb.errors import SpaceError
from bohb.space.parameters import Parameter
from bohb.space.serialised import Part, components, plain

Predicate = Callable[[Floats], Mask]
"""Maps `(n, d)` vectors, NaN where inactive, to `(n,)` truth values. Can be pickled."""

_SYMBOLS = {"EQ": "==", "EQUALS": "==", "NEQ": "!=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}
"""What the last word of a type means."""

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
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


def compile_constraint(source: Part, columns: Mapping[str, int], parameters: Sequence[Parameter]) -> Constraint:
    """Compile a serialised condition or forbidden clause, with all its components.

    Args:
        source: What ConfigSpace serialised.
        columns: The column of each parameter by name.
        parameters: The parameter of each column.

    Raises:
        SpaceError: If it compares values that cannot be compared, or with a value that is not legal.
    """
    parts = components(source)
    if parts is not None:
        return _compile_junction(source["type"], [compile_constraint(part, columns, parameters) for part in parts])
    if "left" in source:
        return _compile_relation(source, columns, parameters)
    is_condition = "child" in source
    name = source["parent"] if is_condition else source["name"]
    subject = f"{source['child']} | {name}" if is_condition else f"Forbidden: {name}"
    column = columns[name]
    if "values" in source:
        values = [plain(value) for value in source["values"]]
        text = f"{subject} in {{{', '.join(map(repr, values))}}}"
        positions = np.array([_locate(value, parameters[column], text) for value in values])
        return Constraint(text, partial(_is_among, column, positions), column)
    symbol, value = _symbol(source), plain(source["value"])
    text = f"{subject} {symbol} {brief(value)}"
    position = _locate(value, parameters[column], text)
    return Constraint(text, partial(_compare, _COMPARISONS[symbol], column, position), column)


def _symbol(source: Part) -> str:
    return _SYMBOLS[source["type"].rpartition("_")[2]]


def _is_among(column: int, positions: Floats, vectors: Floats) -> Mask:
    return np.isin(vectors[:, column], positions)


def _compare(compare: Callable[[Any, Any], Any], column: int, position: float, vectors: Floats) -> Mask:
    return np.asarray(compare(vectors[:, column], position))


def _locate(value: Any, parameter: Parameter, text: str) -> float:
    position = parameter.locate(value)
    if position is None:
        raise SpaceError(f"expected {parameter.legal} in '{text}', got {brief(value)}.")
    return position


def _compile_junction(kind: str, parts: Sequence[Constraint]) -> Constraint:
    junction, word = (np.logical_and, " && ") if kind == "AND" else (np.logical_or, " || ")
    text = f"({word.join(part.text for part in parts)})"
    return Constraint(text, partial(_join, junction, parts), max(part.last for part in parts))


def _join(junction: np.ufunc, parts: Sequence[Constraint], vectors: Floats) -> Mask:
    return np.asarray(junction.reduce([part.holds(vectors) for part in parts]))


def _compile_relation(source: Part, columns: Mapping[str, int], parameters: Sequence[Parameter]) -> Constraint:
    left, right, symbol = columns[source["left"]], columns[source["right"]], _symbol(source)
    text = f"Forbidden: {source['left']} {symbol} {source['right']}"
    relate = _COMPARISONS[symbol]
    holds = partial(_relate, relate, (left, parameters[left].decode), (right, parameters[right].decode))
    try:
        holds(np.full((1, len(parameters)), 0.5))
    except TypeError as error:
        raise SpaceError(f"expected parameters whose values can be compared, got '{text}': {error}.") from error
    return Constraint(text, holds, max(left, right))


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
