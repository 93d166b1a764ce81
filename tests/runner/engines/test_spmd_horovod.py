"""The laws of programs on several ranks, under `horovodrun`."""

import sys

import pytest

from tests.runner.engines import requires
from tests.runner.engines.spmd_laws import *  # noqa: F403
from tests.runner.engines.spmd_laws import Start

pytestmark = [*requires("horovod", "horovod", "torch"), pytest.mark.slow]


@pytest.fixture
def start() -> Start:
    program = "from horovod.runner.launch import run_commandline; run_commandline()"
    return lambda command: [sys.executable, "-c", program, "--gloo", "-np", "2", *command]
