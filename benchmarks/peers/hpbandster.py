"""HpBandSter's BOHB without its network.

Everything is HpBandSter's own, including the records of its master. Two parts are replaced: the dispatcher, which
sends jobs to workers through Pyro, and the loop of `Master.run`, which waits for results where this one returns.

Oddities: it has no seed, so numpy's global generator is seeded. It refuses ordinals, so they are integers, the indices
of their values, as its message advises. A lost worker counts as a crash, as in its own dispatcher.
"""

import math
import tempfile
from typing import Any

import hpbandster.core.master
import numpy as np
from ConfigSpace import ConfigurationSpace
from hpbandster.core.dispatcher import Job
from hpbandster.optimizers import BOHB

from benchmarks.peers.task import Asked, Task, ordinals_as_integers, read_space


class Dispatcher:
    """A substitute for HpBandSter's dispatcher that keeps the submitted jobs."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.submitted: list[Job] = []

    def run(self) -> None:
        """Do nothing, where HpBandSter starts a thread."""

    def submit_job(self, config_id: tuple[int, int, int], **kwargs: Any) -> None:
        """Keep a job."""
        self.submitted.append(Job(config_id, **kwargs))


def make_master(space: ConfigurationSpace, smallest: float, largest: float, eta: float) -> BOHB:
    """Return HpBandSter's master with its default settings, without looking for workers."""
    hpbandster.core.master.Dispatcher = Dispatcher
    return BOHB(
        configspace=space,
        run_id="benchmark",
        working_directory=tempfile.gettempdir(),
        eta=eta,
        min_budget=smallest,
        max_budget=largest,
    )


class HpBandSter:
    """`BOHB` with its default settings."""

    def __init__(self, task: Task) -> None:
        self.indexed = ordinals_as_integers(task.description)
        self.sequences = {each["name"]: each["sequence"] for each in _ordinals(task.description)}
        np.random.seed(task.seed)  # noqa: NPY002 - the generator that HpBandSter draws from
        space = read_space(self.indexed, task.seed)
        self.master = make_master(space, task.smallest, task.budgets[-1], task.eta)
        self.jobs: list[Job] = self.master.dispatcher.submitted

    def ask(self) -> Asked:
        """Return the next evaluation as `Master.run` finds it: of the oldest iteration first, else of a new one."""
        run = self._next_run()
        while run is None:
            number = len(self.master.iterations)
            self.master.iterations.append(self.master.get_next_iteration(number, {"result_logger": None}))
            run = self._next_run()
        self.master._submit_job(*run)  # noqa: SLF001 - as its own loop does
        _, config, budget = run
        values = {name: self._original(name, value) for name, value in config.items()}
        return Asked(len(self.jobs) - 1, values, budget)

    def tell(self, key: int, loss: float) -> None:
        """Report a loss; a failure has no result, as if the worker had raised an exception."""
        job = self.jobs[key]
        job.result = None if math.isnan(loss) else {"loss": loss, "info": {}}
        job.exception = "failed" if math.isnan(loss) else None
        self.master.job_callback(job)

    def lose(self, key: int) -> None:
        """Report a lost worker as the dispatcher does."""
        self.tell(key, math.nan)

    def _next_run(self) -> tuple[Any, dict[str, Any], float] | None:
        for index in self.master.active_iterations():
            run: tuple[Any, dict[str, Any], float] | None = self.master.iterations[index].get_next_run()
            if run is not None:
                return run
        return None

    def _original(self, name: str, value: Any) -> Any:
        return self.sequences[name][int(value)] if name in self.sequences else value


def _ordinals(description: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in description["hyperparameters"] if each["type"] == "ordinal"]
