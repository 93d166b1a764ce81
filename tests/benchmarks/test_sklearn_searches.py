"""The searches of scikit-learn: each spends the same, and the table ranks what they found."""

from typing import Any

import pytest

from benchmarks.sklearn_searches import ITERATIONS, TASKS, as_optuna, as_scipy, main, make_searches, table

pytestmark = pytest.mark.filterwarnings("default")  # Optuna says that its search is experimental


def test_every_search_spends_the_same() -> None:
    task, fits = TASKS["linnerud"], 4
    X, y = task.load(return_X_y=True)
    searches = make_searches(task, ITERATIONS, fits, 2, 0)
    for search in searches.values():
        search.fit(X, y)
    assert len(searches["OptunaSearchCV"].trials_) == fits
    assert len(searches["RandomizedSearchCV"].cv_results_["params"]) == fits
    halving = sum(searches["HalvingRandomSearchCV"].cv_results_["n_resources"])
    assert 0.9 * fits * ITERATIONS <= halving <= 1.1 * fits * ITERATIONS
    ours = searches["BOHBSearchCV"].optimizer_
    spent = sum(
        result.trial.budget
        - (0 if result.trial.checkpoint is None else ours.results[result.trial.previous].trial.budget)
        for result in ours.results
    )
    assert fits * ITERATIONS <= spent < (fits + 1) * ITERATIONS


@pytest.mark.parametrize("entry", [(1, 6), (0.1, 1.0), (1e-3, 1.0, "log"), [1, 2, 5]])
def test_an_entry_means_the_same_to_every_search(entry: Any) -> None:
    theirs, optunas = as_scipy(entry), as_optuna(entry)
    if isinstance(entry, list):
        assert (theirs, list(optunas.choices)) == (entry, entry)
        return
    assert theirs.support() == pytest.approx(entry[:2])
    assert (optunas.low, optunas.high, optunas.log) == (*entry[:2], len(entry) == 3)


def test_the_table_ranks_the_best_first() -> None:
    found = {"a": [{"X": (0.9, 1.0), "Y": (0.8, 3.0)}], "b": [{"X": (0.5, 1.0), "Y": (0.5, 5.0)}]}
    assert table(found).splitlines()[2:] == ["| `X` | 1.25 | 1.0 | 0.9 | 0.5 |", "| `Y` | 1.75 | 4.0 | 0.8 | 0.5 |"]


def test_the_command_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--repeats", "1", "--fits", "1", "--cv", "2", "--data", "linnerud"])
    assert capsys.readouterr().out.count("SearchCV`") == 4
