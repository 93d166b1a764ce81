"""`BOHBSearchCV` with its fits on a Dask cluster, by the backend of joblib."""

import numpy as np
import pytest

from tests.runner.engines import requires

pytestmark = [
    *requires("dask", "distributed", "sklearn"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Dask's shutdown leaves sockets to the collector
]


def test_the_search_on_a_cluster_is_the_search_in_this_process() -> None:
    import joblib
    from distributed import Client, LocalCluster
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier

    from bohb.integrations.sklearn import BOHBSearchCV

    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(9, warm_start=True, random_state=0)
    search = BOHBSearchCV(
        forest, {"max_depth": (1, 9)}, resource="n_estimators", cv=2, n_trials=12, error_score="raise", random_state=0
    )
    here = search.fit(X, y).cv_results_
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        joblib.parallel_config("dask"),
    ):
        there = search.fit(X, y).cv_results_
    assert here["params"] == there["params"]
    assert np.array_equal(here["mean_test_score"], there["mean_test_score"])
    assert set(here["n_resources"]) > {1}
