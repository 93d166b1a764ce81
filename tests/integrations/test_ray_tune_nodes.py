"""Ray Tune on nodes that come and go."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runner.engines import requires

pytestmark = [
    *requires("ray", "ray", "pandas", "pyarrow"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Ray leaves sockets and files to the collector
]


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head without CPUs; trials run on the nodes that a test adds."""
    import ray
    from ray.cluster_utils import Cluster

    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_a_lost_node_loses_no_trial(cluster: Any, tmp_path: Path) -> None:
    """The search goes on, on a node that comes later."""
    from bohb.integrations.ray_tune import BOHBSearch
    from tests.integrations import ray_tune_program as program

    nodes, lost = [cluster.add_node(num_cpus=1)], []

    def lose(found: int, trials: list[Any]) -> None:
        running = [trial for trial in trials if trial.status == "RUNNING"]
        if found >= 2 and running and nodes:
            lost.extend(running)
            cluster.remove_node(nodes.pop(), allow_graceful=False)
            cluster.add_node(num_cpus=1)

    program.HOOKS.append(lose)
    search = BOHBSearch(seed=0)
    try:
        grid = program.tuner(search, str(tmp_path), "nodes", num_samples=3, reuse_actors=False).fit()
    finally:
        program.HOOKS.remove(lose)
    assert lost, "expected that a node was removed while a trial was there"
    assert (len(grid), grid.num_errors) == (3, 0)
    results = search.optimizer.results
    assert not any(result.is_failure for result in results)
    assert {result.trial.config_id for result in results} == {0, 1, 2}
    assert max(result.budget for result in results) == 4
    for result in results:
        config = result.config
        assert result.loss == program.loss_of(config["x"], config["net/units"], result.budget)
