"""The contract on the executor of a Dask cluster on this machine, `client.get_executor(pure=False)`."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import bohb
from bohb.testing.executor_runs import make_optimizer
from bohb.testing.executors import ExecutorContract
from tests.runner.engines import requires
from tests.runner.engines.examples import run_example

pytestmark = [
    *requires("dask", "distributed"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Dask's shutdown leaves sockets to the collector
]


@contextmanager
def dask_executor(workers: int) -> Iterator[object]:
    import dask
    from distributed import Client, LocalCluster

    # 15 s after a worker died, a local cluster checks whether it is back, and removes it for good if it has just
    # died again. With many kills no worker would be left, and Dask would wait forever.
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1 hour"}),
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        client.get_executor(pure=False) as executor,
    ):
        yield executor


class TestDask(ExecutorContract):
    survives = True
    reruns = True  # the scheduler runs a trial again whose worker died, three times, before the loop hears of it
    is_slow = True
    start_seconds = 40

    def make(self, workers):
        return dask_executor(workers)


def test_equal_calls_are_evaluated_separately() -> None:
    """The reason for `pure=False`: otherwise equal calls share one value."""
    import random

    with dask_executor(1) as executor:
        values = {executor.submit(random.random).result() for _ in range(3)}
        assert len(values) == 3


def test_a_configuration_that_kills_its_workers_is_given_up() -> None:
    """Dask gives up on a call whose workers keep dying; the trial is a failure, and the run continues."""
    import os
    import signal

    def objective(trial):
        if trial.config_id == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0.5

    optimizer = make_optimizer()
    with dask_executor(1) as executor:
        report = bohb.run(objective, optimizer, executor=executor, max_trials=2, progress=False)
    assert (report.num_trials, report.num_failures) == (2, 1)
    assert optimizer.results[0].info["error"].startswith("KilledWorker")


def test_the_script_of_the_documentation_runs() -> None:
    """As a program of its own."""
    assert "6 (0 failed, 0 lost with their worker)" in run_example("dask")
