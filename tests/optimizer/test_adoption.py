"""Adopt: what is taken over from another search, what is not, and that the account of it is right."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.exchange import import_optuna, write_csv, write_optuna
from bohb.trials import Status
from tests.strategies import ladders, loss_of, make, presets, seeds, spaces

SPACE = {"lr": (0.0, 0.1), "opt": ["sgd", "adam"]}
LADDER = bohb.geometric(1, 9, eta=3)


def search(space=SPACE, ladder=LADDER, *, seed=0, num=20, loss=lambda trial: trial.config["lr"] + 1 / trial.budget):
    optimizer = bohb.Optimizer(space, ladder, seed=seed, preset="fast")
    for _ in range(num):
        trial = optimizer.ask()
        optimizer.tell(trial, loss(trial), info={"acc": trial.id}, checkpoint=f"ck/{trial.id}")
    return optimizer


def facts_of(results):
    return [(dict(r.config), r.budget, r.loss, r.status, dict(r.info), dict(r.metrics)) for r in results]


@settings(max_examples=15, deadline=None)
@given(preset=presets, space=spaces, ladder=ladders, seed=seeds, num=st.integers(0, 12), data=st.data())
def test_an_identical_search_gets_the_same_observations_from_every_source(preset, space, ladder, seed, num, data):
    old = make(preset, space=space, ladder=ladder, seed=seed)
    for _ in range(num):
        try:
            trial = old.ask()
        except bohb.SpaceExhausted:
            break
        if data.draw(st.booleans()):
            old.tell(trial, loss_of(trial), info={"n": trial.id})
    sources = [old, old.to_state(), json.loads(json.dumps(old.to_state())), old.results, iter(old.results)]
    for source in sources:
        new = make(preset, space=space, ladder=ladder, seed=seed ^ 1)
        adopted = new.adopt(source)
        assert facts_of(new.results) == facts_of(old.results)
        assert (adopted.num_read, adopted.num_new, adopted.left_out) == (len(old.results), len(old.results), ())
        assert adopted.num_failures == sum(result.is_failure for result in old.results)
        before = new.to_state()
        again = new.adopt(source if not hasattr(source, "__next__") else old)
        assert (again.num_new, again.num_known) == (0, len(old.results))
        assert new.to_state() == before
        assert bohb.Optimizer.from_state(json.loads(json.dumps(before))).results == new.results


@settings(max_examples=40, deadline=None)
@given(seed=seeds, first=st.integers(-9, 9), width=st.integers(1, 9), low=st.sampled_from([1, 2, 3]))
def test_what_is_read_is_new_known_or_left_out(seed, first, width, low):
    old = search(seed=seed)
    space = {"lr": (first / 100, (first + width) / 100), "opt": ["adam", "lion"], "wd": (0.0, 1.0)}
    new = bohb.Optimizer(space, bohb.geometric(low, 20, eta=3), seed=1, preset="fast")
    adopted = new.adopt(old, fill={"wd": 0.5})
    assert adopted.num_read == adopted.num_new + adopted.num_known + len(adopted.left_out) == 20
    assert adopted.num_new == len(new.results)
    assert {result.config["wd"] for result in new.results} <= {0.5}
    assert all(text.startswith("trial ") for text in adopted.left_out)


def test_values_outside_are_refused_one_by_one():
    old = search()
    new = bohb.Optimizer({"lr": (0.05, 0.1), "opt": ["sgd", "adam"]}, LADDER, seed=1)
    adopted = new.adopt(old)
    inside = [result for result in old.results if result.config["lr"] >= 0.05]
    assert facts_of(new.results) == facts_of(inside)
    assert 0 < len(inside) < 20
    assert len(adopted.left_out) == 20 - len(inside)
    assert all("expected a number from 0.05 to 0.1 for 'lr'" in text for text in adopted.left_out)


def test_a_bound_has_a_tolerance():
    new = bohb.Optimizer({"lr": (1e-5, 1e-1, "log")}, LADDER, seed=1)
    assert new.adopt([{"config": {"lr": 1e-5 * (1 - 1e-16)}, "budget": 1, "loss": 0.5}]).num_new == 1
    assert new.adopt([{"config": {"lr": 1e-5 - 1e-20}, "budget": 3, "loss": 0.5}]).num_new == 1
    assert [result.config["lr"] for result in new.results] == [1e-5, 1e-5]


def test_choices_come_and_go():
    old = search()
    new = bohb.Optimizer({"lr": (0.0, 0.1), "opt": ["lion", "adam"]}, LADDER, seed=1)
    adopted = new.adopt(old)
    assert facts_of(new.results) == facts_of([r for r in old.results if r.config["opt"] == "adam"])
    assert all("'sgd'" in text for text in adopted.left_out)


def test_a_new_parameter_needs_a_value_and_gets_it():
    old, space = search(), {**SPACE, "wd": (0.0, 1.0)}
    new = bohb.Optimizer(space, LADDER, seed=1)
    refused = new.adopt(old)
    assert refused.num_new == 0
    assert "fill={'wd': ...}" in refused.left_out[0]
    assert new.adopt(old, fill={"wd": 0}).num_new == 20
    assert {result.config["wd"] for result in new.results} == {0.0}


@pytest.mark.parametrize("fill", [{"wd": 2.0}, {"w": 0.5}, {"wd": "x"}, [0.5]])
def test_a_fill_that_is_not_legal_changes_nothing(fill):
    new = bohb.Optimizer({**SPACE, "wd": (0.0, 1.0)}, LADDER, seed=1)
    with pytest.raises((bohb.ConfigError, bohb.SettingError)):
        new.adopt(search(), fill=fill)
    assert not new.events


def test_a_constant_needs_no_fill():
    new = bohb.Optimizer({**SPACE, "task": "digits"}, LADDER, seed=1)
    assert new.adopt(search()).num_new == 20
    assert {result.config["task"] for result in new.results} == {"digits"}


def test_a_fill_counts_where_its_parameter_is_active():
    from ConfigSpace import ConfigurationSpace, EqualsCondition

    space = ConfigurationSpace(space={"lr": (0.0, 0.1), "opt": ["sgd", "adam"], "momentum": (0.0, 1.0)})
    space.add(EqualsCondition(space["momentum"], space["opt"], "sgd"))
    new = bohb.Optimizer(space, LADDER, seed=1)
    assert new.adopt(search(), fill={"momentum": 0.9}).num_new == 20
    for result in new.results:
        assert result.config.get("momentum") == (0.9 if result.config["opt"] == "sgd" else None)
    assert bohb.Optimizer(SPACE, LADDER, seed=2).adopt(new).num_new == 20


def test_of_results_that_agree_once_a_parameter_is_gone_the_better_counts():
    results = [{"config": {"x": 0.5, "gone": i}, "budget": 1, "loss": loss} for i, loss in enumerate([0.3, 0.1, 0.2])]
    new = bohb.Optimizer({"x": (0.0, 1.0)}, LADDER, seed=1)
    adopted = new.adopt(results)
    assert [result.loss for result in new.results] == [0.1]
    assert [text.split(":")[0] for text in adopted.left_out] == ["result 0 at 1", "result 2 at 1"]
    assert (new.adopt(results).num_known, len(new.results)) == (1, 1)


def test_a_budget_between_two_rungs_counts_at_the_lower_and_says_so():
    new = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3, 9], seed=1)
    budgets = [0.5, 1, 2, 3, 8.999999999999998, 5, 5, 10]
    adopted = new.adopt([{"config": {"x": i / 10}, "budget": b, "loss": 1.0} for i, b in enumerate(budgets)])
    assert [result.budget for result in new.results] == [1, 1, 3, 9, 3, 3]
    assert adopted.lowered == ("1 results at 2 count at 1", "2 results at 5 count at 3")
    assert ["smaller" in text or "larger" in text for text in adopted.left_out] == [True, True]


def test_a_result_at_the_budget_itself_wins_over_a_better_one_above():
    new = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3, 9], seed=1)
    new.adopt([{"config": {"x": 0.5}, "budget": b, "loss": loss} for b, loss in [(5, 0.1), (3, 0.2), (4, 0.05)]])
    assert [(result.budget, result.loss) for result in new.results] == [(3, 0.2)]


def test_budgets_that_are_mappings_are_compared_by_their_costs():
    old = bohb.Optimizer({"x": (0.0, 1.0)}, bohb.ladder([{"e": 1}, {"e": 5}, {"e": 9}], costs=[1, 5, 9]), seed=0)
    for level in range(3):
        old.observe({"x": level / 10}, old.ladder[level], 1.0)
    new = bohb.Optimizer({"x": (0.0, 1.0)}, bohb.ladder([{"e": 1}, {"e": 3}, {"e": 9}], costs=[1, 3, 9]), seed=0)
    adopted = new.adopt(old)
    assert [result.budget for result in new.results] == [{"e": 1}, {"e": 3}, {"e": 9}]
    assert len(adopted.lowered) == 1
    unknown = bohb.Optimizer({"x": (0.0, 1.0)}, new.ladder, seed=0).adopt(old.results)
    assert (unknown.num_new, len(unknown.left_out)) == (2, 1)  # results alone do not say what {"e": 5} costs


def test_another_result_that_is_here_already_stays():
    new = bohb.Optimizer(SPACE, LADDER, seed=1)
    old = search()
    first = old.results[0]
    new.observe(first.config, first.budget, 7.0)
    adopted = new.adopt(old)
    assert new.results[0].loss == 7.0
    assert (adopted.num_new, len(adopted.left_out)) == (19, 1)
    assert "another result" in adopted.left_out[0]


@pytest.mark.parametrize("objectives", [None, {"accuracy": "maximize"}])
def test_a_failure_has_no_value_in_any_message(objectives):
    row = {"config": {"lr": 0.05, "opt": "sgd"}, "budget": 1, "loss": 0.25, "metrics": {"accuracy": 0.75}}
    new = bohb.Optimizer(SPACE, LADDER, seed=0, objectives=objectives)
    new.observe(row["config"], 1, bohb.Failure("lost"))
    (why,) = new.adopt([row]).left_out
    assert why == "result 0 at 1: its configuration has another result at 1 here, a failure"
    with pytest.raises(bohb.TellConflict) as caught:
        new.observe(row["config"], 1, 0.25)
    assert "inf" not in str(caught.value)


def test_checkpoints_stay_with_the_other_search():
    new = bohb.Optimizer(SPACE, LADDER, seed=1)
    new.adopt(search())
    assert not new.releasable()


def test_the_text_names_the_first_that_were_left_out():
    adopted = bohb.Optimizer({"lr": (2.0, 3.0)}, LADDER, seed=1).adopt(search())
    assert str(adopted).splitlines()[0] == (
        "20 results read (0 of them failures), 0 of them new, 0 known before, 20 left out"
    )
    assert str(adopted).splitlines()[-1] == "and 10 more in left_out"


@settings(max_examples=25, deadline=None)
@given(space=spaces, ladder=ladders, seed=seeds)
def test_a_frame_is_read_as_it_is_written(space, ladder, seed):
    pytest.importorskip("pandas")
    old = make("asha", space=space, ladder=ladder, seed=seed)
    for number in range(8):
        try:
            trial = old.ask()
        except bohb.SpaceExhausted:
            break
        old.tell(trial, bohb.Failure("out of memory") if number == 3 else loss_of(trial), info={"n": 0.5})
    for frame in (old.to_frame(), old.to_frame(curves=True)):
        new = make("asha", space=space, ladder=ladder, seed=seed)
        assert new.adopt(frame).left_out == ()
        assert facts_of(new.results) == facts_of(old.results)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, name=st.sampled_from(["float", "finite"]))
def test_a_frame_of_another_program_needs_parameters_budgets_and_losses_only(seed, name):
    pytest.importorskip("pandas")
    old = make("asha", space=name, ladder="geometric", seed=seed)
    for _ in range(8):
        trial = old.ask()
        old.tell(trial, loss_of(trial))
    frame = old.to_frame()
    plain = frame[[column for column in frame if column.startswith("config.") or column in ("budget", "loss")]]
    plain.attrs.clear()
    new = make("asha", space=name, ladder="geometric", seed=seed)
    adopted = new.adopt(plain.astype(object))
    assert (adopted.num_new, adopted.num_failures) == (8, sum(math.isinf(one.loss) for one in old.results))
    assert [(r.config, r.budget, r.loss) for r in new.results] == [(r.config, r.budget, r.loss) for r in old.results]


def test_a_column_that_was_added_to_a_frame_is_a_parameter():
    pytest.importorskip("pandas")
    new = bohb.Optimizer({**SPACE, "wd": (0.0, 1.0)}, LADDER, seed=1)
    frame = search().to_frame()
    frame["config.wd"] = 0.25
    assert new.adopt(frame).num_new == 20
    assert {result.config["wd"] for result in new.results} == {0.25}
    with pytest.raises(bohb.SettingError, match="columns"):
        new.adopt(frame.drop(columns="budget"))


@pytest.mark.parametrize("objectives", [None, {"accuracy": "maximize"}, {"error": "minimize"}])
def test_an_exported_table_is_adopted(tmp_path, objectives):
    pandas = pytest.importorskip("pandas")
    old = bohb.Optimizer(SPACE, LADDER, seed=0, preset="fast", objectives=objectives)
    for number in range(12):
        trial = old.ask()
        value = {"accuracy": number / 20, "error": 1 - number / 20, "loss": number}
        old.tell(trial, bohb.Failure("lost") if number == 4 else value)
    write_csv(old, tmp_path / "old.csv")
    new = bohb.Optimizer(SPACE, LADDER, seed=1, objectives=objectives)
    assert new.adopt(pandas.read_csv(tmp_path / "old.csv")).num_new == 12
    outcomes = [[(r.config, r.budget, r.loss, r.status, r.metrics) for r in one.results] for one in (old, new)]
    assert outcomes[0] == outcomes[1]


LISTED = [
    [(1, 2), (3,), [4, [5]], {"a": 1}],
    [True, "x", 2.5],
    [[0.1, None], "[0.1]", "a"],
    [(("a", "b"), 1), (("c",), 2)],
]


@pytest.mark.parametrize("listed", LISTED)
@pytest.mark.parametrize("kind", ["choices", "ordered"])
def test_listed_values_of_every_kind_come_back_from_every_table(tmp_path, listed, kind):
    """Tables and Optuna have texts in the place of what is no number and no text."""
    space = {"c": {kind: listed}, "x": (0.0, 1.0)}
    old, new = (bohb.Optimizer(space, [1, 3], seed=seed, preset="random") for seed in range(2))
    for number in range(12):
        old.tell(old.ask(), number)
    pandas, expected = pytest.importorskip("pandas"), [(r.config, r.loss) for r in old.results]
    write_csv(old, tmp_path / "a.csv")
    old.to_frame().to_csv(tmp_path / "b.csv")
    for path in ("a.csv", "b.csv"):
        again = bohb.Optimizer(space, [1, 3], seed=1, preset="random")
        assert again.adopt(pandas.read_csv(tmp_path / path)).num_new == 12
        assert [(r.config, r.loss) for r in again.results] == expected
    pytest.importorskip("optuna")
    write_optuna(old, tmp_path / "a.log")
    assert import_optuna(new, tmp_path / "a.log").num_new == 12
    assert [(r.config, r.loss) for r in new.results] == expected


def test_a_text_that_is_a_choice_is_no_other_one():
    optimizer = bohb.Optimizer({"c": ["1", 1, "(2,)", (2,)]}, [1], seed=0)
    rows = [{"config": {"c": value}, "budget": 1, "loss": 0.5} for value in ["1", "(2,)", "[2]", "3", "1.0"]]
    adopted = optimizer.adopt(rows)
    assert [result.config["c"] for result in optimizer.results] == ["1", "(2,)", (2,)]
    assert len(adopted.left_out) == 2


@pytest.mark.parametrize("source", [7, "old.db", [7], [{"config": {}}], None])
def test_what_is_no_search_is_refused_with_what_may_stand_there(source):
    new = bohb.Optimizer(SPACE, LADDER, seed=1)
    with pytest.raises(bohb.SettingError, match="expected an optimizer, a study"):
        new.adopt(source)
    assert not new.events


@pytest.mark.parametrize("name", ["value", "score", "Loss", "metric.loss"])
def test_a_result_that_says_nothing_of_its_outcome_is_no_failure(name):
    """A misspelt name would record every training as a failure for good."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0)
    config = {"x": 0.5}
    good = {"config": {"x": 0.25}, "budget": 1, "loss": 0.3}
    with pytest.raises(bohb.SettingError, match="a loss, metrics or a status"):
        optimizer.adopt([good, {"config": config, "budget": 1, name: 0.3}])
    assert not optimizer.results
    adopted = optimizer.adopt([{"config": config, "budget": 1, "loss": None}])
    assert (adopted.num_new, adopted.num_failures) == (1, 1)


