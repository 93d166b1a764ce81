"""A results file survives killed writers, and damage is reported."""

from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.results import ResultsBroken
from tests.benchmarks.worlds import record, records


def test_appended_records_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    assert results.read(path) == []
    for one in records():
        results.append(path, one)
    assert results.read(path) == records()
    assert len(path.read_text().splitlines()) == len(records())


def test_an_incomplete_last_line_is_removed(tmp_path: Path) -> None:
    """Wherever a write was cut off, the runs before it stay, and the next append repairs the file."""
    path = tmp_path / "results.jsonl"
    first, second = (record("p", name, 0, [0.5]) for name in ("a", "b"))
    results.append(path, first)
    whole = path.read_bytes()
    for cut in range(1, len(whole)):
        path.write_bytes(whole + whole[:cut])
        assert results.read(path) == [first]
        results.append(path, second)
        assert results.read(path) == [first, second]
        path.write_bytes(whole[:cut] if cut < len(whole) else whole)
        assert results.read(path) == []


def test_a_long_incomplete_line_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    long = record("p", "a", 0, [0.5] * 20_000)
    results.append(path, long)
    with path.open("ab") as file:
        file.write(path.read_bytes()[:-1])
    results.append(path, record("p", "b", 0, [0.5]))
    assert [one.optimizer for one in results.read(path)] == ["a", "b"]


def test_the_latest_record_of_a_run_counts(tmp_path: Path) -> None:
    path, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    results.append(path, record("p", "a", 0, [0.5], error="broke"))
    results.append(path, record("p", "a", 0, [0.4]))
    results.append(other, record("p", "a", 0, [0.3]))
    assert [one.incumbents[-1][3] for one in results.read(path)] == [0.4]
    assert [one.incumbents[-1][3] for one in results.read_all([path, other])] == [0.3]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    results.append(path, record("p", "a", 0, [0.5]))
    whole = path.read_bytes()
    path.write_bytes(whole[:50] + b"\n" + whole)
    with pytest.raises(ResultsBroken, match="line 1"):
        results.read(path)
    path.write_bytes(whole + b'{"a": 1}\n')
    with pytest.raises(ResultsBroken, match="line 2"):
        results.read(path)
    with pytest.raises(ResultsBroken, match="found nothing"):
        results.read_all([tmp_path / "none.jsonl"])
