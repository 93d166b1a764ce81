"""Targets: a benchmark fails if a figure falls short."""

import math

import pytest

from benchmarks.targets import Target, show


@pytest.mark.parametrize(
    ("value", "at_least", "is_met"),
    [(1.0, False, True), (2.0, False, True), (2.1, False, False), (1.9, True, False), (2.0, True, True)],
)
def test_a_limit_is_met_up_to_equality(value: float, at_least: bool, is_met: bool) -> None:
    """A figure may equal its limit."""
    assert Target("figure", value, 2.0, "ms", at_least).is_met == is_met


def test_what_could_not_be_measured_falls_short() -> None:
    """Nan meets no limit."""
    assert not Target("figure", math.nan, 2.0, "ms").is_met
    assert not Target("figure", math.nan, 2.0, "ms", at_least=True).is_met


def test_the_exit_status_says_whether_all_are_met(capsys: pytest.CaptureFixture[str]) -> None:
    """One that falls short is named, and makes the status 1."""
    met, missed = Target("fast", 1.0, 2.0, "ms"), Target("slow", 3.0, 2.0, "ms")
    assert show([met]) == 0
    assert show([met, missed]) == 1
    printed = capsys.readouterr().out
    assert "falls short: slow" in printed
    assert "1 of 2 targets are met" in printed
