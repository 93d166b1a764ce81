"""Placeholders: every value arrives as one argument, exactly; what has no value is left out; nothing unknown runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.cli.templates import check_words, fill_in
from bohb.errors import SettingError
from bohb.trials import Origin, Trial


def trial(config, checkpoint=None):
    return Trial(7, config, 9, 3, 0, 1, None if checkpoint is None else 4, checkpoint, Origin.RANDOM)


VALUES = st.one_of(st.text(), st.integers(), st.floats(allow_nan=False), st.booleans())


@given(st.dictionaries(st.sampled_from(["a", "b-c", "d:e", "ü", "opt{x}", "a{}{b}"]), VALUES, min_size=1))
def test_every_value_is_one_argument_and_exact(config):
    """Whatever a value holds (spaces, quotes, braces, newlines), it is never taken apart or read again."""
    doubled = {name: name.replace("{", "{{").replace("}", "}}") for name in config}
    words = ["cmd", *(f"{{{doubled[name]}}}" for name in config)]
    check_words(words, config)
    pairs = [f"{{{{{doubled[name]}={word}}}}}" for name, word in zip(config, words[1:], strict=True)]
    filled = fill_in(words, trial(config))[1:]
    assert fill_in(pairs, trial(config)) == [f"{{{name}={word}}}" for name, word in zip(config, filled, strict=True)]
    for value, word in zip(config.values(), fill_in(words, trial(config))[1:], strict=True):
        if isinstance(value, str):
            assert word == value
        elif isinstance(value, bool):
            assert word == ("true" if value else "false")
        else:
            assert type(value)(word) == value


def test_a_missing_value_is_left_out_with_its_option():
    words = ["train", "-v", "--lr", "{lr}", "--momentum", "{momentum}", "--resume={checkpoint}", "{momentum:-0}", "end"]
    check_words(words, ["lr", "momentum"])
    assert fill_in(words, trial({"lr": 0.1})) == ["train", "-v", "--lr", "0.1", "0", "end"]
    assert fill_in(words, trial({"lr": 0.1, "momentum": 0.5}, "c d")) == [
        *("train", "-v", "--lr", "0.1", "--momentum", "0.5", "--resume=c d", "0.5", "end")
    ]


def test_the_trial_and_braces():
    words = [
        "{trial}",
        "{budget}",
        "{previous:-none}",
        "{config_id}",
        "{config}",
        "{{x}}",
        "{config.budget}",
        "{repeat}",
    ]
    check_words(words, ["budget"])
    assert fill_in(words, trial({"budget": "small"})) == [
        *("7", "9", "none", "3", '{"budget": "small"}', "{x}", "small", "0")
    ]


@pytest.mark.parametrize("word", ["{nme}", "{}", "{", "}", "{a b}", '{"a": 1}', "x{nme:-1}"])
def test_an_unknown_placeholder_is_an_error(word):
    with pytest.raises(SettingError, match="for braces"):
        check_words(["cmd", word], ["name"])
