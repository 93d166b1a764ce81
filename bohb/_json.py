"""JSON within limits, so that what one process keeps, every process can read.

Python's own limits depend on the process: its limit on recursion, how deep its stack is already, its limit on the
digits of integers. A value that one process can write could be one that no other can read. The limits here are far
within those of any process.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

MAX_DEPTH = 32
"""How deep a value may be nested: `{"a": [1]}` has a depth of 2."""
MAX_DIGITS = 600
"""How many digits an integer may have. No process can be told to read fewer than 640."""
MAX_BITS = int(MAX_DIGITS * 3.32)
"""The same in bits, rounded down."""
MAX_CHARACTERS = 2**22
"""How many characters of JSON a value may take."""

DEEPEST = 100
"""How deep JSON from a record may be nested. What can be told is far below, and any process can read this much."""

_TOKEN = re.compile(r'\\.|["\[\]{}]', re.DOTALL)


def keep(value: Any) -> Any:
    """Return a private copy of a value as JSON carries it.

    Raises:
        TypeError: If JSON cannot carry it.
        ValueError: If JSON cannot carry it, or it exceeds a limit.
    """
    check_limits(value)
    text = json.dumps(value, allow_nan=False)
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"it takes more than {MAX_CHARACTERS} characters of JSON")
    return json.loads(text)


def check_limits(value: Any, *, max_depth: int = MAX_DEPTH) -> None:
    """Check a value of JSON before it is written; the check itself needs neither a deep stack nor much memory.

    Raises:
        ValueError: If it is nested too deeply or in itself, is too large, or has an integer of too many digits.
    """
    level, depth, size = [value], 0, 0
    while level:
        if depth > max_depth:
            raise ValueError(f"it is nested more than {max_depth} deep")
        size += len(level) + sum(len(one) for one in level if isinstance(one, str))
        if size > MAX_CHARACTERS:
            raise ValueError(f"it takes more than {MAX_CHARACTERS} characters of JSON")
        if any(isinstance(one, int) and one.bit_length() > MAX_BITS for one in level):
            raise ValueError(f"it has an integer of more than {MAX_DIGITS} digits")
        level = list(islice(chain.from_iterable(map(_parts, level)), MAX_CHARACTERS + 1))
        depth += bool(level)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return chain(value.keys(), value.values())
    return value if isinstance(value, list | tuple) else ()


def parse(text: str) -> Any:
    """Return the value of a JSON text that a person or another program wrote.

    Raises:
        ValueError: If it is not JSON, has a name twice, or is nested too deeply.
    """
    if depth_of(text) > MAX_DEPTH:
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
    return json.loads(text, object_pairs_hook=unique)


@dataclass(frozen=True)
class TwoValues:
    """Stands for the value of a name that an object has twice."""


@dataclass(frozen=True)
class HugeInteger:
    """Stands for an integer of more than `MAX_DIGITS` digits."""


def read_object(text: str) -> dict[str, Any]:
    """Return an object of JSON that another program wrote, even if parts of it cannot be kept.

    These have something else in their place: a `TwoValues`, a `HugeInteger`, or null if they are nested far too deeply.

    Raises:
        ValueError: If it is not an object of JSON.
    """
    found = json.loads(_pruned(text), object_pairs_hook=_readable, parse_int=_read_integer)
    if not isinstance(found, dict):
        raise ValueError("it is not an object")
    return found


def _readable(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    counts = Counter(name for name, _ in pairs)
    return {name: value if counts[name] == 1 else TwoValues() for name, value in pairs}


def _read_integer(digits: str) -> int | HugeInteger:
    return int(digits) if len(digits) <= MAX_DIGITS else HugeInteger()


def _pruned(text: str) -> str:
    """Return a JSON text with null for what is nested more than one level too deeply, so that it can be parsed."""
    if depth_of(text) <= MAX_DEPTH + 1:
        return text
    parts, start, before = [], 0, 0
    for token, depth in zip(_TOKEN.finditer(text), _depths(text), strict=True):
        if before <= MAX_DEPTH + 1 < depth:
            parts.append(text[start : token.start()])
        elif depth <= MAX_DEPTH + 1 < before:
            parts.append("null")
            start = token.end()
        before = depth
    return "".join([*parts, text[start:]]) if before <= MAX_DEPTH + 1 else text[:start]


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; of a name that occurs twice, one value would be lost.

    Raises:
        ValueError: If a name occurs twice.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)!r:.100} occurs twice")
    return members


def depth_of(text: str) -> int:
    """Return how deep a JSON text is nested, without a deep stack. A text that is not JSON has any depth."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return text.count("{") + text.count("[")  # not nested deeper than this
    return max(_depths(text))


def _depths(text: str) -> Iterator[int]:
    depth, is_in_string = 0, False
    for token in _TOKEN.finditer(text):
        if token[0] == '"':
            is_in_string = not is_in_string
        elif not is_in_string:
            depth += (token[0] in "[{") - (token[0] in "]}")
        yield depth
