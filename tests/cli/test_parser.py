"""The order of options and arguments means nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.cli.parser import parse

CALLS = [
    (["run", "a.db", "train.py:objective"], [["--max-trials", "6"], ["--workers", "2"], ["--json"]]),
    (["retry", "a.db", "3", "4"], [["--json"]]),
    (["fail", "a.db", "3", "disk full"], [["--json"]]),
    (["tell", "a.db", "3"], [["--loss", "-1e-3"], ["--cost", "2"], ["--json"]]),
    (["export", "a.db"], [["--csv", "a.csv"], ["--force"]]),
]


@given(call=st.sampled_from(CALLS), data=st.data())
def test_options_may_stand_anywhere_after_the_command(call, data):
    (command, *arguments), options = call
    kept = parse([command, *arguments, *(word for option in options for word in option)])
    places = [data.draw(st.integers(0, len(arguments))) for _ in options]
    words = [command]
    for number in range(len(arguments) + 1):
        words += [word for option, place in zip(options, places, strict=True) if place == number for word in option]
        words += arguments[number : number + 1]
    assert parse(words) == kept


@pytest.mark.parametrize(
    "words", [["run", "a.db", "x:y", "z"], ["retry", "a.db", "--json", "x"], ["tell", "--loss", "1"]]
)
def test_what_is_too_much_or_missing_is_still_refused(words, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(words)
    assert caught.value.code == 2
    assert "bohb" in capsys.readouterr().err
