"""Tables, as csv and json of the standard library read them."""

import csv
import io
import json
import math

import bohb
from bohb.exchange import write_csv, write_json


def test_csv_holds_every_result(tmp_path, study):
    """The loss of a failure is an empty cell; so is a parameter that is not active."""
    with bohb.Study.open(study) as opened:
        assert write_csv(opened, tmp_path / "results.csv") == len(opened.results)
        results = opened.results
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, result in zip(rows, results, strict=True):
        assert row["trial"] == str(result.trial.id)
        assert row["loss"] == (repr(result.loss) if math.isfinite(result.loss) else "")
        assert row["config.x"] == repr(result.trial.config["x"])
        assert (row["config.y"] == "") == ("y" not in result.trial.config)


def test_json_holds_every_result(tmp_path, study):
    with bohb.Study.open(study) as opened:
        assert write_json(opened, tmp_path / "results.json") == len(opened.results)
        results = opened.results
    rows = json.loads((tmp_path / "results.json").read_text())["results"]
    losses = [result.loss if math.isfinite(result.loss) else None for result in results]
    assert [(row["trial"], row["loss"]) for row in rows] == [
        (r.trial.id, x) for r, x in zip(results, losses, strict=True)
    ]


def test_an_open_file_takes_a_table_of_an_optimizer():
    optimizer, text = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0), io.StringIO()
    optimizer.tell(optimizer.ask(), 0.5)
    assert write_csv(optimizer, text) == 1
    assert text.getvalue().splitlines()[1].startswith("0,0,1,0.5,ok,")


def test_a_spreadsheet_computes_nothing():
    optimizer, text = bohb.Optimizer({"text": ["=1+1", "@x"]}, [1], seed=0), io.StringIO()
    optimizer.tell(optimizer.ask(), 1.0)
    write_csv(optimizer, text)
    assert ",'" in text.getvalue().splitlines()[1]


def test_what_a_trial_used_and_what_it_cost_are_in_every_table(tmp_path):
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 9], seed=0, preset="random")
    optimizer.tell(optimizer.ask(), 0.5, budget=2.5, cost=3)
    optimizer.tell(optimizer.ask(), 0.5)
    text = io.StringIO()
    write_csv(optimizer, text)
    assert [(row["used"], row["cost"]) for row in csv.DictReader(io.StringIO(text.getvalue()))] == [
        ("2.5", "3.0"),
        ("", ""),
    ]
    write_json(optimizer, tmp_path / "a.json")
    first, second = json.loads((tmp_path / "a.json").read_text())["results"]
    assert (first["used"], first["cost"]) == (2.5, 3.0)
    assert "used" not in second
    frame = optimizer.to_frame()
    assert frame["used"].tolist()[0] == 2.5
    assert math.isnan(frame["used"].tolist()[1])
    assert frame["cost"].tolist()[0] == 3
