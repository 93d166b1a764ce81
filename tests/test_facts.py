"""The facts of a trial are checked when they are made, and survive JSON."""

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.facts import Facts

NUMBERS = [each.name for each in dataclasses.fields(Facts) if each.name not in ("reason", "surrogate", "score", "more")]
VALUES = st.one_of(st.none(), st.integers(-3, 10**6))


@st.composite
def facts(draw):
    numbers = {name: draw(VALUES) for name in NUMBERS}
    if numbers["good"] is None or numbers["bad"] is None:
        numbers["good"] = numbers["bad"] = None
    texts = {name: draw(st.none() | st.text(max_size=5)) for name in ("reason", "surrogate")}
    score = draw(st.none() | st.floats(allow_nan=False, allow_infinity=False))
    more = draw(
        st.dictionaries(st.sampled_from(["mood", "x"]), st.integers() | st.lists(st.text(max_size=3)), max_size=2)
    )
    return Facts(**numbers, **texts, score=score, more=more)


@given(facts())
def test_json_keeps_every_fact(one):
    data = json.loads(json.dumps(one.to_json()))
    assert Facts.from_json(data) == one
    assert None not in data.values()


@pytest.mark.parametrize(
    "wrong",
    [
        *({"level": "0"}, {"level": 1.0}, {"rank": True}, {"reason": 3}, {"score": math.nan}, {"score": "x"}),
        *({"good": 1}, {"bad": 1}, {"more": {"level": 1}}, {"more": 3}),
    ],
    ids=repr,
)
def test_a_value_of_the_wrong_type_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        Facts(**wrong)


@pytest.mark.parametrize(
    "data", [None, [1], {"rank": True}, {"rejected": 1.0, "duplicates": 0}, {"rank": "1"}], ids=repr
)
def test_data_that_is_not_valid_is_refused(data):
    Facts.from_json(
        {"rejected": 1, "duplicates": 0, "reason": "1"}
    )  # Python takes some wrong values for equal to these
    with pytest.raises((TypeError, ValueError), match="expected"):
        Facts.from_json(data)


def test_equal_small_facts_are_one_object():
    """A large study of random configurations repeats the same few facts."""
    data = {"reason": "no model", "rejected": 0, "duplicates": 0}
    assert Facts.from_json(dict(data)) is Facts.from_json(dict(data))


def test_what_an_old_model_noted_under_the_name_of_a_fact_is_kept():
    """The first version of the format checked a few names only."""
    data = {"reason": ["a"], "needed": 2.5, "results": "many", "rejected": 0, "duplicates": 0}
    facts = Facts.from_json(data)
    assert facts.reason is None
    assert facts.to_json() == data
    assert Facts.from_json(facts.to_json()) == facts
