"""A setting and its name are equivalent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.settings import changed, name_of, setting_of
from benchmarks.simulation import Setting

SHARES = st.sampled_from([0.0, 0.05, 0.1, 0.25])


@given(
    st.builds(
        Setting,
        workers=st.integers(1, 200),
        total=st.sampled_from([1.5, 30.0, 96.0, 1000.0]),
        resume=st.booleans(),
        measured=st.booleans(),
        stragglers=st.sampled_from([0.0, 0.5, 1.0]),
        crashes=SHARES,
        losses=SHARES,
        seconds=st.sampled_from([None, 0.001, 600.0, 3600.0]),
    )
)
def test_names_and_settings_are_equivalent(setting: Setting) -> None:
    assert setting_of(name_of(setting)) == setting


def test_the_usual_names() -> None:
    assert setting_of("1") == Setting(1, 30.0)
    assert setting_of("32-stragglers") == Setting(32, 96.0, stragglers=1.0)
    assert setting_of("8-crashes=0.2-scratch") == Setting(8, 96.0, crashes=0.2, resume=False)
    assert name_of(changed(setting_of("128"), seconds=600.0, crashes=None)) == "128-seconds"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "a setting such as"),
        ("0", "a setting such as"),
        ("many", "a setting such as"),
        ("8-stragler", "'stragler'"),
        ("8-crashes=much", "a number"),
        ("8-crashes=2", "crashes from 0 to 1"),
        ("8-total", "a value"),
        ("8-total=0", "total"),
        ("8-scratch=1", "no value"),
        ("8-seconds=0", "seconds"),
    ],
)
def test_an_invalid_setting_is_refused(name: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        setting_of(name)
