"""The laws of programs on several ranks, under `torchrun`."""

import sys

import pytest

from tests.runner.engines import requires
from tests.runner.engines.spmd_laws import *  # noqa: F403
from tests.runner.engines.spmd_laws import Start

pytestmark = [*requires("torchrun", "torch"), pytest.mark.slow]


@pytest.fixture
def start() -> Start:
    return lambda command: [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", *command[1:]]
