"""DEHB through its own ask and tell, with its default settings.

Oddities: it documents no way to tell a failure. It treats an infinite loss as "not evaluated", which prevents
promotion. If every configuration of a rung has failed, its ask raises an IndexError.
"""

import math
import tempfile
from typing import Any

from dehb import DEHB

from benchmarks.peers.task import Asked, Task


class Dehb:
    """`DEHB`; it only writes a log, to a folder that is deleted with the process."""

    def __init__(self, task: Task) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.largest = task.budgets[-1]
        self.jobs: list[dict[str, Any]] = []
        self.dehb = DEHB(
            cs=task.space,
            min_fidelity=task.smallest,
            max_fidelity=self.largest,
            eta=task.eta,
            seed=task.seed,
            n_workers=1,  # the workers of its own Dask; ask and tell have no number of workers
            save_freq="end",
            output_path=self.folder.name,
        )

    def ask(self) -> Asked:
        """Return the next evaluation; there always is one, because it opens another bracket if all are waiting."""
        self.jobs.append(self.dehb.ask())
        job = self.jobs[-1]
        return Asked(len(self.jobs) - 1, job["config"], job["fidelity"])

    def tell(self, key: int, loss: float) -> None:
        """Report a loss; DEHB only records the cost."""
        job = self.jobs[key]
        fitness = math.inf if math.isnan(loss) else loss
        self.dehb.tell(job, {"fitness": fitness, "cost": job["fidelity"] / self.largest})

    def lose(self, key: int) -> None:
        """Report a lost worker as a failure."""
        self.tell(key, math.nan)
