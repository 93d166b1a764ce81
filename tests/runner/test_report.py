"""The report of a run."""

import time
from pathlib import Path

import pytest

import bohb
from bohb.runner import Report

SPACE = {"x": (0.0, 1.0)}


def make_optimizer(seed: int = 0) -> bohb.Optimizer:
    return bohb.Optimizer(SPACE, budgets=bohb.geometric(1, 9, eta=3), seed=seed, preset="hyperband")


def half(trial: bohb.Trial) -> float:
    return 0.5


def test_busy_and_idle_seconds_add_up() -> None:
    report = bohb.run(lambda trial: time.sleep(0.05) or 0.5, make_optimizer(), max_trials=4, progress=False)
    assert 0.2 <= report.busy_seconds <= report.seconds
    assert report.idle_seconds == pytest.approx(report.seconds - report.busy_seconds)


def test_every_value_is_escaped() -> None:
    """In a terminal and in a notebook: a configuration may hold any text."""
    hostile = "<script>alert(1)</script>\x1b[2J"
    optimizer = bohb.Optimizer({"x": [hostile, hostile + "!"]}, budgets=[1], seed=0)
    report = bohb.run(half, optimizer, max_trials=1, progress=False)
    assert "<script>" not in report._repr_html_()
    assert "&lt;script&gt;" in report._repr_html_()
    assert "\x1b" not in str(report) + report._repr_html_()
    assert "stopped by" in str(report)
    assert "no trial succeeded" in str(Report(None, (), 0, 0, 0, 0.0, 0.0, 0.0, 0.0, "max_seconds", None))


def test_the_output_is_named(tmp_path: Path) -> None:
    """`output` in the directory of the run; None if trials print to the terminal."""
    arguments = {"max_trials": 2, "directory": tmp_path, "progress": False}
    assert bohb.run(lambda _: print("here") or 0.5, make_optimizer(), workers=2, **arguments).output == (
        tmp_path / "output"
    )
    assert bohb.run(lambda _: 0.5, make_optimizer(), max_trials=2, progress=False).output is None
