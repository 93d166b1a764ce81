"""Tests against the real engines: each file needs one, and is skipped where it is not installed."""

import os
from importlib.util import find_spec

import pytest


def requires(engine: str, *modules: str) -> list[pytest.MarkDecorator]:
    """Return the marks of the tests of an engine, which skip them where it is not installed.

    Raises:
        ImportError: If it is not installed, but `BOHB_REQUIRE_ENGINES` (a list with commas) names it.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing and engine in os.environ.get("BOHB_REQUIRE_ENGINES", "").split(","):
        raise ImportError(f"BOHB_REQUIRE_ENGINES names {engine}, which needs {', '.join(missing)}: not installed")
    return [getattr(pytest.mark, engine), pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")]