def test_a_late_result_does_not_count():
    old = bohb.Optimizer({"x": ["a", "b"]}, [1], seed=0)
    first = old.ask()
    old.forget(first)
    second = old.ask()
    old.tell(second, 1.0)
    late = old.tell(first, 2.0)
    assert late.status is Status.LATE
    adopted = bohb.Optimizer({"x": ["a", "b"]}, [1], seed=0).adopt([*old.results, late])
    assert (adopted.num_new, len(adopted.left_out)) == (1, 1)


def goals(*, of, into):
    """Return what a search with the objectives `into` has of one with `of`: its account, and its results."""
    old = bohb.Optimizer(SPACE, LADDER, seed=0, preset="fast", objectives=of)
    for number in range(6):
        trial = old.ask()
        told = {"accuracy": 0.5 + number / 100, "error": 0.5 - number / 100, "loss": 0.5 - number / 100}
        old.tell(trial, bohb.Failure("lost") if number == 4 else told)
    news = [bohb.Optimizer(SPACE, LADDER, seed=1, objectives=into) for _ in range(2)]
    accounts = [news[0].adopt(old), news[1].adopt(old.to_state())]
    assert accounts[0] == accounts[1]
    assert news[0].results == news[1].results
    return accounts[0], news[0].results


ACCURACY, ERROR = {"accuracy": "maximize"}, {"error": "minimize"}


