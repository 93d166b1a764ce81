"""A search as one page of HTML that opens from disk and needs no network.

`contents.py` gathers what the page says, `pictures.py` draws, and `page.py` fills in the template; `writing.py` writes
the file.
"""

from bohb.reporting.writing import report

__all__ = ["report"]
