"""Text for a terminal."""


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
