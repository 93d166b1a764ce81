"""Parts of scipy that load on first use, because importing scipy takes longer than an ask."""

import importlib
from functools import cache
from types import ModuleType


@cache
def scipy_part(name: str) -> ModuleType:
    """Return a submodule of scipy by its name, for example "special"."""
    return importlib.import_module(f"scipy.{name}")
