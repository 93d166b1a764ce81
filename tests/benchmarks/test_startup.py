"""The benchmark of single commands runs each of them in a process of its own, on a study that goes on."""

from pathlib import Path

import bohb
from benchmarks import startup


def test_a_round_measures_every_command_and_continues_the_study(tmp_path: Path) -> None:
    study = tmp_path / "study.db"
    startup.fill(str(study), 4)
    seconds = startup.measure_round(tmp_path / "bytecode", study)
    assert seconds.keys() == {"numpy", *startup.LIMITS}
    assert all(value > 0 for value in seconds.values())
    with bohb.Study.open(study) as opened:
        assert len(opened.results) == 5
        assert not opened.pending
