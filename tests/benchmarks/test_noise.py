"""The comparison where trainings are noisy: its tables, and a tiny run of it."""

from pathlib import Path

import pytest

from benchmarks import noise, results
from benchmarks.optimizers import OPTIMIZERS
from benchmarks.problems import make, names
from tests.benchmarks.worlds import record


def test_every_name_is_known() -> None:
    assert set(noise.USUAL) <= set(OPTIMIZERS)
    assert set(noise.PROBLEMS) <= set(names("all"))
    assert {make(name).name for name in names("noisy")} == set(names("noisy"))


def test_a_table_compares_what_is_recommended() -> None:
    """Whoever recommends nothing of its own is scored by its incumbent."""
    records = [
        record("p", name, seed, [1.0, 0.5 + seed], recommended=[(30.0, 0.25 + seed)] if is_own else [])
        for name, is_own in (("bohb-default", True), ("bohb-hyperband", False), ("random", False))
        for seed in range(2)
    ]
    text = noise.report(records)
    incumbents, recommended, duel = text.split("\n\n")
    assert incumbents.count("1.000 ± 0.500") == 3
    assert recommended.count("1.000 ± 0.500") == 2
    assert recommended.count("0.750 ± 0.500") == 1
    assert "0.75" in duel
    assert "-0.250 ± 0.000" in duel


def test_a_tiny_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Finished runs are kept, and not repeated."""
    words = ["--seeds", "1", "--total", "3", "--problems", "noisy-collapse", "--out", str(tmp_path / "noise.jsonl")]
    assert noise.main(words) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in noise.USUAL)
    before = results.read(tmp_path / "noise.jsonl")
    assert noise.main(words) == 0
    assert capsys.readouterr().out == printed
    assert results.read(tmp_path / "noise.jsonl") == before
    assert len(before) == 3
