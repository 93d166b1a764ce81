"""For scripts that already run on several ranks, under `horovodrun`, `torchrun` or `mpirun`.

    import horovod.torch as hvd
    from bohb.runner import spmd

    hvd.init()
    report = spmd.run(objective, make_study, max_trials=100)    # every rank runs this line

Rank 0 owns the search and runs the usual loop, with an executor that shows each trial to all ranks by a broadcast
(with a name: Horovod names objects by their type otherwise, and ranks that wait for different names wait for ever).
Every rank calls the objective; rank 0 collects how it went, and tells. How it went cannot be collected by the same
collectives: after an exception on one rank the others may wait for it inside the objective. So each rank keeps a line
to rank 0 beside them. A rank that dies, or that waits for one that failed, ends the program on every rank, with an
error: a job whose ranks are out of step cannot be saved, and the launcher starts it again.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NoReturn, Protocol

from bohb.errors import SettingError
from bohb.runner.evaluation import Evaluation, Objective, Outcome
from bohb.runner.lines import Follower, Leader
from bohb.runner.records import Callback
from bohb.runner.report import Report
from bohb.runner.search import Search
from bohb.trials import Trial

Launcher = Literal["horovod", "torch", "mpi"]


class Group(Protocol):
    """The ranks, as one of the launchers' libraries knows them."""

    @property
    def rank(self) -> int:
        """Which one this is."""

    @property
    def size(self) -> int:
        """How many there are."""

    def broadcast(self, value: Any, name: str) -> Any:
        """Returns rank 0's value on every rank."""