@pytest.mark.parametrize("of", [ACCURACY, ERROR])
@pytest.mark.parametrize("into", [ACCURACY, ERROR])
def test_the_metric_that_is_optimised_here_counts(of, into):
    adopted, results = goals(of=of, into=into)
    (name,), sign = into, -1 if into is ACCURACY else 1
    assert (adopted.num_new, adopted.num_failures) == (6, 1)
    for result in results:
        assert result.is_failure or result.loss == sign * result.metrics[name]
        assert result.is_failure or {"accuracy", "error"} <= result.metrics.keys()


def test_a_loss_without_a_name_is_what_is_minimised():
    for of, into in [(None, None), (None, ERROR), (ERROR, None)]:
        adopted, results = goals(of=of, into=into)
        assert adopted.num_new == 6
        good = [result for result in results if not result.is_failure]
        assert [result.loss for result in good] == [0.5, 0.49, 0.48, 0.47, 0.45]
        assert into is None or [result.metrics["error"] for result in good] == [0.5, 0.49, 0.48, 0.47, 0.45]


def test_what_lacks_the_metric_is_left_out():
    for of, into in [(None, ACCURACY), (ACCURACY, None)]:
        adopted, _ = goals(of=of, into=into)
        assert (adopted.num_new, len(adopted.left_out)) == (1, 5)  # a failure is one whatever is optimised
        assert all("expected a value of" in text for text in adopted.left_out)


