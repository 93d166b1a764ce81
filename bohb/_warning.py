"""Warnings that show the user's own line, not one of this package."""

import sys
import warnings

from bohb.errors import BohbWarning

_HOME = __file__.removesuffix("_warning.py")


def warn(message: str) -> None:
    """Warn, at the first line outside of this package that led here."""
    level, frame = 1, sys._getframe()  # noqa: SLF001 - as the module `warnings` itself does
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HOME):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, BohbWarning, stacklevel=level)
