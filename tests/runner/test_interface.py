"""The leases that a run takes on a shared study."""

import time
from collections import Counter
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

import bohb
from bohb.runner import SerialExecutor, interface

SPACE = {"x": (0.0, 1.0)}


def half(trial: bohb.Trial) -> float:
    return 0.5


class Leased(bohb.Optimizer):
    """An optimizer with the methods of a shared study, which counts their calls."""

    def __init__(self) -> None:
        super().__init__(SPACE, budgets=[1, 3], seed=0)
        self.calls: Counter[str] = Counter()

    def ask(self, *, lease: float | None = None) -> bohb.Trial:
        self.calls["leased" if lease else "unleased"] += 1
        return super().ask()

    def heartbeat(self, trial: bohb.Trial) -> None:
        assert trial in self.pending
        self.calls["heartbeat"] += 1

    def release(self, trial: bohb.Trial) -> None:
        self.calls["release"] += 1
        self.forget(trial)


def test_leases_of_running_trials_are_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each trial runs until its lease was renewed twice."""
    monkeypatch.setattr(interface, "HEARTBEAT_SECONDS", 0.05)

    class Noting(Leased):
        def heartbeat(self, trial: bohb.Trial) -> None:
            super().heartbeat(trial)
            self.calls[f"trial {trial.id}"] += 1
            if self.calls[f"trial {trial.id}"] == 2:
                (tmp_path / f"{trial.id}").touch()

    def objective(trial: bohb.Trial) -> float:
        until = time.monotonic() + 600
        while not (tmp_path / f"{trial.id}").exists() and time.monotonic() < until:
            time.sleep(0.01)
        return 0.5

    study = Noting()
    bohb.run(objective, study, max_trials=2, progress=False)
    assert study.calls["leased"] == 2
    assert study.calls["heartbeat"] >= 4
    assert not study.calls["release"]


def test_a_blocking_executor_takes_no_lease() -> None:
    study = Leased()
    bohb.run(half, study, executor=SerialExecutor(), max_trials=2, progress=False)
    assert study.calls == {"unleased": 2}


def test_a_trial_that_cannot_be_submitted_is_released() -> None:
    study = Leased()

    class Breaks(Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            raise RuntimeError("cannot start")

    with pytest.raises(RuntimeError, match="cannot start"):
        bohb.run(half, study, executor=Breaks(), max_trials=2, progress=False)
    assert study.calls == {"leased": 1, "release": 1}
    assert not study.pending
