"""The folders that users name for a run and for what trials print."""

from pathlib import Path
from typing import Any

import pytest

import bohb
from bohb.runner import ProcessExecutor
from bohb.runner.workers.temporary import folder_path


@pytest.mark.parametrize("path", ["a\0b", 3, 0.5, ["a"]])
def test_what_is_no_path_is_refused_by_name_before_the_first_trial(path: Any) -> None:
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0)
    with pytest.raises(bohb.SettingError, match="expected the path of a folder as directory"):
        bohb.run(lambda _: 0.5, optimizer, max_trials=1, directory=path, progress=False)
    with pytest.raises(bohb.SettingError, match="expected the path of a folder as output"):
        ProcessExecutor(1, output=path)
    assert not optimizer.events


def test_a_path_is_made_absolute_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for given, path in ((tmp_path, tmp_path), ("a/b", tmp_path / "a" / "b"), (b"a", tmp_path / "a"), (".", tmp_path)):
        assert folder_path("output", given) == path
    assert not list(tmp_path.iterdir())
