"""Records as HTML for notebooks. Every text is escaped: a configuration may hold any."""

from collections.abc import Iterable, Sequence
from html import escape

from bohb._text import significant, visible

_LEFT, _RIGHT = " style='text-align:left'", " style='text-align:right'"


def text_of(value: object) -> str:
    """Return a value as escaped text, numbers with four significant digits."""
    return escape(visible(significant(value), keep_lines=True))


def pairs(title: str, rows: Iterable[tuple[str, object]]) -> str:
    """Return names and values as a table of two columns.

    Args:
        title: The caption.
        rows: The names and the values.
    """
    cells = (f"<tr><th{_LEFT}>{text_of(name)}</th><td{_LEFT}>{text_of(value)}</td></tr>" for name, value in rows)
    return f"<table><caption>{text_of(title)}</caption>{''.join(cells)}</table>"


def grid(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows under headers as a table.

    Args:
        title: The caption.
        headers: The names of the columns.
        rows: The values.
    """
    head = "".join(f"<th scope='col'>{text_of(name)}</th>" for name in headers)
    body = "".join(f"<tr>{''.join(f'<td{_RIGHT}>{text_of(value)}</td>' for value in row)}</tr>" for row in rows)
    return f"<table><caption>{text_of(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def lines(title: str, texts: Iterable[str]) -> str:
    """Return sentences as a list.

    Args:
        title: What stands above.
        texts: The sentences.
    """
    return f"<p><b>{text_of(title)}</b></p><ul>{''.join(f'<li>{text_of(text)}</li>' for text in texts)}</ul>"
