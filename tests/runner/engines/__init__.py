"""Tests against the real engines: each file needs one, and is skipped where it is not installed."""

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

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


def assert_no_gpu_is_shared(infos: Sequence[Mapping[str, Any]], devices: set[str]) -> None:
    """Check trials that say their `devices`, and when they `begin` and `end`: all served, one trial at a time."""
    assert {info["devices"] for info in infos} == devices
    for one in infos:
        for other in infos:
            is_apart = one["end"] <= other["begin"] or other["end"] <= one["begin"]
            assert one is other or is_apart or one["devices"] != other["devices"]