def test_results_of_a_table_have_their_metrics():
    new = bohb.Optimizer(SPACE, LADDER, seed=1, objectives=ACCURACY)
    row = {"config": {"lr": 0.05, "opt": "sgd"}, "budget": 1, "metrics": {"accuracy": 0.9, "broken": None}}
    failed = [row | {"budget": budget, "metrics": {}, **more} for budget, more in [(3, {}), (9, {"status": "error"})]]
    adopted = new.adopt([row, *failed])
    outcomes = [(result.loss, dict(result.metrics)) for result in new.results]
    assert outcomes == [(-0.9, {"accuracy": 0.9}), (math.inf, {}), (math.inf, {})]
    assert adopted.num_failures == 2


@settings(max_examples=40, deadline=None)
@given(
    value=st.integers(-(2**60), 2**60) | st.floats(-1e9, 1e9),
    wrap=st.sampled_from([lambda value: value, np.float64, np.array, lambda value: np.array([value])]),
    direction=st.sampled_from(["minimize", "maximize"]),
)
def test_a_metric_of_any_kind_of_number_is_saved_as_it_counts(value, wrap, direction):
    row = {"config": {"lr": 0.05, "opt": "sgd"}, "budget": 1, "metrics": {"size": wrap(value), "n": np.int64(3)}}
    old = bohb.Optimizer(SPACE, LADDER, seed=0, objectives={"n": "maximize"})
    old.tell(old.ask(), {"n": np.int64(3), "size": wrap(value)})
    for source in ([row], old, old.to_state(), old.to_frame(), old.results):
        new = bohb.Optimizer(SPACE, LADDER, seed=1, objectives={"size": direction})
        assert new.adopt(source).num_new == 1
        (result,) = new.results
        assert type(result.loss) is float
        assert result.loss == pytest.approx(value if direction == "minimize" else -value)
        assert list(result.metrics) == ["size", "n"]
        assert bohb.Optimizer.from_state(json.loads(json.dumps(new.to_state()))).results == new.results


@pytest.mark.parametrize("accuracy", [0.9, 0.0, -0.5, 1])
def test_every_source_of_a_maximising_search_says_so(accuracy):
    old = bohb.Optimizer(SPACE, LADDER, seed=0, objectives=ACCURACY)
    old.tell(old.ask(), accuracy)
    for source in (old, old.to_state(), old.to_frame(), old.results):
        new = bohb.Optimizer(SPACE, LADDER, seed=1)
        assert (new.adopt(source).num_new, new.incumbent) == (0, None)
