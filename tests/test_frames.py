"""Frames: a row a result, typed columns, nothing lost on the way there and back."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb._frame import ATTRIBUTE, configs_of, context_of, frame_of, labels
from bohb.errors import SettingError
from bohb.frames import to_frame
from bohb.optimizer.tally import tally_of
from bohb.space import Space
from bohb.trials import ReadOnlyDict, failure_kind, failure_text
from tests.strategies import LADDERS, SPACES, loss_of, make


def searched(*, space: str = "mixed", ladder: str = "geometric", num: int = 40) -> bohb.Optimizer:
    opt = make("hyperband", space=space, ladder=ladder)
    for number in range(num):
        try:
            trial = opt.ask()
        except bohb.SpaceExhausted:
            break
        opt.tell(trial, loss_of(trial), checkpoint=f"c{trial.id}" if number % 2 else None, info={"gpu": number % 3})
    return opt


@pytest.mark.parametrize("space", sorted(SPACES))
@pytest.mark.parametrize("ladder", sorted(LADDERS))
def test_a_frame_has_every_fact_of_every_result(space: str, ladder: str) -> None:
    opt = searched(space=space, ladder=ladder)
    frame = opt.to_frame()
    assert list(frame["trial"]) == [result.trial.id for result in opt.results]
    assert list(frame["loss"]) == [result.loss for result in opt.results]
    assert list(frame["status"]) == [str(result.status) for result in opt.results]
    assert list(frame["origin"]) == [str(result.trial.origin) for result in opt.results]
    assert [None if pd.isna(one) else one for one in frame["previous"]] == [one.trial.previous for one in opt.results]
    assert [None if pd.isna(one) else one for one in frame["checkpoint"]] == [one.checkpoint for one in opt.results]
    assert list(context_of(frame).costs(frame)) == [
        opt.ladder.costs[opt.ladder.level(result.budget)] for result in opt.results
    ]


@pytest.mark.parametrize("space", sorted(SPACES))
def test_configurations_come_back_as_they_were(space: str) -> None:
    opt = searched(space=space)
    configs = configs_of(opt.to_frame(), opt.space)
    assert configs == [dict(result.config) for result in opt.results]
    assert [[type(value) for value in one.values()] for one in configs] == [
        [type(value) for value in result.config.values()] for result in opt.results
    ]


@pytest.mark.parametrize("space", sorted(SPACES))
def test_positions_are_those_of_the_space(space: str) -> None:
    opt = searched(space=space)
    frame = opt.to_frame()
    expected = np.array([opt.space.encode(result.config) for result in opt.results])
    assert np.array_equal(context_of(frame).vectors(frame), expected, equal_nan=True)


def test_columns_are_typed() -> None:
    frame = searched().to_frame()
    kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert kinds["config.rate"] == "float64"
    assert kinds["config.units"] == "Int64"
    assert kinds["config.act"] == "category"
    assert kinds["info.gpu"] == "Int64"
    assert kinds["finished_at"] == "datetime64[us, UTC]"
    assert list(frame["config.act"].cat.categories) == ["relu", "tanh", "None"]
    assert frame["config.size"].cat.ordered
    assert not frame["config.act"].cat.ordered


values = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["1", "None", "a"]), st.just((1, 2)))


@given(st.lists(values, min_size=1, max_size=6, unique_by=lambda value: (type(value).__name__, value)))
def test_labels_are_distinct_and_can_be_categories(listed: list[Any]) -> None:
    own = labels(listed)
    assert len(pd.Categorical(own, categories=own).categories) == len(listed)


@settings(max_examples=30)
@given(st.lists(values, min_size=2, max_size=5, unique=True))
def test_choices_of_any_kind_come_back(listed: list[Any]) -> None:
    opt = bohb.Optimizer({"x": listed}, [1], seed=0, preset="random")
    for _ in listed:
        opt.tell(opt.ask(), 1.0)
    got = [one["x"] for one in configs_of(opt.to_frame(), opt.space)]
    assert [(type(value), value) for value in got] == [(type(r.config["x"]), r.config["x"]) for r in opt.results]


def test_every_kind_of_search_gives_the_same_frame(tmp_path: Any) -> None:
    with bohb.Study.open(tmp_path / "s.db", {"x": (0.0, 1.0)}, [1, 3], seed=0) as study:
        for _ in range(5):
            study.tell(study.ask(), 1.0)
        frame = study.to_frame()
        untimed = ["seconds", "asked_at", "finished_at"]
        assert (frame["finished_at"] >= frame["asked_at"]).all()
        assert (frame["seconds"] >= 0).all()
        for other in (study.snapshot(), study.to_state(), bohb.Optimizer.from_state(study.to_state()), frame, study):
            pd.testing.assert_frame_equal(to_frame(other).drop(columns=untimed), frame.drop(columns=untimed))


def test_a_curve_has_a_row_for_each_point_and_ends_in_the_result() -> None:
    opt = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 4], seed=0, preset="random")
    result = opt.tell(opt.ask(), 0.5)
    with_curve = bohb.Result(
        result.trial, 0.5, result.status, None, {}, ReadOnlyDict(top5=0.75), ((1, 0.9), (2, 0.7)), 60.0, 1000.0
    )
    frame = frame_of(opt.space, opt.ladder, [with_curve], curves=True)
    assert list(frame["budget"]) == [1, 2, 4]
    assert list(frame["loss"]) == [0.9, 0.7, 0.5]
    assert list(frame["is_result"]) == [False, False, True]
    assert [None if pd.isna(value) else value for value in frame["metric.top5"]] == [None, None, 0.75]
    assert set(frame["asked_at"]) == {pd.Timestamp(940, unit="s", tz="UTC")}
    assert len(frame_of(opt.space, opt.ladder, [with_curve])) == 1


def test_a_curve_of_a_metric_has_its_values() -> None:
    opt = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 4], seed=0, preset="random", objectives={"accuracy": "maximize"})
    trial = opt.ask()
    opt.report(trial, 2, 0.25)
    opt.tell(trial, {"accuracy": 0.5, "top5": 0.75})
    frame = opt.to_frame(curves=True)
    assert list(frame["metric.accuracy"]) == [0.25, 0.5]
    assert list(frame["loss"]) == [-0.25, -0.5]
    assert (context_of(frame).told, context_of(frame).sign) == ("accuracy", -1.0)


def test_a_failure_has_its_error_in_a_column_of_its_own() -> None:
    opt = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0)
    opt.tell(opt.ask(), ValueError("no"))
    opt.tell(opt.ask(), 1.0)
    frame = opt.to_frame()
    assert frame["error"].tolist()[0] == "ValueError: no"
    assert pd.isna(frame["error"][1])
    assert math.isinf(frame["loss"][0])
    assert "info.error" not in frame.columns


def test_a_search_without_results_has_all_columns() -> None:
    full, empty = searched().to_frame(), make().to_frame()
    assert len(empty) == 0
    assert [name for name in full.columns if not name.startswith("info.")] == list(empty.columns)


def test_of_a_frame_that_lost_its_search_the_space_is_inferred() -> None:
    frame = searched(space="float").to_frame()
    frame.attrs.clear()
    inferred = context_of(frame)
    assert inferred.space is None
    assert {name: each.range.is_log for name, each in inferred.parameters.items() if each.range} == {
        "x": False,
        "y": False,
        "z": True,
    }
    assert np.isfinite(inferred.vectors(frame)).all()


def test_a_frame_carries_its_space_as_json_can() -> None:
    frame = searched().to_frame()
    assert Space.from_json(frame.attrs[ATTRIBUTE]["space"]).names == searched().space.names


def test_what_is_no_search_is_refused() -> None:
    with pytest.raises(SettingError, match="expected an optimizer, a study"):
        to_frame(3)
    with pytest.raises(SettingError, match="one without"):
        context_of(pd.DataFrame({"loss": [1.0]}))


def test_a_rate_of_errors_is_no_reason_of_a_failure() -> None:
    """People name a metric so; it stays in the info, of successes and of losses that are not finite."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0, preset="random")
    for number in range(8):
        optimizer.tell(optimizer.ask(), {"loss": math.nan if number < 6 else 0.5, "error": number / 10})
    optimizer.tell(optimizer.ask(), ValueError("boom"), info={"error": 0.25})
    *others, failed = optimizer.results
    frame = optimizer.to_frame()
    assert frame["info.error"].tolist()[:8] == [number / 10 for number in range(8)]
    assert frame["error"].isna().tolist() == [True] * 8 + [False]
    assert (failed.reason, failure_text(failed), failure_kind(failed)) == (2 * ("ValueError: boom",) + ("ValueError",))
    assert {failure_kind(result) for result in others if result.is_failure} == {"nan"}
    assert "nan" in tally_of(optimizer).failures[0].reason
    again = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0, preset="random")
    again.adopt(frame)
    assert [result.info for result in again.results] == [result.info for result in optimizer.results]
