"""Text for people, and numbers that people write."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from types import TracebackType

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|[-+]?(?:nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_INTEGER = re.compile(r"[-+]?\d+", re.ASCII)
_STACK_TRACE = re.compile(r"^Stack trace:\s*$", re.MULTILINE)


def read_number(text: str) -> float:
    """Return a number that a person or another program wrote; unlike `float`, refuse 1_000 and digits of other scripts.

    Raises:
        ValueError: If it is not a number.
    """
    return float(_matching(_NUMBER, text, "a number such as 0.5 or 1e-3"))


def read_integer(text: str) -> int:
    """Return an integer that a person wrote; unlike `int`, refuse 1_000 and digits of other scripts.

    Raises:
        ValueError: If it is not an integer.
    """
    return int(_matching(_INTEGER, text, "an integer such as 7"))


def _matching(pattern: re.Pattern[str], text: str, what: str) -> str:
    if pattern.fullmatch(text.strip()) is None:
        raise ValueError(f"expected {what}, got {text!r:.100}")
    return text


def brief(value: object) -> str:
    """Return what a message shows of a value of any kind; only its type if it cannot be shown."""
    try:
        return shortened(repr(value), 200)
    except Exception:  # an integer of thousands of digits, a user's own `__repr__`
        return f"a value of type {type(value).__name__} that cannot be shown"


def shortened(text: str, limit: int) -> str:
    """Return a text of at most about `limit` characters: its beginning and its end."""
    half = limit // 2
    return text if len(text) <= limit else f"{text[:half]} ... {text[-half:]}"


def describe_error(error: BaseException) -> str:
    """Return the type and the message of an exception; only its type if its message cannot be had."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # a user's own `__str__` may raise anything
        return type(error).__name__


def traceback_of(error: BaseException, frames: TracebackType | None = None) -> str:
    """Return the traceback of an exception as text; of one that Python cannot format, its frames and its type.

    Args:
        error: The exception.
        frames: The frames to show.
    """
    import traceback  # a command that only tells needs none

    try:
        return "".join(traceback.format_exception(type(error), error, frames))
    except Exception:  # a SyntaxError with a text as offset, a user's own attribute that raises
        return "".join([*traceback.format_tb(frames), describe_error(error)])


def visible(text: str, *, keep_lines: bool = False) -> str:
    """Return text with its control characters escaped, so that no value can steer the terminal.

    Args:
        text: Any text.
        keep_lines: Whether line breaks stay as they are. If not, the text that is returned is one line.
    """
    return "".join(
        character if character.isprintable() or (keep_lines and character == "\n") else repr(character)[1:-1]
        for character in text
    )


def significant(value: object) -> str:
    """Return what people read of a value: of a float four significant digits, of anything else its text."""
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    return _rounded(value, 4)


def told_apart(values: Sequence[float]) -> list[str]:
    """Return numbers with four significant digits, or with as many more as tell those apart that differ."""
    for digits in range(4, 17):
        texts = [_rounded(value, digits) for value in values]
        if len(set(texts)) == len(set(values)):
            return texts
    return [repr(float(value)) for value in values]


def _rounded(value: float, digits: int) -> str:
    """Return a number with some significant digits, without an exponent if it is neither large nor small."""
    if not (math.isfinite(value) and 1e4 <= abs(value) < 1e7):
        return f"{value:.{digits}g}"
    decimals = max(0, digits - len(str(int(abs(value)))))
    return f"{value:.{decimals}f}"


def config_line(config: Mapping[str, object]) -> str:
    """Return a configuration on one line, for people."""
    parts = (
        f"{name}={significant(value) if isinstance(value, float) else repr(value)}" for name, value in config.items()
    )
    return visible(", ".join(parts))


def last_line(text: str) -> str:
    """Return the last line of a text that is not empty: of a traceback it is the error."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def error_line(text: str) -> str:
    """Return the last line of an error, without the stack trace with which libraries in C++ end their messages."""
    before = _STACK_TRACE.split(text, maxsplit=1)[0]
    return last_line(before) or last_line(text)


def duration(seconds: float) -> str:
    """Return a duration as text, such as `2 min 05 s`."""
    if seconds < 60:
        return f"{seconds:.2g} s" if 0 < seconds < 1 else f"{seconds:.1f} s" if 0 < seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours:02} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def aligned(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Return a table as lines of aligned columns, the headers first.

    Args:
        headers: The names of the columns.
        rows: The cells, as many as there are headers.
        right: The columns that end together, as numbers do.
    """
    table = [[visible(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        gaps = (" " * (size - width(cell)) for cell, size in zip(row, widths, strict=True))
        cells = (gap + cell if i in right else cell + gap for i, (cell, gap) in enumerate(zip(row, gaps, strict=True)))
        lines.append("  ".join(cells).rstrip())
    return lines


def width(text: str) -> int:
    """Return how many cells of a terminal a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF") for one in text)
