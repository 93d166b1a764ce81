"""Runs: which are recorded, which are skipped, and what happens to failures."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import optimizers, problems, protocol, results
from benchmarks.__main__ import main
from benchmarks.optimizers.peer import PeerBroke
from benchmarks.protocol import Run
from benchmarks.settings import setting_of
from tests.benchmarks.worlds import Line, Listed
from tests.benchmarks.worlds import record as made_up

SMALL = ["run", "--problems", "branin", "--optimizers", "random", "bohb-asha", "--seeds", "2", "--total", "4"]


class Breaking(Listed):
    """Breaks at its eleventh result."""

    def tell(self, job: Any, loss: float) -> None:
        super().tell(job, loss)
        if len(self.told) > 10:
            raise PeerBroke("Traceback\nValueError: Input y contains NaN")


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> list[Breaking]:
    """Replace every optimizer by a failing library; return the list of created ones."""
    made: list[Breaking] = []

    def make(*_: Any) -> Breaking:
        made.append(Breaking(lambda i: ((i * 0.618) % 1, 9.0)))
        return made[-1]

    monkeypatch.setattr(optimizers, "make", make)
    monkeypatch.setattr(protocol, "_problem", lambda *_: Line())
    return made


def test_a_failing_library_is_recorded(peer: list[Breaking]) -> None:
    """Its incumbents up to then are kept, and it is closed."""
    record = protocol.perform(Run("line", "peer", 0, setting_of("1")))
    assert record.error == "Traceback\nValueError: Input y contains NaN"
    assert record.incumbents
    assert (record.evaluations, record.ended) == (11, 11.0)
    assert peer[0].closed


def test_a_library_that_cannot_start_is_recorded(monkeypatch: pytest.MonkeyPatch, peer: list[Breaking]) -> None:
    def make(*_: Any) -> Breaking:
        raise PeerBroke("no such space")

    monkeypatch.setattr(optimizers, "make", make)
    record = protocol.perform(Run("line", "peer", 0, setting_of("1")))
    assert (record.error, record.incumbents, record.evaluations) == ("no such space", [], 0)
    assert not peer


def test_an_error_of_the_suite_is_not_recorded(monkeypatch: pytest.MonkeyPatch, peer: list[Breaking]) -> None:
    monkeypatch.setattr(Line, "regret", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        protocol.perform(Run("line", "peer", 0, setting_of("1")))
    assert peer[0].closed


def test_a_record_describes_its_run() -> None:
    run = Run("branin", "bohb-default", 3, setting_of("8-total=16"))
    record = protocol.perform(run)
    assert record.key == run.key == ("8-total=16", 3, "branin", "bohb-default")
    assert record.world["workers"] == 8
    assert record.clock == 2.0
    assert "bohb" in record.versions
    assert record.error is None
    assert record.evaluations >= 16
    assert [time for time, *_ in record.incumbents] == sorted(time for time, *_ in record.incumbents)
    assert 0 < record.seconds < record.wall
    assert protocol.perform(run).incumbents == record.incumbents


def test_runs_are_planned_seed_by_seed() -> None:
    runs = protocol.plan(["p", "q"], ["a", "b"], 2, [setting_of("1"), setting_of("8")])
    assert len({run.key for run in runs}) == len(runs) == 16
    assert [(run.seed, run.problem, run.optimizer) for run in runs[:3]] == [(0, "p", "a"), (0, "p", "b"), (0, "q", "a")]


def test_only_missing_runs_are_performed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An incomplete line repeats only its own run, with the same result; then no run is left."""
    path = tmp_path / "results.jsonl"
    command = [*SMALL, "--jobs", "2", "--out", str(path)]
    assert main(command) == 0
    whole = {record.key: record.incumbents for record in results.read(path)}
    assert len(whole) == 4
    path.write_bytes(path.read_bytes()[:-100])
    assert len(results.read(path)) == 3
    capsys.readouterr()
    assert main(command) == 0
    assert "4 runs, 3 of them" in capsys.readouterr().out
    assert {record.key: record.incumbents for record in results.read(path)} == whole
    before = path.read_bytes()
    assert main(command) == 0
    assert path.read_bytes() == before
    for line in before.splitlines():
        assert json.loads(line)["python"]


def test_failed_runs_are_repeated_only_on_request() -> None:
    runs = protocol.plan(["p"], ["a", "b"], 1, [setting_of("1")])
    done = [made_up("p", "a", 0, [0.5], error="broke"), made_up("p", "b", 0, [0.5])]
    assert protocol.missing(runs, done) == []
    assert protocol.missing(runs, done, again=True) == runs[:1]


def test_runs_are_reported_on_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, folder = tmp_path / "results.jsonl", tmp_path / "report"
    assert main([*SMALL, "--workers", "1", "8-stragglers", "--out", str(path)]) == 0
    assert main(["report", str(path), "--out", str(folder), "--reference", "bohb-asha"]) == 0
    assert "bohb-asha against the others" in capsys.readouterr().out
    assert (folder / "report.html").stat().st_size > 50_000


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "--problems", "nowhere"], "nowhere"),
        (["run", "--optimizers", "nobody"], "nobody"),
        (["run", "--workers", "8-odd"], "'odd'"),
        (["run", "--crashes", "3"], "crashes from 0 to 1"),
        (["run", "--problems", "real", "--data", "/nowhere", "--optimizers", "random"], "/nowhere"),
        (["report", "nothing.jsonl"], "found nothing at nothing.jsonl"),
    ],
)
def test_invalid_input_is_refused(
    words: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "results.jsonl")] if words[0] == "run" else []
    assert main([*words, *out]) == 2
    complaint = capsys.readouterr().err
    assert says in complaint
    assert complaint.startswith("error: ")
    assert "Traceback" not in complaint


def test_the_number_of_seeds_is_positive(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--seeds", "0"])
    assert "at least 1" in capsys.readouterr().err


@pytest.mark.slow
def test_the_fixed_subset_is_run_and_reported(tmp_path: Path) -> None:
    """On it, no preset is worse than random search on average."""
    path = tmp_path / "results.jsonl"
    assert main(["run", "--group", "ci", "--jobs", "2", "--out", str(path)]) == 0
    made = results.read(path)
    assert {record.problem for record in made} >= set(problems.names("ci"))
    assert {record.seed for record in made} == {0, 1, 2}
    assert not any(record.error for record in made)
    assert main(["report", str(path), "--out", str(tmp_path / "report")]) == 0
    text = (tmp_path / "report" / "report.txt").read_text()
    ranking = [line.split()[0] for line in text.splitlines()[2:8]]
    assert ranking[-1] == "random"
