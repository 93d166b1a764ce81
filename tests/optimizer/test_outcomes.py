"""A loss is never lost to what is beside it, whichever way it is told."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb._json import MAX_CHARACTERS
from bohb.errors import BohbWarning
from bohb.optimizer.outcomes import MAX_CHECKPOINT
from bohb.study import quick_tell
from tests.test_plain import values

SPACE = {"x": (0.0, 1.0)}


def told(outcome, **more):
    """Return the result of the first trial, and the warnings."""
    optimizer = bohb.Optimizer(SPACE, [1, 3], seed=0, preset="random")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = optimizer.tell(optimizer.ask(), outcome, **more)
    assert bohb.Optimizer.from_state(optimizer.to_state()).results[0] == result
    return result, [str(warning.message) for warning in caught]


@given(info=st.dictionaries(st.text(), values, max_size=4) | values, checkpoint=values, more=values)
@settings(deadline=None)
def test_nothing_beside_a_loss_costs_the_loss(info, checkpoint, more):
    """A mapping says the same as the arguments."""
    for outcome, arguments in [
        (0.5, {"info": info, "checkpoint": checkpoint}),
        ({"loss": 0.5, "info": info, "checkpoint": checkpoint, "more": more}, {}),
    ]:
        result, _ = told(outcome, **arguments)
        assert (result.loss, result.status) == (0.5, "ok")


@pytest.mark.parametrize("loss", [0.5, np.float32(0.5), np.array([0.5]), np.array([[0.5]]), np.array(0.5)])
def test_arrays_of_one_element_are_numbers(loss):
    assert told(loss)[0].loss == told({"loss": loss})[0].loss == 0.5


def test_a_mapping_holds_everything():
    """The arguments come first."""
    result, messages = told({"loss": 0.5, "checkpoint": "c", "info": {"a": 1}, "acc": np.float32(0.5), "f1": math.nan})
    assert (result.loss, result.checkpoint) == (0.5, "c")
    assert result.info == {"acc": 0.5, "f1": None, "a": 1}
    assert messages == []
    result, _ = told({"loss": 0.5, "checkpoint": "c", "info": {"a": 1}}, checkpoint="d", info={"a": 2})
    assert (result.checkpoint, result.info) == ("d", {"a": 2})
    assert told({"loss": math.nan, "acc": 1})[0].status == "nan"


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"info": [1]}, "info of type list"),
        ({"info": {"a": object()}}, "info['a'] of type object"),
        ({"info": {"a": "x" * MAX_CHARACTERS, "b": 1}}, "info['a']"),
        ({"checkpoint": 7}, "a checkpoint of type int"),
        ({"checkpoint": "x" * (MAX_CHECKPOINT + 1)}, "a checkpoint of 65537 characters"),
    ],
)
def test_a_warning_names_what_is_dropped(more, place):
    result, messages = told(0.5, **more)
    assert (result.loss, result.checkpoint) == (0.5, None)
    assert len(messages) == 1
    assert place in messages[0]
    assert "the loss counts" in messages[0]
    assert result.info == ({"b": 1} if "b" in more.get("info", ()) else {})


def test_observe_reads_the_same():
    optimizer = bohb.Optimizer(SPACE, [1, 3], seed=0)
    result = optimizer.observe({"x": 0.5}, 1, {"loss": np.array([0.25]), "acc": np.float32(0.5)})
    assert (result.loss, result.info) == (0.25, {"acc": 0.5})
    assert bohb.Optimizer.from_state(optimizer.to_state()).results[0] == result


def test_a_study_keeps_the_largest_info(tmp_path):
    """What is accepted fits into an event, told either way."""
    target = tmp_path / "s.db"
    info = {"a": "x" * (MAX_CHARACTERS // 2), "b": "\\" * (MAX_CHARACTERS // 2), "c": 1}
    with bohb.Study.open(target, SPACE, [1, 3], seed=0) as study:
        first, second = study.ask(), study.ask()
        with pytest.warns(BohbWarning, match=r"info\['b'\]"):
            study.tell(first, 0.5, info=info)
        with pytest.warns(BohbWarning, match=r"info\['b'\]"):
            quick_tell.tell(target, second.id, {"loss": 0.5}, info=info)
        assert [sorted(result.info) for result in study.results] == [["a", "c"], ["a", "c"]]
