"""The rows of an event log: how facts become text, and how a damaged or hostile row is detected.

Every row carries a checksum over the checksum of the row before it and over all of its own columns. A changed, missing,
repeated or moved row therefore breaks the chain, whichever store keeps the rows. The checksum guards against accidents.
It is not a signature: a process that may write to the store may write a valid chain.

This module knows neither stores nor optimizers, and imports nothing heavy.
"""

import json
import math
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple, NoReturn

from bohb._json import DEEPEST, depth_of, unique
from bohb.errors import OutcomeError, StudyCorrupt

MAX_PAYLOAD = 2**24
"""The largest payload of a row, in characters."""

FIRST_CHECKSUM = "0" * 16
"""The checksum before the first row."""

_CHECK_LENGTH = len(',"check":"0123456789abcdef"}')


class Row(NamedTuple):
    """One event as it is stored.

    Attributes:
        seq: Counts the rows from 1, without gaps.
        kind: What happened.
        payload: The facts, a JSON object whose last member is the checksum of the row.
        at: When the row was written, seconds since 1970 by the clock of the store.
    """

    seq: int
    kind: str
    payload: str
    at: float


def seal(before: Row | None, kind: str, facts: Mapping[str, Any], at: float) -> Row:
    """Return the row that follows `before` (None before the first one).

    Args:
        before: The last row of the log.
        kind: What happened.
        facts: JSON-able, not empty, without the names "kind" and "check".
        at: The time of the store.

    Raises:
        OutcomeError: If the facts are too large to be kept.
    """
    body = json.dumps(facts, separators=(",", ":"), allow_nan=False)[:-1]
    if len(body) + _CHECK_LENGTH > MAX_PAYLOAD:
        raise OutcomeError(
            f"expected at most {MAX_PAYLOAD} characters of JSON in an event, got {len(body)}; store less"
        )
    seq, previous = (1, FIRST_CHECKSUM) if before is None else (before.seq + 1, checksum(before))
    return Row(seq, kind, f'{body},"check":"{_digest(previous, seq, kind, body, at)}"}}', at)


def checksum(row: Row) -> str:
    """Return the checksum that a row carries.

    Raises:
        StudyCorrupt: If the row has no payload.
    """
    if type(row.payload) is not str:
        raise StudyCorrupt(f"expected an event with a payload, got {row}; restore the study from a copy")
    return row.payload[-18:-2]


def verify(row: Row, seq: int, before: str) -> str:
    """Return the checksum of a row after checking its number and the chain.

    Args:
        row: The row.
        seq: The number that it has to have.
        before: The checksum of the row before it.

    Raises:
        StudyCorrupt: If the number or the checksum is wrong.
    """
    payload = row.payload
    if row.seq == seq and type(payload) is str and type(row.kind) is str and type(row.at) is float:
        check = payload[-18:-2]
        body = payload[:-_CHECK_LENGTH]
        if payload == f'{body},"check":"{check}"}}' and check == _digest(before, seq, row.kind, body, row.at):
            return check
    raise StudyCorrupt(
        f"expected event {seq} to carry the checksum that follows from event {seq - 1}, got {str(row)[:200]}; "
        "the study was damaged or changed from outside: restore it from a copy"
    )


def _digest(before: str, seq: int, kind: str, body: str, at: float) -> str:
    # JSON written as ASCII has no lone surrogates; a hostile row may have them, and must not raise here.
    text = f"{before}\n{seq}\n{kind}\n{at!r}\n{body}"
    return blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def may_hold(row: Row, name: str, value: int) -> bool:
    """Whether the facts of a row may hold `value` under `name`; if not, they need not be read."""
    return f'"{name}":{value}' in row.payload  # without a space, as `seal` writes it


def read_facts(row: Row) -> dict[str, Any]:
    """Return the payload as a dict, with the checksum still in it.

    Raises:
        StudyCorrupt: If it is not a plain JSON object, has a number that is not finite or a name twice, or is nested
            too deeply.
    """
    if type(row.payload) is not str:
        raise StudyCorrupt(f"expected text in event {row.seq}, got {str(row)[:200]}; restore the study from a copy")
    if depth_of(row.payload) > DEEPEST:
        raise StudyCorrupt(f"expected plain JSON in event {row.seq}, got one nested too deeply: {row.payload[:200]!r}")
    try:
        facts, end = _decode(row.payload)
        if end != len(row.payload):
            raise ValueError("something follows the object")
        if type(facts) is dict and row.payload.count(":") != _num_names(facts):
            facts = _decode_unique(row.payload)
    except ValueError as error:
        raise StudyCorrupt(f"expected plain JSON in event {row.seq}, got {row.payload[:200]!r}: {error}") from error
    if type(facts) is not dict:
        raise StudyCorrupt(f"expected a JSON object in event {row.seq}, got {row.payload[:200]!r}")
    return facts


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is out of range")
    return number


def _num_names(facts: dict[str, Any]) -> int:
    """Return the number of names in an object and its members; every name that occurs twice is missing once."""
    return len(facts) + sum([len(value) for value in facts.values() if type(value) is dict])


_decode = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).raw_decode
_decode_unique = json.JSONDecoder(object_pairs_hook=unique, parse_constant=_refuse, parse_float=_finite).decode
