"""The smallest launcher of ranks: plain processes on this machine, without collectives."""

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import dataclass

from bohb.runner.ranks.reports import Rank

PROGRAM = "import pickle, sys; pickle.load(sys.stdin.buffer)()"


@dataclass(frozen=True)
class PlainLaunch:
    rank_variable: str = "RANK"
    host_variable: str = "MASTER_ADDR"

    def __call__(self, rank: Rank, hosts: str, size: int) -> None:
        ranks = [
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, env={**os.environ, "RANK": str(number)}
            )
            for number in range(size)
        ]
        for process in ranks:
            process.stdin.write(pickle.dumps(rank))
            process.stdin.close()
        statuses = [process.wait() for process in ranks]
        if any(statuses):
            names = [signal.Signals(-status).name if status < 0 else str(status) for status in statuses]
            raise RuntimeError(f"the ranks at {hosts} ended with {', '.join(names)}")
