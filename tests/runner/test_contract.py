"""Runs the contract on every engine."""

import pytest

from tests.runner.contract import *  # noqa: F403  (its tests become this module's)
from tests.runner.engines import Engine, all_engines


@pytest.fixture(params=all_engines())
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.param
