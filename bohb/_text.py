"""Text for people, and numbers that people write."""

import re

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|[-+]?(?:nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_INTEGER = re.compile(r"[-+]?\d+", re.ASCII)


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
