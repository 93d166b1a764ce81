"""DeepCAVE's files, read by what their documentation says, and the space by ConfigSpace itself."""

import json
import math

import pytest
from ConfigSpace import Configuration, ConfigurationSpace

import bohb
from bohb.errors import SettingError
from bohb.exchange import write_deepcave


def load(folder):
    """The files as DeepCAVE's own loader reads them."""
    read = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("meta", "configs", "origins")}
    read["history"] = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return read | {"space": ConfigurationSpace.from_json(folder / "configspace.json")}


def test_every_result_is_a_line_of_its_configuration(tmp_path, study):
    with bohb.Study.open(study) as opened:
        assert write_deepcave(opened, tmp_path / "run") == len(opened.results)
        results, ladder = opened.results, opened.ladder
    run = load(tmp_path / "run")
    assert len(run["history"]) == len(results)
    for (number, budget, seed, [loss], start, end, status, more), result in zip(run["history"], results, strict=True):
        config = run["configs"][str(number)]
        assert config == dict(result.trial.config)
        Configuration(run["space"], config)  # it lies in the space
        assert budget == ladder.costs[ladder.level(result.budget)]
        assert loss == (None if result.is_failure else result.loss)
        assert status == (4 if result.is_failure else 1)
        assert ("traceback" in more) == result.is_failure
        assert (seed, more["trial"]) == (-1, result.trial.id)
        assert 0 <= start <= end
    assert set(run["origins"]) == set(run["configs"])
    [objective] = run["meta"]["objectives"]
    losses = [result.loss for result in results if math.isfinite(result.loss)]
    assert (objective["lower"], objective["upper"], objective["optimize"]) == (min(losses), max(losses), "lower")
    assert run["meta"]["budgets"] == list(ladder.costs)


def test_a_run_of_nothing_is_refused_and_nothing_is_overwritten(tmp_path):
    empty = bohb.Optimizer({"x": (0.0, 1.0)}, [1])
    with pytest.raises(SettingError, match="at least one result"):
        write_deepcave(empty, tmp_path / "run")
    empty.tell(empty.ask(), 1.0)
    write_deepcave(empty, tmp_path / "run")
    with pytest.raises(SettingError, match="expected a new file"):
        write_deepcave(empty, tmp_path / "run")
